"""Every example and every block of the README runs, in a process of its own."""

import re
from pathlib import Path

import numpy as np
import oracles
import pytest
from interpreter import ROOT, run
from safetensors.numpy import load_file

from jaxnet_mini.datasets import digits
from jaxnet_mini.streams import CHUNK_BYTES

PARTS = ("kernel", "bias")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def strict(*arguments: str, folder: Path, **environment: str) -> str:
    return run("-W", "error", *arguments, folder=folder, **environment)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def test_quickstart_reports_accuracy_and_saves_a_picture(tmp_path: Path) -> None:
    printed = strict(str(ROOT / "examples/quickstart.py"), folder=tmp_path)
    accuracy = float(re.search(r"Test accuracy ([\d.]+)", printed).group(1))
    assert accuracy > 0.9
    assert "9,610" in printed  # 64 * 128 + 128 + 128 * 10 + 10
    assert (tmp_path / "quickstart.png").read_bytes().startswith(b"\x89PNG")


def test_functional_example_trains_one_and_eight_models(tmp_path: Path) -> None:
    printed = strict(str(ROOT / "examples/functional.py"), folder=tmp_path)
    assert float(re.search(r"one model: ([\d.]+)", printed).group(1)) > 0.9
    eight = re.search(r"eight models: \[([^]]+)\]", printed).group(1).split()
    assert len(eight) == 8
    assert min(map(float, eight)) > 0.9


def test_own_layer_example_trains(tmp_path: Path) -> None:
    printed = strict(str(ROOT / "examples/own_layer.py"), folder=tmp_path)
    assert "gate (Gate)" in printed
    assert float(re.search(r"Test accuracy ([\d.]+)", printed).group(1)) > 0.9


def test_fashion_mnist_example_reaches_what_keras_reaches(
    tmp_path: Path, fashion_mnist_folder: Path
) -> None:
    script = str(ROOT / "examples/fashion_mnist.py")
    printed = strict(script, "--data", str(fashion_mnist_folder), folder=tmp_path)
    (last,) = re.findall(r"^Epoch 5/5: .* - accuracy: ([\d.]+)", printed, re.M)
    assert 0.885 <= float(last) <= 0.900
    assert float(re.search(r"Test accuracy ([\d.]+)", printed).group(1)) >= 0.86


def test_sweep_example_keeps_the_best_and_draws_all(tmp_path: Path) -> None:
    script = str(ROOT / "examples/sweep.py")
    small = ("--rates", "3", "--seeds", "2", "--epochs", "8", "--batch-size", "32")
    printed = strict(script, "--digits", *small, folder=tmp_path)
    rows = [
        [float(cell) for cell in line.strip("│").split("│")]
        for line in printed.splitlines()
        if line.startswith("│")
    ]
    rates = np.repeat(np.logspace(-4, -1.5, 3), 2)
    np.testing.assert_allclose(sorted(row[0] for row in rows), rates, rtol=1e-3)
    losses = [row[5] for row in rows]
    assert losses == sorted(losses)
    # What the file holds is worth what was said of the best.
    said = r"The best: test accuracy ([\d.]+), test loss ([\d.]+)"
    kept = load_file(tmp_path / "sweep-best.safetensors")
    params = {
        name: {part: oracles.float64(kept[f"{name}/{part}"]) for part in PARTS}
        for name in ("dense", "dense_1")
    }
    x, y = digits.load_data()[1]
    logits, _ = oracles.mlp(params, x.reshape(len(x), 64) / 16.0)
    worth = [np.mean(logits.argmax(-1) == y), oracles.crossentropy(y, logits).mean()]
    found = [float(number) for number in re.search(said, printed).groups()]
    np.testing.assert_allclose(found, worth, atol=1e-4)
    assert found[0] > 0.9
    together = r"The best 3 together: test accuracy ([\d.]+), test loss ([\d.]+)"
    assert float(re.search(together, printed).group(1)) > 0.9
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def losses_by_devices(printed: str) -> dict[str, list[float]]:
    """What the example says of each number of devices."""
    lines = re.findall(
        r"^(\d[^:]*): losses ([\d., ]+); [\d.]+ s an epoch$", printed, re.M
    )
    return {
        name: [float(loss) for loss in losses.split(", ")] for name, losses in lines
    }


def test_data_parallel_example_agrees_on_eight_virtual_devices(tmp_path: Path) -> None:
    script = str(ROOT / "examples/data_parallel.py")
    flags = "--xla_force_host_platform_device_count=8"
    printed = strict(script, "--digits", folder=tmp_path, XLA_FLAGS=flags)
    found = losses_by_devices(printed)
    split = "4 x 2 devices, kernels split over 2"
    assert list(found) == ["1 device", "2 devices", "4 devices", "8 devices", split]
    for losses in found.values():
        np.testing.assert_allclose(losses, found["1 device"], rtol=3e-6)
    assert found["1 device"][2] < 0.8 * found["1 device"][0]
    held = "dense/kernel is (64, 512), and each device holds (64, 256)"
    assert held in printed
    assert "virtual" not in printed


def test_data_parallel_example_says_how_to_have_more_devices(tmp_path: Path) -> None:
    script = str(ROOT / "examples/data_parallel.py")
    flags = "--xla_force_host_platform_device_count=1"
    printed = strict(script, "--digits", folder=tmp_path, XLA_FLAGS=flags)
    assert list(losses_by_devices(printed)) == ["1 device"]
    assert "XLA_FLAGS=--xla_force_host_platform_device_count=8" in printed


def test_streaming_example_learns_from_file_and_generator(tmp_path: Path) -> None:
    script, rows = str(ROOT / "examples/streaming.py"), 90_000
    assert rows * 784 > CHUNK_BYTES  # or the file would be read as a whole
    file = tmp_path / "kept.npy"
    arguments = ("--rows", str(rows), "--epochs", "2", "--file", str(file))
    printed = strict(script, *arguments, folder=tmp_path)
    assert np.load(file, mmap_mode="r").shape == (rows, 784)
    assert "kept.npy: 70.6 MB" in printed
    said = r"^Learned from the (\w+): test accuracy ([\d.]+), .* (\d+)% of [\d.]+ s"
    learned = re.findall(said, printed, re.M)
    assert [source for source, _, _ in learned] == ["file", "generator"]
    for _, accuracy, share in learned:
        assert float(accuracy) > 0.98
        assert 0 <= int(share) < 100
    # Making a row costs many times what learning from it does.
    assert int(learned[1][2]) >= 10
    assert re.search(r"samples/s - \d+% of the time waiting for data - acc", printed)


def test_readme_has_two_shell_blocks() -> None:
    assert len(blocks("sh")) == 2
    assert all(block.startswith("python3 -m venv") for block in blocks("sh"))


def test_readme_twelve_lines_run(tmp_path: Path, fashion_mnist_folder: Path) -> None:
    code = blocks("python")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    code += "\nprint(accuracy, probabilities.shape)"
    printed = strict(
        "-c", code, folder=tmp_path, JAXNET_MINI_DATA=str(fashion_mnist_folder)
    )
    accuracy, shape = printed.splitlines()[-1].split(" ", 1)
    assert float(accuracy) >= 0.86
    assert shape == "(10000, 10)"


def test_readme_keeps_and_shows_the_model(
    tmp_path: Path, fashion_mnist_folder: Path
) -> None:
    code = blocks("python")[0].replace("epochs=5", "epochs=1") + blocks("python")[1]
    code += "\nprint((model.predict(x_test / 255.0) == probabilities).all())"
    printed = strict(
        "-c", code, folder=tmp_path, JAXNET_MINI_DATA=str(fashion_mnist_folder)
    )
    assert printed.splitlines()[-1] == "True"
    for picture in ("curves.png", "confusion.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert "784" in (tmp_path / "model.svg").read_text(encoding="utf-8")


def test_readme_sweep_runs(tmp_path: Path, fashion_mnist_folder: Path) -> None:
    code = blocks("python")[0] + blocks("python")[2]
    code = code.replace("epochs=5", "epochs=1").replace("range(4)", "range(1)")
    code += "\nprint(together.predict(x_test[:7] / 255.0).shape, best.built)"
    printed = strict(
        "-c", code, folder=tmp_path, JAXNET_MINI_DATA=str(fashion_mnist_folder)
    )
    assert "learning_rate" in printed
    assert printed.splitlines()[-1] == "(7, 10) True"


def test_readme_functional_core_runs(tmp_path: Path) -> None:
    data = "import numpy as np; images = np.ones((4, 28, 28), np.float32)\n"
    data += "labels = np.arange(4)\n"
    printed = strict(
        "-c", data + blocks("python")[3] + "\nprint(logs)", folder=tmp_path
    )
    assert re.search(r"'accuracy': .*'loss'", printed)


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")))
def test_every_example_says_how_to_run_it(script: Path) -> None:
    assert f"python examples/{script.name}" in script.read_text(encoding="utf-8")

"""Every example runs, and every block of the README.

One process answers for all that it can: the examples on one device run in it as
programs, one after another, and so do the blocks of the README. What trains little is
compiled quickly, since most of the time is that of compiling.
"""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import oracles
import pytest
from interpreter import ROOT, run
from safetensors.numpy import load_file

from jaxnet_mini.datasets import digits

QUICKLY = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
PARTS = ("kernel", "bias")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def strict(*arguments: str, folder: Path, **environment: str) -> str:
    return run("-W", "error", *arguments, folder=folder, **environment)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


IN_TURN = """
import contextlib, io, json, os, runpy, sys
from pathlib import Path

from jaxnet_mini.loops import choose_feed, stream

home, examples, chunk, *commands = sys.argv[1:]
stream.CHUNK_BYTES = choose_feed.CHUNK_BYTES = int(chunk)
texts = {}
for command in commands:
    # Each in a folder of its own.
    name, *arguments = command.split()
    sys.argv = [f"{examples}/{name}.py", *arguments]
    folder = Path(home, name)
    folder.mkdir()
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as text:
        runpy.run_path(sys.argv[0], run_name="__main__")
    texts[name] = text.getvalue()
print(json.dumps(texts))
"""
CHUNK_BYTES = 8 << 20
"""An eighth of what it is by default, so that a small file is a stream as well."""
COMMANDS = (
    "quickstart",
    "functional",
    "own_layer",
    "sweep --digits --rates 3 --seeds 2 --epochs 8 --batch-size 32",
    "data_parallel --digits",
    "export_onnx",
    "sklearn_pipeline",
    "streaming --rows 12000 --epochs 2 --batch-size 128 --file kept.npy",
)
if importlib.util.find_spec("optuna"):  # an extra
    COMMANDS += ("optuna_sweep --trials 12 --epochs 5",)


def test_examples_on_one_device(tmp_path: Path) -> None:
    flags = "--xla_force_host_platform_device_count=1"
    examples = str(ROOT / "examples")
    arguments = ("-c", IN_TURN, str(tmp_path), examples, str(CHUNK_BYTES))
    arguments += COMMANDS
    printed = strict(*arguments, folder=tmp_path, XLA_FLAGS=flags, **QUICKLY)
    texts = json.loads(printed.splitlines()[-1])
    assert list(texts) == [command.split()[0] for command in COMMANDS]
    for name, text in texts.items():
        globals()[f"check_{name}"](text, tmp_path / name)


def check_quickstart(printed: str, folder: Path) -> None:
    accuracy = float(re.search(r"Test accuracy ([\d.]+)", printed).group(1))
    assert accuracy > 0.9
    assert "9,610" in printed  # 64 * 128 + 128 + 128 * 10 + 10
    assert (folder / "quickstart.png").read_bytes().startswith(b"\x89PNG")


def check_export_onnx(printed: str, folder: Path) -> None:
    """The second process has said that it imports no JAX, or failed."""
    assert float(re.search(r"accuracy there: ([\d.]+)", printed).group(1)) > 0.9
    assert float(re.search(r"difference: ([\d.e-]+)", printed).group(1)) < 1e-6
    assert re.search(r"a row by predict: \d+ microseconds", printed)
    assert np.load(folder / "answers.npy").shape == (297, 10)


def check_functional(printed: str, folder: Path) -> None:
    assert float(re.search(r"one model: ([\d.]+)", printed).group(1)) > 0.9
    eight = re.search(r"eight models: \[([^]]+)\]", printed).group(1).split()
    assert len(eight) == 8
    assert min(map(float, eight)) > 0.9


def check_sklearn_pipeline(printed: str, folder: Path) -> None:
    assert "best {'mlpclassifier__learning_rate_init': 0.01}" in printed
    assert float(re.search(r"test accuracy ([\d.]+)", printed).group(1)) > 0.9
    assert float(re.search(r"wrapped ([\d.]+)", printed).group(1)) > 0.9
    assert "the same from the file: True" in printed


def check_own_layer(printed: str, folder: Path) -> None:
    assert "gate (Gate)" in printed
    assert float(re.search(r"Test accuracy ([\d.]+)", printed).group(1)) > 0.9


def test_from_torch_example_goes_there_and_back(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    printed = strict(str(ROOT / "examples/from_torch.py"), folder=tmp_path)
    there, after, back = re.findall(r"test accuracy ([\d.]+)", printed)
    assert float(there) > 0.9
    assert after == back
    assert float(re.search(r"but for (\S+) at most", printed).group(1)) < 1e-6


@pytest.mark.long
def test_fashion_mnist_example_reaches_what_keras_reaches(
    tmp_path: Path, fashion_mnist_folder: Path
) -> None:
    script = str(ROOT / "examples/fashion_mnist.py")
    printed = strict(script, "--data", str(fashion_mnist_folder), folder=tmp_path)
    (last,) = re.findall(r"^Epoch 5/5: .* - accuracy: ([\d.]+)", printed, re.M)
    assert 0.885 <= float(last) <= 0.900
    assert float(re.search(r"Test accuracy ([\d.]+)", printed).group(1)) >= 0.86


def check_sweep(printed: str, folder: Path) -> None:
    """It keeps the best and draws all."""
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
    kept = load_file(folder / "sweep-best.safetensors")
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
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")


def losses_by_devices(printed: str) -> dict[str, list[float]]:
    """What the example says of each number of devices."""
    lines = re.findall(
        r"^(\d[^:]*): losses ([\d., ]+); [\d.]+ s an epoch$", printed, re.M
    )
    return {
        name: [float(loss) for loss in losses.split(", ")] for name, losses in lines
    }


@pytest.mark.slow
def test_data_parallel_example_agrees_on_eight_virtual_devices(tmp_path: Path) -> None:
    script = str(ROOT / "examples/data_parallel.py")
    flags = "--xla_force_host_platform_device_count=8"
    quickly = {"XLA_FLAGS": flags} | QUICKLY
    printed = strict(script, "--digits", folder=tmp_path, **quickly)
    found = losses_by_devices(printed)
    split = "4 x 2 devices, kernels split over 2"
    assert list(found) == ["1 device", "2 devices", "4 devices", "8 devices", split]
    for losses in found.values():
        np.testing.assert_allclose(losses, found["1 device"], rtol=3e-6)
    assert found["1 device"][2] < 0.8 * found["1 device"][0]
    held = "dense/kernel is (64, 512), and each device holds (64, 256)"
    assert held in printed
    assert "virtual" not in printed


def check_optuna_sweep(printed: str, folder: Path) -> None:
    check_study(printed)
    assert printed.count("fell behind in epoch") >= 1


def check_study(printed: str) -> None:
    summary, best = printed.splitlines()[-2:]
    assert re.fullmatch(r"12 trials, [1-5] of them ended early", summary)
    assert float(best.rpartition(" ")[2]) > 0.8


@pytest.mark.long
def test_optuna_prunes_fits_as_it_does_for_keras(tmp_path: Path) -> None:
    pytest.importorskip("optuna_integration")
    command = (str(ROOT / "examples" / "optuna_sweep.py"), "--fits", "--trials", "12")
    check_study(run(*command, "--epochs", "5", folder=tmp_path))


def check_data_parallel(printed: str, folder: Path) -> None:
    """It says how to have more devices."""
    assert list(losses_by_devices(printed)) == ["1 device"]
    assert "XLA_FLAGS=--xla_force_host_platform_device_count=8" in printed


def check_streaming(printed: str, folder: Path) -> None:
    """It learns from file and generator."""
    rows = np.load(folder / "kept.npy", mmap_mode="r")
    assert rows.shape == (12_000, 784)
    assert rows.nbytes > CHUNK_BYTES  # or the file would be read as a whole
    assert "kept.npy: 9.4 MB" in printed
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


def test_readme_blocks_run_one_after_another(
    tmp_path: Path, fashion_mnist_folder: Path
) -> None:
    twelve, kept, swept, functional = blocks("python")
    assert len([line for line in twelve.splitlines() if line.strip()]) <= 12
    swept = swept.replace("epochs=5", "epochs=1").replace("range(4)", "range(1)")
    parts = [
        twelve,
        "told = [accuracy, probabilities.shape]",
        kept,
        "told.append(bool((model.predict(x_test / 255.0) == probabilities).all()))",
        "import jax; jax.config.update('jax_disable_most_optimizations', True)",
        "x_train, y_train = x_train[:6_000], y_train[:6_000]",
        swept,
        "told.append([together.predict(x_test[:7] / 255.0).shape, best.built])",
        "import json, numpy as np",
        "images, labels = np.ones((4, 28, 28), np.float32), np.arange(4)",
        # Nothing of the blocks before it.
        "own = {'images': images, 'labels': labels}",
        f"exec({functional!r}, own)",
        "told.append(list(own['logs']))",
        "print(json.dumps(told))",
    ]
    printed = strict(
        "-c",
        "\n".join(parts),
        folder=tmp_path,
        JAXNET_MINI_DATA=str(fashion_mnist_folder),
    )
    accuracy, shape, same, predicted, logs = json.loads(printed.splitlines()[-1])
    assert accuracy >= 0.86
    assert shape == [10_000, 10]
    assert same is True
    for picture in ("curves.png", "confusion.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert "784" in (tmp_path / "model.svg").read_text(encoding="utf-8")
    assert "learning_rate" in printed
    assert predicted == [[7, 10], True]
    assert logs == ["accuracy", "loss"]


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")))
def test_every_example_says_how_to_run_it(script: Path) -> None:
    assert f"python examples/{script.name}" in script.read_text(encoding="utf-8")

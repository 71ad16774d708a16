"""Every example and every block of the README runs, in a process of its own."""

import re
from pathlib import Path

import pytest
from interpreter import ROOT, run

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

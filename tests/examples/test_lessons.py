"""Every lesson runs, alone and in the notebook, and says what is true."""

import importlib
import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from interpreter import ROOT, run

from jaxnet_mini.datasets import digits

FOLDER = ROOT / "examples" / "lessons"
SCRIPTS = sorted(FOLDER.glob("lesson_*.py"))
NAMES = [script.stem[: len("lesson_01")] for script in SCRIPTS]
NOTEBOOK = ROOT / "examples" / "lessons.ipynb"
PICTURES = {
    "lesson_01": ["images", "curves", "answers"],
    "lesson_02": ["mistakes", "confusion"],
    "lesson_03": ["comparison"],
    "lesson_04": [],
    "lesson_05": ["curves"],
    "lesson_06": ["curves"],
    "lesson_07": ["accuracies"],
    "lesson_08": ["curves"],
    "lesson_09": ["patterns", "curves"],
    "lesson_10": [],
    "lesson_11": ["losses"],
    "lesson_12": ["prices"],
    "lesson_13": ["errors"],
    "lesson_14": ["pairs"],
    "lesson_15": ["losses"],
    "lesson_16": ["accuracies"],
    "lesson_17": ["trainings"],
    "lesson_18": ["votes"],
    "lesson_19": ["map"],
    "lesson_20": ["losses"],
}


@pytest.fixture
def committed() -> dict:
    """The notebook as it stands beside the lessons."""
    return json.loads(NOTEBOOK.read_text("utf-8"))


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch):
    """The module that makes the notebook."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("make_notebook")


@pytest.fixture
def classroom(monkeypatch: pytest.MonkeyPatch):
    """The module that the lessons share."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("classroom")


def outputs_of(notebook: dict, name: str) -> list[dict]:
    """Return all outputs of one lesson."""
    cells = [cell for cell in notebook["cells"] if cell["id"].startswith(name)]
    return [output for cell in cells for output in cell.get("outputs", [])]


def printed_in(notebook: dict, name: str) -> str:
    """Return what one lesson prints in a notebook."""
    outputs = outputs_of(notebook, name)
    return "\n".join("".join(output.get("text", "")) for output in outputs)


# What each lesson must have printed


def number(pattern: str, text: str) -> float:
    (found,) = re.findall(pattern, text)
    return float(found.replace(",", ""))


def table(header: str, text: str) -> list[list[str]]:
    """Return the columns of the lines below a header, up to an empty line."""
    _, _, below = text.partition(header + "\n")
    assert below, header
    lines, _, _ = below.partition("\n\n")
    return [re.split(r"\s{2,}", line.strip()) for line in lines.splitlines()]


def check_first_look(text: str) -> None:
    (x_train, y_train), (x_test, _) = digits.load_data()
    assert f"{len(x_train):,} images to learn, {len(x_test)} to test" in text
    assert f"Its label is {y_train[0]}." in text
    rows = re.findall(r"^((?: [ \d]\d){8})$", text, re.M)
    np.testing.assert_array_equal([row.split() for row in rows], x_train[0].astype(str))
    assert "Before: from 0 to 16.\nAfter: from 0.0 to 1.0." in text
    assert "9,610" in text  # 64 * 128 + 128 + 128 * 10 + 10
    assert len(re.findall(r"^Epoch \d+/10: 47/47 steps", text, re.M)) == 10
    accuracy = number(r"Test accuracy (\d\.\d+)", text)
    assert 0.9 < accuracy < 1
    right = number(r"It names ([\d,]+) of 297", text)
    assert right / 297 == pytest.approx(accuracy, abs=6e-4)


def check_ten_numbers(text: str) -> None:
    accuracy = number(r"test accuracy (\d\.\d+)", text)
    assert accuracy > 0.9
    assert "Shape of the answer: (1, 10)" in text
    lines = re.findall(r"^(\d)  \1 +(0\.\d{4}|1\.0000)(?:  (#+))?$", text, re.M)
    assert [label for label, _, _ in lines] == 2 * list("0123456789")
    for ten in (lines[:10], lines[10:]):
        shares = np.array([float(share) for _, share, _ in ten])
        assert shares.sum() == pytest.approx(1, abs=1e-3)
        bars = [len(bar) for _, _, bar in ten]
        np.testing.assert_allclose(bars, 40 * shares, atol=0.51)
    answers = [max(ten, key=lambda line: float(line[1]))[0]
               for ten in (lines[:10], lines[10:])]  # fmt: skip
    labels = re.findall(r"The label says: (\d)\.", text)
    assert f"at place {answers[0]}." in text
    assert f"The network says: {answers[0]}." in text
    assert int(labels[0]) == digits.load_data()[1][1][0]
    assert labels[1] != answers[1]
    wrong = number(r"(\d+) of 297 test images were named wrong", text)
    assert 1 - wrong / 297 == pytest.approx(accuracy, abs=6e-4)


def check_more_neurons(text: str) -> None:
    rows = table("neurons   parameters   ms an epoch   test accuracy", text)
    assert [row[0] for row in rows] == ["128", "256", "512", "1024"]
    for units, parameters, milliseconds, accuracy in rows:
        expected = (64 + 1) * int(units) + (int(units) + 1) * 10
        assert int(parameters.replace(",", "")) == expected
        assert float(milliseconds.replace(",", "")) > 0
        assert 0.85 < float(accuracy) < 1
    # From the first to the last there is more to gain than luck can take.
    assert number(r"Accuracy: \+([\d.]+) percentage points", text) > 0
    assert "Parameters: 8.0 times as many." in text


def check_two_mistakes(text: str) -> None:
    assert (
        "ShapeError: y has shape (1500,) and the outputs have shape (1500, 8, 10): "
        "integer classes need shape (1500, 8); the outputs have several axes: add "
        "Flatten() before Dense.\n"
    ) in text
    row = int(np.argmax(digits.load_data()[0][1] > 4))
    label = digits.load_data()[0][1][row]
    assert (
        f"DataError: y holds the class {label} at row {row}, and the network has 5 "
        "outputs, for classes 0 to 4: give the last layer at least 10 units.\n"
    ) in text
    assert "Outputs without Flatten: (None, 8, 10)\n" in text
    assert "Outputs with Flatten:    (None, 10)\n" in text
    assert "Labels go from 0 to 9." in text
    assert number(r"Test accuracy (\d\.\d+) after five epochs", text) > 0.85


def check_one_more_layer(text: str) -> None:
    rows = table("layers          parameters   start   training   test accuracy", text)
    assert [(row[0], row[1]) for row in rows] == [
        *[("512, 10", "38,410")] * 3,
        *[("512, 256, 10", "167,178")] * 3,
    ]
    assert [row[2] for row in rows] == list("012012")
    accuracies = [float(row[4]) for row in rows]
    assert min(accuracies) > 0.88
    before, after = accuracies[:3], accuracies[3:]
    gain = number(r"with it: ([-+][\d.]+) percentage points", text)
    assert gain == pytest.approx(100 * (np.mean(after) - np.mean(before)), abs=0.11)
    assert ("So the layer helps here" in text) == (min(after) > max(before))


def check_epochs(text: str) -> None:
    rows = table("epochs      loss   accuracy      loss   accuracy", text)
    assert [row[0] for row in rows] == ["5", "15", "30"]
    loss, accuracy, val_loss, val_accuracy = np.array(rows, float)[:, 1:].T
    assert loss[0] > loss[1] > loss[2]
    assert accuracy[2] == 1
    assert val_loss[2] > 10 * loss[2]
    assert (val_accuracy < accuracy).all()
    best = number(r"The validation loss is lowest after epoch (\d+)\.", text)
    assert best < 30
    assert f"Over-fitting starts after epoch {best:.0f}." in text
    for name, verb, last in (
        ("Training", "falls", loss[2]),
        ("Validation", "rises", val_loss[2]),
    ):
        line = rf"{name} loss: then it {verb} from ([\d.]+) to {last:.3f}\."
        first = number(line, text)
        assert (first > last) == (verb == "falls")


def check_without_normalising(text: str) -> None:
    assert "Digits: stored as numbers from 0 to 16." in text
    assert "all numbers are multiplied by 15.9375." in text
    rows = table(
        "optimizer   pixels from   first loss   last loss   test accuracy", text
    )
    assert [row[:2] for row in rows] == [
        [optimizer, span]
        for optimizer in ("sgd", "adam")
        for span in ("0 to 255", "0 to 1")
    ]
    numbers = np.array([row[2:] for row in rows], float)
    assert (numbers[[0, 2], 0] > 10 * numbers[[1, 3], 0]).all()
    large, small = numbers[:2, 2]
    assert small > 0.8
    assert large < small - 0.2
    assert numbers[3, 2] > 0.9


def check_stop_when_good_enough(text: str) -> None:
    seen = re.findall(r"^Epoch (\d+): accuracy (\d\.\d+)$", text, re.M)
    assert [int(epoch) for epoch, _ in seen] == list(range(1, len(seen) + 1))
    *before, last = [float(accuracy) for _, accuracy in seen]
    # Rounded to three digits, an accuracy below 0.9 can read 0.900.
    assert max(before) <= 0.9 <= last
    assert "That is 0.9 or more: stop." in text
    assert f"Trained {len(seen)} of 30 epochs." in text
    assert number(r"Test accuracy (\d\.\d+)", text) > 0.85


def check_by_hand(text: str) -> None:
    assert "x has the shape (512, 9), y has the shape (512,)." in text
    assert "197 patterns have a path, 315 have none." in text
    layers = re.findall(r"│ \w+ \(Dense\) +│ (\(.*?\)) +│ +([\d,]+) │", text)
    assert layers == [("(None, 8)", "80"), ("(None, 1)", "9")]
    weights = re.findall(r"^(dense\S+) +shape (\(.*\)) +numbers +(\d+)$", text, re.M)
    assert weights == [
        ("dense/kernel", "(9, 8)", "72"),
        ("dense/bias", "(8,)", "8"),
        ("dense_1/kernel", "(8, 1)", "8"),
        ("dense_1/bias", "(1,)", "1"),
    ]
    assert "First layer: 72 weights + 8 biases." in text
    assert "All biases are 0: True" in text
    starts = re.findall(r"^Start (\d): accuracy (\d\.\d+), loss [\d.]+\.$", text, re.M)
    assert float(starts[-1][1]) >= 0.99
    assert all(float(accuracy) < 0.99 for _, accuracy in starts[:-1])
    answers = re.findall(r"^\[([01 ]{17})\]  ([\d.]+)  (path|no path)$", text, re.M)
    assert len(answers) == 10
    for pattern, chance, word in answers:
        grid = np.array(pattern.split(), int).reshape(3, 3)
        assert word == ("path" if joined_by_scipy(grid) else "no path")
        assert 0 <= float(chance) <= 1


def joined_by_scipy(grid: np.ndarray) -> bool:
    """Tell whether a group of filled cells lies in the first and in the last row."""
    groups, _ = scipy.ndimage.label(grid)
    return bool(set(groups[0]) & set(groups[-1]) - {0})


def check_softmax_and_relu(text: str) -> None:
    assert "relu     [0. 0. 2. 3.]" in text
    first, by_hand, moved = (
        np.array(line.split(", "), float)
        for line in re.findall(r"^(?:softmax|divided)  \[(.*)\]$", text, re.M)
    )
    expected = [0.03467109, 0.01275478, 0.25618663, 0.69638747]
    np.testing.assert_allclose(first, expected, rtol=0, atol=4e-8)
    np.testing.assert_allclose(by_hand, expected, rtol=0, atol=4e-8)
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-6)
    rows = table("label  sum before softmax  by hand  predict", text)
    _, scores, by_hand, predicted = np.array([r[:4] for r in rows], float).T
    np.testing.assert_allclose(by_hand, predicted, atol=1.1e-4)
    softmax = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(softmax, predicted, atol=1e-3)
    assert number(r"Largest difference: (\S+)", text) < 1e-5
    assert f"The answer is {np.argmax(predicted)}, the label is " in text


def check_a_rare_class(text: str) -> None:
    (_, y_train), (_, y_test) = digits.load_data()
    others = int(np.sum(y_train != 8))
    rare = others // 49
    assert f"{others + rare:,} images to learn from, {rare} show '8'." in text
    assert f"is right in {others / (others + rare):.1%} of them." in text
    assert f"log({rare} / {others}) = {np.log(rare / others):.3f}" in text
    header = "bias begins with   first answers   loss before   last loss"
    (_, *plain), (_, *known), *_ = table(header, text)
    assert float(plain[0]) > 0.2
    assert float(known[0]) < 0.05
    assert float(known[1]) < float(plain[1]) / 2
    assert float(known[2]) < float(known[1])
    rows = table("weights   accuracy   8s found   false alarms", text)
    (none, *plain), (even, *weighted) = rows
    assert (none, even) == ("none", "even")
    eights, images = int(np.sum(y_test == 8)), len(y_test)
    for accuracy, found, alarms in (plain, weighted):
        missed = round((1 - float(found.strip("%")) / 100) * eights)
        wrong = missed + int(alarms)
        assert float(accuracy) == pytest.approx(1 - wrong / images, abs=6e-4)
    assert float(weighted[1].strip("%")) > float(plain[1].strip("%")) + 20


MEAN_OF_NORMAL = np.sqrt(2 / np.pi)
"""The mean distance from 0 of what is drawn normally, with spread 1."""


def check_a_table_of_numbers(text: str) -> None:
    header = "column                   mean    spread   after: mean   spread"
    names, *columns = zip(*table(header, text), strict=True)
    assert names == ("square metres", "year built", "metres to the centre")
    mean, spread = (np.array([n.replace(",", "") for n in column], float)
                    for column in columns[:2])  # fmt: skip
    np.testing.assert_allclose(mean, [90, 1985, 10_000], rtol=0.03)
    uniform = np.array([120, 70, 20_000]) / np.sqrt(12)
    np.testing.assert_allclose(spread, uniform, rtol=0.05)
    assert columns[2:] == [("0.00",) * 3, ("1.00",) * 3]
    rows = dict(table("network                  off by (thousands)", text))
    without, normalized, usual, least = map(float, rows.values())
    assert least == pytest.approx(10 * MEAN_OF_NORMAL, rel=0.1)
    assert least < normalized < 1.5 * least
    assert 1.7 * normalized < without < usual / 2


def check_wide_and_deep(text: str) -> None:
    rows = table("network         parameters   training   test", text)
    (_, *wide), (_, *deep), (_, *both), (_, formula) = rows
    inputs, hidden, remembered = 200 + 2, 64, 2 * 2 + 1
    sizes = [
        inputs + 1 + remembered,
        (inputs + 1) * hidden + (hidden + 1) * hidden + hidden + 1 + remembered,
        3 * hidden + (hidden + 1) * hidden + 200 + hidden + 1 + remembered,
    ]
    assert [int(row[0].replace(",", "")) for row in (wide, deep, both)] == sizes
    least = float(formula)
    assert least == pytest.approx(3 * MEAN_OF_NORMAL, rel=0.1)
    assert float(deep[1]) < least < float(both[1])  # of those that were learned from
    assert least < float(both[2]) < float(deep[2]) < float(wide[2]) - 1


def check_two_images_two_answers(text: str) -> None:
    assert re.search(r"Total params: 11,700 ", text)
    for name, shape in (
        ("left", "(4000, 8, 8)"),
        ("right", "(4000, 8, 8)"),
        ("sum", "(4000,)"),
        ("larger", "(4000,)"),
        ("larger", "(1000, 1)"),
        ("sum", "(1000, 19)"),
    ):
        assert f"{name:6} has the shape {shape}.\n" in text
    header = "answer   test loss   test accuracy   always the same answer"
    (_, *own), (_, *larger), (_, both) = table(header, text)
    assert float(own[0]) + float(larger[0]) == pytest.approx(float(both), abs=2e-3)
    assert float(own[1]) > 0.75
    assert float(larger[1]) > 0.9
    # Of ten digits that are equally frequent.
    assert float(own[2]) == pytest.approx(0.1, abs=0.03)
    assert float(larger[2]) == pytest.approx(0.55, abs=0.05)


def check_batch_normalization(text: str) -> None:
    plain = 64 * 32 + 32 + 5 * (32 * 32 + 32) + 32 * 10 + 10
    assert f"without: {plain:,} trained parameters\n         and 0 that" in text
    for word in (f"with   : {plain + 6 * 64:,} trained", f"and {6 * 64} that are not"):
        assert word in text
    header = "batch normalization   loss: epoch 1   epoch 3   epoch 15   test accuracy"
    (_, *without), (_, *normalized), *_ = table(header, text)
    first, third, last, accuracy = np.array([without, normalized], float).T
    assert first[1] < first[0]
    assert third[1] < third[0] / 2
    assert max(last) < 0.2
    assert min(accuracy) > 0.8
    kept = re.findall(r"^batch_normalization/(\w+) +32 numbers$", text, re.M)
    assert kept == ["gamma", "beta", "moving_mean", "moving_variance"]
    alone = number(r"Largest difference: (\S+)", text)
    assert alone < 1e-5
    assert number(r"among 31 others: (\S+)", text) > 10 * alone


def check_learned_before(text: str) -> None:
    accuracy = number(r"Test accuracy (\d\.\d+): which digit", text)
    assert accuracy > 0.9
    header = "layers below     parameters   trained   training accuracy   test accuracy"
    (_, *new), (_, *learned) = table(header, text)
    assert new[:2] == ["8,385"] * 2  # 64 * 64 + 64 + 64 * 64 + 64 + 64 + 1
    assert learned[:2] == ["4,821", "11"]  # 64 * 64 + 64 + 64 * 10 + 10 + 11
    assert new[2] == "1.000"
    assert float(learned[3]) > float(new[3]) + 0.04
    assert "The frozen weights are as they were: True" in text
    assert f"The first network's test accuracy is still {accuracy:.3f}." in text


def check_large_steps_then_small(text: str) -> None:
    assert "20 epochs of 47 steps are 940 steps." in text
    step, rate = np.array(table("  step   learning rate", text), float).T
    assert list(step) == [0, 235, 470, 705, 940]
    expected = 0.03 * (1 + np.cos(np.pi * step / 940)) / 2
    np.testing.assert_allclose(rate, expected, atol=6e-6)
    header = "steps                 loss: epoch 1   epoch 10   epoch 20   test accuracy"
    names, *columns = zip(*table(header, text), strict=True)
    assert names == ("small", "large", "large, then small")
    first, _, last, accuracy = np.array(columns, float)
    assert first[2] == pytest.approx(first[1], rel=0.1)
    assert first[0] > 2 * first[2]
    assert last[2] < last[1] / 2 < last[0] / 4
    assert abs(accuracy[1] - accuracy[2]) < 0.1


def check_how_sure_is_it(text: str) -> None:
    wrong = number(r"(\d+) of 297 test images are named wrong", text)
    assert "The answers have the shape (100, 297, 10)." in text
    spans, *counts = zip(
        *table("answers that agree   images   named wrong", text), strict=True
    )
    assert spans == ("0 to 59", "60 to 89", "90 to 99", "all 100")
    images, mistakes = np.array(counts, int)
    assert (images.sum(), mistakes.sum()) == (297, wrong)
    assert (np.diff(mistakes / images) < 0).all()
    assert mistakes[3] < 0.02 * images[3]
    found = number(r"are (\d+) of the \d+ mistakes", text)
    assert wrong / 3 < found <= wrong


def check_a_look_inside(text: str) -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    accuracy = number(r"Test accuracy (\d\.\d+)", text)
    assert accuracy > 0.9
    assert "The outputs of the layer have the shape (297, 2)." in text
    rows = np.array(
        table("label   first neuron   second neuron   the network says", text), float
    )
    np.testing.assert_array_equal(rows[:, 0], y_test[:6])
    assert (np.abs(rows[:, 1:3]) <= 1).all()
    assert number(r"two neurons: (\d\.\d+) are right", text) > 0.88
    pixels = [(2, 4), (5, 4)]
    known, asked = (
        np.stack([images[:, row, column] for row, column in pixels], axis=1).astype(int)
        for images in (x_train, x_test)
    )
    nearest = ((asked[:, None] - known) ** 2).sum(axis=2).argmin(axis=1)
    right = number(r"two pixels: (\d\.\d+) are right", text)
    # Of several that are as near, rounding may choose.
    assert right == pytest.approx(np.mean(y_train[nearest] == y_test), abs=0.05)
    assert right < 0.5


def check_without_the_class(text: str) -> None:
    fitted, by_hand = re.findall(r"^loss: ([\d. ]+)$", text, re.M)
    losses = [[float(loss) for loss in line.split()] for line in (fitted, by_hand)]
    np.testing.assert_allclose(*losses, atol=2e-4)
    assert sorted(losses[0], reverse=True) == losses[0]
    assert len(losses[0]) == 5
    assert "An answer has the shape (10,)." in text
    assert "dense {'kernel': (64, 32), 'bias': (32,)}" in text
    assert "Sum of the ten probabilities: 1.000" in text
    assert "Steps taken: 235" in text
    assert number(r"Largest difference: (\S+)", text) < 1e-5
    assert "The same to five digits: True" in text
    (least, most), = re.findall(r"Last losses: from (\S+) to (\S+)", text)  # fmt: skip
    assert 0 < float(least) < float(most) < losses[0][0]


CHECKS = {
    "lesson_01": check_first_look,
    "lesson_02": check_ten_numbers,
    "lesson_03": check_more_neurons,
    "lesson_04": check_two_mistakes,
    "lesson_05": check_one_more_layer,
    "lesson_06": check_epochs,
    "lesson_07": check_without_normalising,
    "lesson_08": check_stop_when_good_enough,
    "lesson_09": check_by_hand,
    "lesson_10": check_softmax_and_relu,
    "lesson_11": check_a_rare_class,
    "lesson_12": check_a_table_of_numbers,
    "lesson_13": check_wide_and_deep,
    "lesson_14": check_two_images_two_answers,
    "lesson_15": check_batch_normalization,
    "lesson_16": check_learned_before,
    "lesson_17": check_large_steps_then_small,
    "lesson_18": check_how_sure_is_it,
    "lesson_19": check_a_look_inside,
    "lesson_20": check_without_the_class,
}


# The scripts


def test_lessons_are_numbered_and_checked() -> None:
    numbers = range(1, len(NAMES) + 1)
    assert list(CHECKS) == NAMES == [f"lesson_{i:02}" for i in numbers]


ALL = """
import contextlib, io, json, os, runpy, sys
from pathlib import Path

import jax

home, *scripts = sys.argv[1:]


def printed(work):
    # In a folder of its own.
    folder = Path(home, str(len(texts)))
    folder.mkdir()
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as text:
        work()
    return text.getvalue()


texts = []
for script in scripts:
    sys.argv = [script]
    sys.path.insert(0, str(Path(script).parent))
    # Of the later ones nearly all the time is that of compiling.
    quickly = "lesson_12" <= Path(script).name
    jax.config.update("jax_disable_most_optimizations", quickly)
    texts.append(printed(lambda: runpy.run_path(script, run_name="__main__")))
    del sys.path[0]

# And without matplotlib, called from elsewhere with arguments of their own.
for name in list(sys.modules):
    if name.startswith(("matplotlib", "lesson", "classroom")):
        del sys.modules[name]
sys.modules["matplotlib"] = None
sys.path.insert(0, str(Path(script).parent))
import classroom, lesson_03_more_neurons, lesson_08_stop_when_good_enough


def without_matplotlib():
    lesson_08_stop_when_good_enough.main(["--dataset", "digits"])
    with classroom.pictures():
        lesson_03_more_neurons.draw_comparison([1] * 4, [1] * 4)


texts.append(printed(without_matplotlib))
print(json.dumps(texts))
"""
"""Runs each script as a program, one after another."""


def test_each_lesson_says_what_is_true_and_saves_its_pictures(
    tmp_path: Path, amount
) -> None:
    """And they go on without matplotlib. Each fourth, or all of them with --long."""
    scripts = SCRIPTS[amount(quick=1, long=0) :: amount(quick=6, long=1)]
    names = [str(script) for script in scripts]
    out = run("-W", "error", "-c", ALL, str(tmp_path), *names)
    *texts, without_pictures = json.loads(out.splitlines()[-1])
    for number, (script, text) in enumerate(zip(scripts, texts, strict=True)):
        check_lesson(script, text, tmp_path / str(number))
    line = (
        "No picture: matplotlib is not installed: run python -m pip install "
        '"jaxnet-mini[plot]".\n'
    )
    assert without_pictures.count(line) == 2
    assert "Picture:" not in without_pictures
    assert list((tmp_path / str(len(scripts))).iterdir()) == []


def check_lesson(script: Path, text: str, folder: Path) -> None:
    """Check what a lesson printed, and what it left in its folder."""
    name = script.stem[: len("lesson_01")]
    assert text.startswith(f"\nLesson {int(name[-2:])}: ")
    assert f"python examples/lessons/{script.name}" in text
    CHECKS[name](text)
    pictures = {f"{name}_{picture}.png" for picture in PICTURES[name]}
    drawings = {f"{name}_model.svg"} if name == "lesson_09" else set()
    assert {path.name for path in folder.iterdir()} == pictures | drawings
    for file in pictures:
        assert (folder / file).read_bytes().startswith(b"\x89PNG")
        assert f"Picture: {file}\n" in text
    for file in drawings:
        drawing = ET.fromstring((folder / file).read_text("utf-8"))
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        assert f"Drawing: {file}\n" in text


@pytest.mark.long
def test_a_lesson_with_fashion_mnist(
    tmp_path: Path, fashion_mnist_folder: Path
) -> None:
    source = SCRIPTS[0].read_text("utf-8")
    assert source.count("epochs=10") == 1
    script = tmp_path / "shorter.py"
    script.write_text(source.replace("epochs=10", "epochs=4"), "utf-8")
    arguments = ["--dataset", "fashion_mnist", "--data", str(fashion_mnist_folder)]
    path = os.pathsep.join([str(ROOT), str(FOLDER)])
    printed = run(
        "-W", "error", str(script), *arguments, folder=tmp_path, PYTHONPATH=path
    )
    assert "Fashion-MNIST: 60,000 images to learn, 10,000 to test." in printed
    assert "28 rows and 28 columns" in printed
    assert "Its label is 9. It shows: Ankle boot." in printed
    assert "from 0 to 255." in printed
    assert number(r"Test accuracy (\d\.\d+)", printed) > 0.86
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_a_folder_needs_a_data_set(classroom, capsys) -> None:
    with pytest.raises(SystemExit):
        classroom.choose_data(["--data", "somewhere"])
    assert "--data goes with --dataset fashion_mnist or" in capsys.readouterr().err


def test_the_path_of_lesson_9_is_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    lesson = importlib.import_module(SCRIPTS[8].stem)
    grids = np.array(list(np.ndindex(*[2] * 9))).reshape(512, 3, 3)
    ours = [lesson.joins(grid) for grid in grids]
    assert ours == [joined_by_scipy(grid) for grid in grids]
    assert sum(ours) == 197


# The notebook


def test_the_notebook_is_made_of_the_lessons(maker, committed: dict) -> None:
    def sources(notebook: dict) -> list[tuple[str, str, str]]:
        return [
            (cell["id"], cell["cell_type"], "".join(cell["source"]))
            for cell in notebook["cells"]
        ]

    assert sources(maker.build()) == sources(committed), (
        "run python examples/lessons/make_notebook.py"
    )


def test_the_notebook_holds_every_line_of_the_lessons(maker) -> None:
    """But for what makes a script of a lesson."""
    left_out = re.compile(
        r'\s*tell\(__doc__\)|\s*tell\("""|\s*"""\)|"""|def main\(.*|if __name__ .*'
        r"|\s*main\(\)|from classroom import .*"
    )
    notebook = "\n".join(cell["source"] for cell in maker.build().cells)
    lines = {line.strip() for line in notebook.splitlines()}
    for script in SCRIPTS:
        for line in script.read_text("utf-8").splitlines():
            if line.strip() and not left_out.fullmatch(line):
                # Titles stand in another form.
                words = line.strip().removeprefix('"""').removesuffix('"""')
                shown = {line.strip(), f"### {words}", f"## {words.rstrip('.')}"}
                assert shown & lines, f"{script.name}: {line}"


def check_notebook(notebook: dict) -> None:
    """Check what each lesson says, and that nothing else stands in the outputs."""
    for name in NAMES:
        CHECKS[name](printed_in(notebook, name))
        outputs = outputs_of(notebook, name)
        kinds = {output["output_type"] for output in outputs}
        assert kinds <= {"stream", "display_data"}
        pictures = [o for o in outputs if "image/png" in o.get("data", {})]
        assert len(pictures) == len(PICTURES[name])
        drawings = [o for o in outputs if "image/svg+xml" in o.get("data", {})]
        assert len(drawings) == (name == "lesson_09")
    assert len(json.dumps(notebook)) < 2_000_000
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in code]
    assert counts == list(range(1, len(code) + 1))
    for output in outputs_of(notebook, ""):
        assert output.get("name", "stdout") == "stdout", output
        shown = "".join(output.get("text", ""))
        assert "\x1b" not in shown
        assert "\r" not in shown
        assert not re.search(r"/(home|root|opt|tmp|usr|Users)/|[A-Z]:\\", shown)


def test_the_committed_notebook_says_what_is_true(committed: dict) -> None:
    check_notebook(committed)


@pytest.mark.long
def test_the_notebook_runs_and_says_what_is_true(tmp_path: Path) -> None:
    file = tmp_path / "lessons.ipynb"
    run(str(FOLDER / "make_notebook.py"), str(file), folder=tmp_path)
    check_notebook(json.loads(file.read_text("utf-8")))
    assert list(tmp_path.iterdir()) == [file]

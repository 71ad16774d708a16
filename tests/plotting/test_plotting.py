"""The pictures: what is drawn is what came in, and all of it can be read."""

import io
import itertools
import sys

import matplotlib
import matplotlib.figure
import matplotlib.image
import numpy as np
import pytest
import sklearn.datasets
import sklearn.metrics
from interpreter import run
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_rgb

import jaxnet_mini as jn
from jaxnet_mini import plotting
from jaxnet_mini.datasets import digits
from jaxnet_mini.errors import (
    ArgumentError,
    DataError,
    MissingExtraError,
    ShapeError,
    UnknownNameError,
)
from jaxnet_mini.plotting import confusion, learning_curves
from jaxnet_mini.plotting import figure as figures

pytestmark = pytest.mark.usefixtures("quick_compilation")

NAMES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip
FIVE = {
    "accuracy": [0.5, 0.6, 0.7, 0.8, 0.9],
    "loss": [1.0, 0.8, 0.6, 0.5, 0.4],
    "val_accuracy": [0.5, 0.6, 0.6, 0.7, 0.7],
    "val_loss": [0.9, 0.8, 0.7, 0.7, 0.8],
}


def points(line):
    return [tuple(point) for point in line.get_xydata().tolist()]


def check_readable(figure):
    """Nothing leaves the figure, and no title runs into another."""
    figure.draw_without_rendering()
    (x0, y0), (x1, y1) = figure.get_tightbbox().get_points()
    width, height = figure.get_size_inches()
    assert 0.0 <= x0 < x1 <= width
    assert 0.0 <= y0 < y1 <= height
    titles = [axes.title for axes in figure.axes]
    for one, other in itertools.combinations(titles, 2):
        assert not one.get_window_extent().overlaps(other.get_window_extent())
    for text in figure.findobj(matplotlib.text.Text):
        assert text.get_fontsize() >= 9.0


# Curves


def test_curves_draw_what_was_logged():
    loss, accuracy = learning_curves.curves(FIVE).axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    training, validation = loss.lines
    assert points(training) == list(enumerate(FIVE["loss"], 1))
    assert points(validation) == list(enumerate(FIVE["val_loss"], 1))
    assert loss.get_xlabel() == "epoch"
    words = [text.get_text() for text in loss.get_legend().get_texts()]
    assert words == ["training", "validation"]


def test_training_and_validation_differ_in_more_than_colour():
    training, validation = learning_curves.curves(FIVE).axes[0].lines
    for look in ("color", "linestyle", "marker"):
        one, other = (matplotlib.artist.getp(a, look) for a in (training, validation))
        assert one != other, look


def test_a_curve_alone_needs_no_legend():
    (axes,) = learning_curves.curves({"loss": [2.0, 1.0]}).axes
    assert axes.get_legend() is None


def test_a_metric_of_validation_alone_is_drawn():
    (axes,) = learning_curves.curves({"val_loss": [2.0, 1.0]}).axes
    assert axes.get_title() == "loss"
    assert points(axes.lines[0]) == [(1, 2.0), (2, 1.0)]
    assert axes.get_legend().get_texts()[0].get_text() == "validation"


@pytest.mark.parametrize("epochs", [1, 2, 5, 30, 137])
def test_epochs_are_counted_in_whole_numbers_from_one(epochs):
    figure = learning_curves.curves({"loss": np.linspace(1, 0.1, epochs).tolist()})
    figure.canvas.draw()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == int(tick) and 1 <= tick <= epochs for tick in ticks)
    assert low < 1
    assert epochs < high


def test_one_epoch_is_a_visible_marker():
    (axes,) = learning_curves.curves({"loss": [0.5]}).axes
    assert axes.lines[0].get_marker() == "o"
    assert points(axes.lines[0]) == [(1, 0.5)]


def test_values_that_are_not_finite_are_left_out():
    nan, inf = float("nan"), float("inf")
    figure = learning_curves.curves(
        {"loss": [0.5, nan, 0.3, inf], "val_loss": [nan] * 4}
    )
    (axes,) = figure.axes
    assert points(axes.lines[0]) == [(1, 0.5), (3, 0.3)]
    assert points(axes.lines[1]) == []
    # The missing epochs keep their room.
    assert axes.get_xlim() == (0.5, 4.5)
    assert list(axes.texts) == []


def test_a_metric_without_a_finite_value_says_so():
    (axes,) = learning_curves.curves({"loss": [float("nan")] * 30}).axes
    assert [text.get_text() for text in axes.texts] == ["no finite value"]


def test_few_values_among_many_epochs_have_markers():
    values = [float("nan")] * 40
    values[10] = 0.5
    (axes,) = learning_curves.curves({"loss": [1.0] * 40, "val_loss": values}).axes
    training, validation = axes.lines
    assert (training.get_marker(), validation.get_marker()) == ("", "s")


def test_a_learning_rate_has_a_logarithmic_axis_where_it_can():
    def scale(values):
        return learning_curves.curves({"learning_rate": values}).axes[0].get_yscale()

    assert scale([1e-2, 1e-3, 1e-4]) == "log"
    assert scale([1e-2, 0.0]) == "linear"
    assert (
        learning_curves.curves({"loss": [1e-2, 1e-4]}).axes[0].get_yscale() == "linear"
    )


def test_metrics_choose_what_is_drawn_and_in_which_order():
    def titles(metrics):
        return [axes.get_title() for axes in learning_curves.curves(FIVE, metrics).axes]

    assert titles(["accuracy", "loss"]) == ["accuracy", "loss"]
    assert titles("accuracy") == ["accuracy"]
    with pytest.raises(UnknownNameError) as raised:
        learning_curves.curves(FIVE, ["val_loss"])
    assert str(raised.value) == (
        "unknown metric 'val_loss': did you mean 'loss'? Known: accuracy, loss."
    )


@pytest.mark.parametrize("number", [1, 2, 4, 7])
@pytest.mark.parametrize("epochs", [1, 30])
def test_curves_can_be_read(number, epochs):
    values = np.geomspace(1e-5, 123456.0, epochs).tolist()
    names = ["loss", "sparse_top_k_categorical_accuracy", "learning_rate", *"abcd"]
    names[4] = "a_metric_whose_name_is_much_longer_than_its_panel_could_be_wide"
    logs = dict.fromkeys(names[:number], values)
    check_readable(
        learning_curves.curves(logs | {f"val_{name}": values for name in logs})
    )


@pytest.fixture(scope="module")
def trained():
    """A model trained from the fifth epoch on and validated now and then."""
    (x, y), (x_test, y_test) = digits.load_data()
    model = jn.Sequential([jn.Flatten(), jn.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(
        x[:200] / 16, y[:200], epochs=10, initial_epoch=4, verbose=0,
        validation_data=(x_test / 16, y_test), validation_freq=[6, 7, 10],
    )  # fmt: skip
    return history, model, (x_test, y_test)


def test_what_fit_returned_knows_its_epochs(trained):
    history = trained[0]
    training, validation = learning_curves.curves(history).axes[0].lines
    losses = history.history["loss"]
    assert points(training) == list(zip(range(5, 11), losses, strict=True))
    losses = history.history["val_loss"]
    assert points(validation) == list(zip([6, 7, 10], losses, strict=True))


def test_a_dictionary_does_not_know_when_it_was_validated(trained):
    with pytest.raises(DataError) as raised:
        learning_curves.curves(trained[0].history)
    assert str(raised.value) == (
        "history['val_accuracy'] has 3 values for 6 epochs, and at which of them they "
        "were logged is not known: give what fit returned, or put float('nan') where "
        "nothing was logged."
    )
    nan = float("nan")
    advised = {"loss": [3.0, 2.0, 1.0], "val_loss": [nan, 2.0, nan]}
    assert points(learning_curves.curves(advised).axes[0].lines[1]) == [(2, 2.0)]


def test_other_things_than_a_history_are_named(trained):
    with pytest.raises(ArgumentError, match=r"^history must be .*, not list\.$"):
        learning_curves.curves([0.9, 0.5])
    with pytest.raises(DataError) as raised:
        learning_curves.curves({"loss": ["high", "low"]})
    assert str(raised.value) == (
        "history['loss'] must be a list of one number an epoch, not ['high', 'low']."
    )
    with pytest.raises(DataError, match=r"^history\['loss'\] must be .*, not 0\.5\.$"):
        learning_curves.curves({"loss": 0.5})
    for nothing in ({}, jn.callbacks.History()):
        with pytest.raises(ArgumentError) as raised:
            learning_curves.curves(nothing)
        assert str(raised.value) == (
            "there is no metric to draw: train an epoch first."
        )


# Images


def test_images_are_drawn_as_they_are():
    images = sklearn.datasets.load_digits().images[:3]
    for given in (images, images.astype(np.uint8), images.astype(np.int64)):
        axes = plotting.show_images(given).axes
        assert len(axes) == 3
        for one, image in zip(axes, images, strict=True):
            np.testing.assert_array_equal(one.images[0].get_array(), image)
            # One scale for all: equal grey is equal value.
            assert one.images[0].get_clim() == (0.0, 16.0)
            assert one.get_title() == ""
            assert list(one.get_xticks()) == list(one.get_yticks()) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_colours_stay_as_they_are(dtype):
    rng = np.random.default_rng(0)
    bytes_ = rng.integers(0, 256, (2, 4, 5, 3))
    images = bytes_ / 255 if np.dtype(dtype).kind == "f" else bytes_
    figure = plotting.show_images(images.astype(dtype))
    for axes, expected in zip(figure.axes, bytes_ / 255, strict=True):
        rgba = axes.images[0].to_rgba(axes.images[0].get_array(), norm=False)
        rgba = rgba / 255 if rgba.dtype == np.uint8 else rgba
        np.testing.assert_allclose(rgba[..., :3], expected, atol=1e-6)


def test_labels_are_titles():
    images = np.zeros((3, 4, 4))

    def titles(*labels, **words):
        figure = plotting.show_images(images, *labels, **words)
        return [axes.get_title() for axes in figure.axes]

    assert titles([2, 0, 1]) == ["2", "0", "1"]
    assert titles(np.array([2.0, 0.0, 1.0])) == ["2", "0", "1"]
    assert titles(np.eye(3)[[2, 0, 1]]) == ["2", "0", "1"]
    assert titles([[2], [0], [1]]) == ["2", "0", "1"]
    assert titles([2, 0, 1], names=["a", "b", "c"]) == ["c", "a", "b"]
    assert titles([2, 0, 1], names={2: "two", 0: "none", 1: "one"}) == [
        "two",
        "none",
        "one",
    ]
    assert titles([2, 0, 1], names=np.array([7, 8, 9])) == ["9", "7", "8"]
    assert titles(None, [2, 0, 1]) == ["2", "0", "1"]


def test_wrong_predictions_stand_out_by_words_frame_weight_and_colour():
    figure = plotting.show_images(np.zeros((2, 4, 4)), [7, 9], [7, 7])
    right, wrong = figure.axes
    assert (right.get_title(), wrong.get_title()) == ("7", "7, not 9")
    assert to_rgb(right.title.get_color()) == to_rgb(figures.BLUE)
    assert to_rgb(wrong.title.get_color()) == to_rgb(figures.VERMILION)
    assert right.title.get_fontweight() != wrong.title.get_fontweight() == "bold"
    for spine in wrong.spines.values():
        assert to_rgb(spine.get_edgecolor()) == to_rgb(figures.VERMILION)
        assert spine.get_linewidth() > right.spines["left"].get_linewidth()


def test_without_labels_no_prediction_is_wrong_or_right():
    (axes,) = plotting.show_images(np.zeros((1, 4, 4)), predictions=[7]).axes
    assert axes.title.get_color() == matplotlib.rcParams["text.color"]


def test_probabilities_are_shown_in_percent():
    probabilities = [[0.1, 0.9], [0.4, 0.6], [0.0, 1.0], [0.0004, 0.9996]]
    figure = plotting.show_images(
        np.zeros((4, 4, 4)), [1, 0, 1, 1], probabilities, ["cat", "dog"]
    )
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes]
    assert titles == [
        "dog (90.0%)",
        "dog, not cat (60.0%)",
        "dog (100%)",
        # Nearly certain is not certain.
        "dog (99.9%)",
    ]


def test_one_output_is_the_probability_of_the_second_class():
    figure = plotting.show_images(
        np.zeros((3, 3, 3)), [[1.0], [0.0], [1.0]], np.float32([[0.75], [0.25], [0.5]])
    )
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes]
    assert titles == ["1 (75.0%)", "0 (75.0%)", "0, not 1 (50.0%)"]


def test_logits_have_an_arg_max_and_no_percentage():
    logits = [[-3.0, 2.0, 1.0], [5.0, 0.0, 1.0]]
    figure = plotting.show_images(np.zeros((2, 4, 4)), predictions=logits)
    assert [axes.get_title() for axes in figure.axes] == ["1", "0"]


def test_predictions_of_a_model_go_in_as_they_are(trained):
    _, model, (x_test, y_test) = trained
    predictions = model.predict(x_test[:20] / 16)
    figure = plotting.show_images(x_test[:20], y_test[:20], predictions)
    wrong = [", not" in axes.get_title() for axes in figure.axes]
    assert wrong == (np.argmax(predictions, 1) != y_test[:20]).tolist()
    assert 0 < sum(wrong) < 20


@pytest.mark.parametrize(
    ("images", "columns", "shape"),
    [
        (1, None, (1, 1)),
        (4, None, (1, 4)),
        (25, None, (5, 5)),
        (26, None, (3, 10)),
        (7, 2, (4, 2)),
    ],
)
def test_the_grid_has_a_fitting_shape(images, columns, shape):
    figure = plotting.show_images(np.zeros((images, 2, 2)), columns=columns)
    assert len(figure.axes) == images
    places = [axes.get_subplotspec() for axes in figure.axes]
    assert places[0].get_gridspec().get_geometry() == shape
    assert [place.num1 for place in places] == list(range(images))


@pytest.mark.parametrize("columns", [None, 3, 10])
def test_images_can_be_read(columns):
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 10, 20), rng.dirichlet(np.ones(10), 20)
    figure = plotting.show_images(
        rng.random((20, 28, 28)), labels, probabilities, NAMES, columns
    )
    check_readable(figure)


@pytest.mark.parametrize(
    ("images", "error", "text"),
    [
        (
            np.zeros((28, 28)),
            ShapeError,
            "images of shape (28, 28) are one image or were flattened: give "
            "images[None] for one, or reshape them to (rows, height, width).",
        ),
        (
            np.zeros((5, 8, 8, 1)),
            ShapeError,
            "images must have the shape (rows, height, width) or (rows, height, width, "
            "3), not (5, 8, 8, 1): give images[..., 0].",
        ),
        (
            np.zeros((5, 3, 8, 8)),
            ShapeError,
            "images must have the shape (rows, height, width) or (rows, height, width, "
            "3), not (5, 3, 8, 8): reshape them.",
        ),
        (
            np.zeros((0, 8, 8)),
            DataError,
            "images is empty (shape (0, 8, 8)): give at least one.",
        ),
        (
            np.zeros((60000, 1, 1)),
            ArgumentError,
            "60000 images are more than one picture can show: give at most 100, for "
            "example images[:25].",
        ),
        (
            np.full((1, 2, 2), np.nan),
            DataError,
            "images holds NaN or infinity: put numbers there, for example with "
            "np.nan_to_num(images).",
        ),
        (
            np.array([["a"]]),
            DataError,
            "images must hold real numbers, not <U1.",
        ),
        (
            np.full((1, 2, 2, 3), 255.0),
            DataError,
            "images in colour must be in 0-1 as float64, not in 255.0 to 255.0: scale "
            "them to that.",
        ),
        (
            np.full((1, 2, 2, 3), -1),
            DataError,
            "images in colour must be in 0-255 as int64, not in -1 to -1: scale them "
            "to that.",
        ),
    ],
)  # fmt: skip
def test_images_that_cannot_be_shown(images, error, text):
    with pytest.raises(error) as raised:
        plotting.show_images(images)
    assert str(raised.value) == text


def test_advice_about_images_works():
    one, grey = np.zeros((8, 8)), np.zeros((5, 8, 8, 1))
    assert len(plotting.show_images(one[None]).axes) == 1
    assert len(plotting.show_images(grey[..., 0]).axes) == 5
    holes = np.full((1, 2, 2), np.nan)
    assert len(plotting.show_images(np.nan_to_num(holes)).axes) == 1


@pytest.mark.parametrize("columns", [0, -1, True])
def test_columns_are_counted(columns):
    with pytest.raises(ArgumentError) as raised:
        plotting.show_images(np.zeros((2, 2, 2)), columns=columns)
    assert str(raised.value) == f"columns must be a positive integer, not {columns!r}."


# Classes, in both pictures


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (
            [0, 1, 2],
            "labels has 3 rows and 2 are needed: give one row for each.",
        ),
        (
            [0, -1],
            "labels must be whole numbers from 0 on, not in -1 to 0: give classes, or "
            "probabilities of shape (rows, classes).",
        ),
        (
            [0.3, 0.7],
            "labels must be whole numbers from 0 on, not in 0.3 to 0.7: give classes, "
            "or probabilities of shape (rows, classes).",
        ),
        (
            [[-2.5], [3.0]],
            "labels must be whole numbers from 0 on, not in -2.5 to 3.0: give classes, "
            "or probabilities of shape (rows, classes).",
        ),
        (
            [0.0, float("nan")],
            "labels holds NaN or infinity: no class is known there.",
        ),
        (
            ["cat", "dog"],
            "labels must be classes of shape (rows,) or probabilities of shape (rows, "
            "classes), not <U3 of shape (2,).",
        ),
        (
            3,
            "labels must be classes of shape (rows,) or probabilities of shape (rows, "
            "classes), not int64 of shape ().",
        ),
        (
            np.zeros((2, 3, 4)),
            "labels must be classes of shape (rows,) or probabilities of shape (rows, "
            "classes), not float64 of shape (2, 3, 4).",
        ),
    ],
)  # fmt: skip
def test_labels_that_are_no_classes(labels, text):
    with pytest.raises(DataError) as raised:
        plotting.show_images(np.zeros((2, 4, 4)), labels)
    assert str(raised.value) == text


def test_a_class_without_a_name_is_named():
    text = (
        "names has 2 words and none for class 2: give one for each class, counted "
        "from 0."
    )
    for names in (["a", "b"], {0: "a", 1: "b"}):
        with pytest.raises(ArgumentError) as raised:
            plotting.show_images(np.zeros((1, 2, 2)), [2], names=names)
        assert str(raised.value) == text
        with pytest.raises(ArgumentError) as raised:
            confusion.confusion_matrix([2], [0], names)
        assert str(raised.value) == text


# Confusion


def counts_of(figure):
    (axes,) = figure.axes
    classes = len(axes.get_yticks())
    numbers = [int(text.get_text().replace(",", "")) for text in axes.texts]
    return np.reshape(numbers, (classes, classes))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_counts_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    true = rng.integers(0, classes, 5000)
    probabilities = rng.dirichlet(np.ones(classes), 5000)
    taken = probabilities.argmax(1)
    expected = sklearn.metrics.confusion_matrix(true, taken)
    for y_true, y_pred in [
        (true, taken),
        (true, probabilities),
        (np.eye(classes)[true], probabilities),
        (true[:, None], taken.astype(np.float32)),
    ]:
        figure = confusion.confusion_matrix(y_true, y_pred)
        np.testing.assert_array_equal(counts_of(figure), expected)
        accuracy = sklearn.metrics.accuracy_score(true, taken)
        right = int(expected.trace())
        title = f"{right:,} of 5,000 right ({100 * accuracy:.1f}%)"
        assert figure.get_suptitle() == title


def test_two_classes_of_one_output():
    true = np.array([0, 1, 1, 0, 1])
    chances = np.array([[0.2], [0.8], [0.4], [0.9], [0.55]])
    figure = confusion.confusion_matrix(true, chances)
    expected = sklearn.metrics.confusion_matrix(true, chances[:, 0] > 0.5)
    np.testing.assert_array_equal(counts_of(figure), expected)


def test_classes_that_never_came_have_a_row_too():
    assert counts_of(confusion.confusion_matrix([0], [0], ["a", "b", "c"])).shape == (
        3,
        3,
    )
    assert counts_of(confusion.confusion_matrix([0], np.eye(4)[:1])).shape == (4, 4)


def test_rows_are_true_and_columns_predicted():
    (axes,) = confusion.confusion_matrix([0, 0], [1, 1], ["cat", "dog"]).axes
    assert [text.get_text() for text in axes.texts] == ["0", "2", "0", "0"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "predicted")
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog"]
    # The first row is at the top.
    assert axes.yaxis_inverted()


@pytest.mark.parametrize("largest", [3, 987_654])
@pytest.mark.parametrize("classes", [2, 10, 25])
def test_counts_can_be_read(classes, largest):
    pairs = np.random.default_rng(0).integers(0, classes, (2, 5 * classes))
    pairs = np.concatenate([pairs, np.zeros((2, largest), int)], axis=1)
    names = [f"a rather long name of class {i}" for i in range(classes)]
    figure = confusion.confusion_matrix(*pairs, names)
    check_readable(figure)
    (axes,) = figure.axes
    for (row, column), text in zip(
        np.ndindex(classes, classes), axes.texts, strict=True
    ):
        corners = [(column - 0.5, row + 0.5), (column + 0.5, row - 0.5)]
        (x0, y0), (x1, y1) = axes.transData.transform(corners)
        box = text.get_window_extent()
        assert x0 < box.x0 < box.x1 < x1
        assert y0 < box.y0 < box.y1 < y1
    for one, other in itertools.pairwise(axes.get_yticklabels()):
        assert not one.get_window_extent().overlaps(other.get_window_extent())
    # Slanted words overlap only as their outlines' rectangles do.
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {45.0}


def test_short_names_stand_upright_and_apart():
    counts = np.zeros(987_654, int)
    counts[:9] = range(9)
    figure = confusion.confusion_matrix(counts, counts, [*"abcdefg", "hij", "klm"])
    check_readable(figure)
    for one, other in itertools.pairwise(figure.axes[0].get_xticklabels()):
        assert one.get_rotation() == 0.0
        assert not one.get_window_extent().overlaps(other.get_window_extent())


def test_the_title_of_a_small_matrix_has_room():
    classes = np.ones(9_876_543, np.int8)
    check_readable(confusion.confusion_matrix(classes, classes))


def test_more_classes_than_a_picture_can_show():
    with pytest.raises(ArgumentError) as raised:
        confusion.confusion_matrix([0, 40_000], [0, 1])
    assert str(raised.value) == (
        "40001 classes are more than one picture can show, which is 100: leave some "
        "out."
    )


def test_one_prediction_for_each_label():
    with pytest.raises(DataError) as raised:
        confusion.confusion_matrix([0, 1, 2], [0, 1])
    assert str(raised.value) == (
        "y_pred has 2 rows and 3 are needed: give one row for each."
    )


# Colours

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "all cones": np.eye(3).tolist(),
}


def linear(colour):
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB of linear sRGB under D65."""
    matrix = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    cut = (6 / 29) ** 3
    x, y, z = np.where(xyz > cut, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one, other, sight):
    seen = [lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in (one, other)]
    return np.linalg.norm(seen[0] - seen[1])


def contrast(one, other):
    """The ratio of WCAG 2, from 1 to 21."""
    y = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (y[1] + 0.05) / (y[0] + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
def test_colour_blind_people_tell_the_colours_apart(sight):
    training, validation = learning_curves.curves(FIVE).axes[0].lines
    assert distance(training.get_color(), validation.get_color(), sight) > 40
    for line in (training, validation):
        assert distance(line.get_color(), "white", sight) > 40


def test_the_measure_of_colours_sees_what_is_confused():
    """Red and green of one lightness are far apart for some and near for others."""
    red, green = "#C05000", "#6B8000"
    assert distance(red, green, "all cones") > 50
    assert distance(red, green, "deuteranopia") < 15


def test_titles_and_counts_have_contrast():
    for colour in (figures.BLUE, figures.VERMILION):
        assert contrast(colour, "white") > 3.5
    counts = np.arange(100)
    classes = np.repeat(np.arange(100) // 10, counts), np.repeat(counts % 10, counts)
    (axes,) = confusion.confusion_matrix(*classes).axes
    (picture,) = axes.images
    seen = set()
    for number, text in enumerate(axes.texts):
        assert text.get_text() == str(number)
        cell = picture.to_rgba(np.array(number))
        assert contrast(cell[:3], text.get_color()) >= 4.5
        seen.add(text.get_color())
    assert seen == {"white", "black"}


# Where figures are shown, and what is needed


def draw_each():
    yield learning_curves.curves(FIVE)
    yield plotting.show_images(np.zeros((2, 4, 4)))
    yield confusion.confusion_matrix([0, 1], [1, 1])


def test_figures_show_themselves_in_notebooks(tmp_path):
    for figure in draw_each():
        assert isinstance(figure, matplotlib.figure.Figure)
        shown, _ = DisplayFormatter().format(figure)
        picture = shown["image/png"]
        assert picture.startswith(b"\x89PNG\r\n")
        assert "text/html" not in shown
        figure.savefig(tmp_path / "figure.png")
        pixels = matplotlib.image.imread(tmp_path / "figure.png")
        shown = matplotlib.image.imread(io.BytesIO(picture))
        assert pixels.shape == shown.shape
        width, height = figure.get_size_inches() * figure.dpi
        np.testing.assert_allclose(shown.shape[:2], (height, width), atol=1)


def test_drawing_opens_no_window_and_keeps_nothing():
    code = (
        "import sys; from jaxnet_mini import plotting; import jaxnet_mini as jn;"
        "figure = plotting.curves({'loss': [2.0, 1.0]});"
        "assert jn.plotting is plotting; print('matplotlib.pyplot' in sys.modules)"
    )
    assert run("-c", code).split() == ["False"]


@pytest.mark.parametrize("text", ["$x$", "a$b", "$\\frac{", "<b>&"])
def test_no_name_is_read_as_markup(text):
    figures = [
        learning_curves.curves({text: [1.0]}),
        plotting.show_images(np.zeros((1, 2, 2)), [0], names=[text]),
        plotting.show_images(np.zeros((1, 2, 2)), [0], [1], names=[text, text]),
        confusion.confusion_matrix([0], [0], [text]),
    ]
    for figure in figures:
        figure.canvas.draw()
        named = [
            artist
            for artist in figure.findobj(matplotlib.text.Text)
            if text.split()[0] in artist.get_text()
        ]
        assert named
        assert not any(artist.get_parse_math() for artist in named)


def test_without_matplotlib_one_sentence_says_what_to_do(monkeypatch):
    for module in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    for draw in (
        lambda: learning_curves.curves(FIVE),
        lambda: plotting.show_images(np.zeros((2, 4, 4))),
        lambda: confusion.confusion_matrix([0], [0]),
    ):
        with pytest.raises(MissingExtraError) as raised:
            draw()
        assert str(raised.value) == (
            "matplotlib is not installed: run python -m pip install "
            '"jaxnet-mini[plot]".'
        )

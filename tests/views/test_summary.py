"""The table of layers; figures are compared with Keras's in ``test_keras_face``."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.views import summary

pytestmark = pytest.mark.usefixtures("quick_compilation")


def text_of(model):
    texts = []
    assert model.summary(print_fn=texts.append) is None
    (text,) = texts
    return text


def rows_of(text):
    """The cells of the table's rows below its header."""
    lines = [line for line in text.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


@dataclasses.dataclass(frozen=True)
class Scale:
    """A user's own layer: one number for all features."""

    def init(self, key, input_shape):
        return input_shape, {"scale": jnp.ones(())}

    def apply(self, params, x, *, key=None, training=False):
        return x * params["scale"]


def test_an_unbuilt_model_shows_its_layers_and_that_it_is_not_built():
    text = text_of(jn.Sequential([jn.Flatten(), jn.Dense(3), jn.Dense(2, name="out")]))
    assert rows_of(text) == [
        ["flatten (Flatten)", "?", "0 (unbuilt)"],
        ["dense (Dense)", "?", "0 (unbuilt)"],
        ["out (Dense)", "?", "0 (unbuilt)"],
    ]
    assert " Total params: 0 (0.00 B)" in text


def test_a_model_without_layers_has_a_summary_too():
    text = text_of(jn.Sequential(name="empty"))
    assert 'Model: "empty"' in text
    assert rows_of(text) == []


def test_a_nested_composition_is_one_row_with_all_its_parameters():
    inner = jn.serial(jn.Dense(8, "relu"), jn.Dense(4), name="inner")
    model = jn.Sequential([jn.Flatten(input_shape=(2, 2)), inner, jn.Dense(3)])
    assert rows_of(text_of(model)) == [
        ["flatten (Flatten)", "(None, 4)", "0"],
        ["inner (Serial)", "(None, 4)", str(4 * 8 + 8 + 8 * 4 + 4)],
        ["dense (Dense)", "(None, 3)", str(4 * 3 + 3)],
    ]
    assert model.count_params() == 76 + 15
    assert [weight.path for weight in model.weights] == [
        "inner/dense/kernel",
        "inner/dense/bias",
        "inner/dense_1/kernel",
        "inner/dense_1/bias",
        "dense/kernel",
        "dense/bias",
    ]


def test_a_users_own_layer_stands_under_its_class():
    model = jn.Sequential([jn.Dense(3, input_shape=(2,)), Scale(), Scale()])
    assert rows_of(text_of(model))[1:] == [
        ["scale (Scale)", "(None, 3)", "1"],
        ["scale_1 (Scale)", "(None, 3)", "1"],
    ]


def test_the_output_shape_holds_every_axis():
    model = jn.Sequential([jn.Dense(3, input_shape=(5, 2)), jn.Dense(1)])
    assert [row[1] for row in rows_of(text_of(model))] == [
        "(None, 5, 3)",
        "(None, 5, 1)",
    ]


def test_long_names_are_folded_and_nothing_is_lost():
    name = "a_layer_whose_name_is_longer_than_any_terminal_is_wide_" * 3
    model = jn.Sequential([jn.Dense(3, name=name, input_shape=(2,))], name="[bold]")
    text = text_of(model)
    assert 'Model: "[bold]"' in text
    rows = rows_of(text)
    assert "".join(row[0] for row in rows).replace(" ", "") == f"{name}(Dense)"
    assert rows[0][1:] == ["(None, 3)", "9"]
    assert max(map(len, text.splitlines())) <= 80


def test_it_prints_and_returns_nothing(capsys):
    model = jn.Sequential([jn.Dense(3, input_shape=(2,))], name="printed")
    assert model.summary() is None
    printed = capsys.readouterr().out
    assert printed == text_of(model)
    assert printed.startswith('Model: "printed"\n')


def test_print_fn_is_called_once_and_nothing_is_printed(capsys):
    text = text_of(jn.Sequential([jn.Dense(3, input_shape=(2,))]))
    assert capsys.readouterr().out == ""
    assert "\x1b" not in text


def test_training_adds_nothing_to_the_table():
    model = jn.Sequential([jn.Dense(3, input_shape=(2,))])
    before = text_of(model)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)
    assert text_of(model) == before


def test_a_summary_makes_no_parameters():
    # A model of 40 GB is looked at before anyone has the memory for it.
    model = jn.Sequential([jn.Dense(100_000, input_shape=(100_000,))])
    assert " Total params: 10,000,100,000 (37.25 GB)" in text_of(model)


def test_counts_and_sizes_go_by_shape_and_dtype():
    tree = {
        "kernel": jax.ShapeDtypeStruct((3, 4), jnp.bfloat16),
        "bias": jnp.zeros(4, jnp.float32),
        "scale": jnp.zeros((), jnp.int8),
    }
    assert summary.count(tree) == 3 * 4 + 4 + 1
    assert summary.size(tree) == 2 * 12 + 4 * 4 + 1
    assert summary.count({}) == summary.size({}) == 0


@pytest.mark.parametrize("width", [40, 60, 64, 65, 80])
def test_a_narrow_window_folds_names_and_loses_no_column(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    name = "a_layer_of_a_rather_long_name_that_no_column_holds"
    model = jn.Sequential([jn.Dense(1234, input_shape=(5678,), name=name)])
    model.summary()
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    assert "Param #" in text
    rows = rows_of(text)
    label, shape, number = ("".join(cells) for cells in zip(*rows, strict=True))
    assert label.replace(" ", "") == f"{name}(Dense)"
    assert shape.replace(" ", "") == "(None,1234)"
    assert number == f"{5678 * 1234 + 1234:,}"


def nested():
    inner = jn.serial(
        jn.Dense(8, "relu"), jn.serial(jn.Dense(4, trainable=False)), name="inner"
    )
    return jn.Sequential([jn.Flatten(input_shape=(2, 2)), inner, jn.Dense(3)])


def test_layers_within_layers_are_shown_where_they_are_asked_for():
    model, texts = nested(), []
    model.summary(print_fn=texts.append, expand_nested=True, show_trainable=True)
    assert rows_of(texts[0]) == [
        ["flatten (Flatten)", "(None, 4)", "0", "-"],
        ["inner (Serial)", "(None, 4)", "76", "Y"],
        ["└ dense (Dense)", "(None, 8)", "40", "Y"],
        ["└ serial (Serial)", "(None, 4)", "36", "N"],  # nothing in it is trained
        ["└ dense (Dense)", "(None, 4)", "36", "N"],
        ["dense (Dense)", "(None, 3)", "15", "Y"],
    ]
    assert "\n│       └ dense (Dense)" in texts[0]
    header = next(line for line in texts[0].splitlines() if "Output Shape" in line)
    assert header.split("┃")[4].strip() == "Trainable"
    parallel = jn.parallel(jn.Dense(2), jn.Dense(3), name="both")
    model = jn.Sequential([jn.Flatten(input_shape=(2, 2)), parallel])
    model.summary(print_fn=texts.append, expand_nested=True)
    inner = [row for row in rows_of(texts.pop()) if row[0].startswith("└")]
    assert [row[1:] for row in inner[:2]] == [["(None, 2)", "10"], ["(None, 3)", "15"]]
    # What is not asked for is as it was, and what is not built has no shape.
    assert [row[0] for row in rows_of(text_of(nested()))][1:] == [
        "inner (Serial)",
        "dense (Dense)",
    ]
    model = jn.Sequential([jn.serial(jn.Dense(4, trainable=False))])
    model.summary(print_fn=texts.append, expand_nested=True, show_trainable=True)
    assert rows_of(texts[1])[1] == ["└ dense (Dense)", "?", "0 (unbuilt)", "-"]


def test_a_table_is_as_wide_as_it_is_asked_to_be(capsys):
    model = nested()
    for length in (40, 66, 81, 120):
        for shown in (False, True):
            texts = []
            arguments = {"expand_nested": shown, "show_trainable": shown}
            model.summary(length, print_fn=texts.append, **arguments)
            table = [line for line in texts[0].splitlines() if line[0] in "┏┃│└"]
            assert {len(line) for line in table} == {length}
            model.summary(line_length=length, **arguments)
            assert capsys.readouterr().out == texts[0]
    for length in (39, 0, "80", print):
        with pytest.raises(ArgumentError, match="line_length must be an integer of at"):
            model.summary(length)


def test_a_graph_shows_what_each_layer_takes():
    wide, deep = jn.Input((3,), name="wide"), jn.Input((2,), name="deep")
    shared = jn.Dense(4, name="shared")
    one, other = shared(jn.Dense(3)(deep)), shared(wide)
    model = jn.Model([wide, deep], jn.layers.Add()([one, other]))
    text = text_of(model)
    assert "Connected to" in text
    assert rows_of(text) == [
        ["wide (InputLayer)", "(None, 3)", "0", "-"],
        ["deep (InputLayer)", "(None, 2)", "0", "-"],
        ["dense (Dense)", "(None, 3)", "9", "deep[0][0]"],
        ["shared (Dense)", "(None, 4)", "16", "dense[0][0],"],
        ["", "", "", "wide[0][0]"],
        ["add (Add)", "(None, 4)", "0", "shared[0][0],"],
        ["", "", "", "shared[1][0]"],
    ]
    texts = []
    model.summary(print_fn=texts.append, show_trainable=True)
    assert [row[-2:] for row in rows_of(*texts)][3] == ["dense[0][0],", "Y"]
    row = jn.Model(wide, jn.Dense(2)(jn.Dense(3)(wide)))
    assert "Connected to" not in text_of(row)

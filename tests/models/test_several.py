"""Models of several inputs, against one whose input has all their columns."""

import numpy as np
import pytest
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import layers
from jaxnet_mini.errors import ArgumentError, DataError, FileError, ShapeError

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(22, 3)).astype(np.float32)
DEEP = RNG.integers(0, 9, (22, 2))
BOTH = np.concatenate([WIDE, DEEP], axis=1).astype(np.float32)
Y = RNG.normal(size=(22, 1)).astype(np.float32)
FIT = {"batch_size": 8, "epochs": 2, "verbose": 0}
LISTED, NAMED = [WIDE, DEEP], {"deep": DEEP, "wide": WIDE}


def joined(seed=3, metrics=("mae",)):
    wide, deep = jn.Input((3,), name="wide"), jn.Input((2,), name="deep")
    both = layers.Concatenate()([wide, deep])
    model = jn.Model([wide, deep], jn.Dense(1, name="last")(both), seed=seed)
    model.compile("sgd", "mse", list(metrics))
    return model


def single(seed=3):
    """The same layers in which all columns come as one input, with its weights."""
    model = jn.Sequential([jn.Input((5,)), layers.Identity(), jn.Dense(1)], seed=seed)
    model.compile("sgd", "mse", ["mae"])
    model.set_weights(joined(seed).get_weights())
    return model


@pytest.fixture(scope="module")
def expected():
    model = single()
    history = model.fit(BOTH, Y, validation_split=0.3, seed=1, **FIT).history
    return model, history


def close(logs, expected):
    assert list(logs) == list(expected)
    for name in logs:
        np.testing.assert_allclose(logs[name], expected[name], rtol=1e-5, atol=1e-6)


class Sequence(jn.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        part = slice(8 * index, 8 * index + 8)
        return {name: x[part] for name, x in NAMED.items()}, Y[part]


def in_file(folder, name, array):
    made = np.lib.format.open_memmap(folder / name, "w+", array.dtype, array.shape)
    made[:] = array
    return made


@pytest.mark.parametrize("form", ["list", "names", "validation", "streamed"])
def test_it_learns_what_one_of_all_learns(form, expected, tmp_path, monkeypatch):
    x = {"names": NAMED}.get(form, LISTED)
    held = {"validation_split": 0.3}
    model, (reference, history) = joined(), expected
    rows = Y
    if form == "validation":
        x, rows = tuple(part[:15] for part in LISTED), Y[:15]
        held = {"validation_data": ([part[15:] for part in LISTED], Y[15:])}
    if form == "streamed":
        monkeypatch.setattr("jaxnet_mini.loops.choose_feed.CHUNK_BYTES", 0)
        x = [in_file(tmp_path, name, part) for name, part in NAMED.items()][::-1]
        # In blocks of another order: that of the rows is the same without shuffling.
        held, reference = held | {"shuffle": False}, single()
        history = reference.fit(BOTH, Y, seed=1, **held, **FIT).history
    close(model.fit(x, rows, seed=1, **held, **FIT).history, history)
    for own, other in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


def test_batches_may_have_several_inputs():
    one, other = joined(), single()
    close(
        one.fit(Sequence(), shuffle=False, epochs=2, verbose=0).history,
        other.fit(BOTH[:16], Y[:16], shuffle=False, **FIT).history,
    )
    loader = [((WIDE[:8], DEEP[:8]), Y[:8]), ([WIDE[8:16], DEEP[8:16]], Y[8:16])]
    one.fit(iter(loader), epochs=1, verbose=0)
    other.fit(BOTH[:16], Y[:16], **(FIT | {"epochs": 1}), shuffle=False)
    close(
        one.evaluate(Sequence(), verbose=0, return_dict=True),
        other.evaluate(BOTH[:16], Y[:16], 8, verbose=0, return_dict=True),
    )
    wanted = other.predict(BOTH[:16])
    for x in (Sequence(), iter([({**NAMED},)])):
        np.testing.assert_allclose(one.predict(x)[:16], wanted, rtol=1e-4, atol=1e-5)


def test_it_is_evaluated_and_predicts_as_one_of_all_columns(expected):
    model, _ = expected
    ours = joined()
    ours.set_weights(model.get_weights())
    wanted = model.predict(BOTH)
    for x in (LISTED, NAMED, (WIDE.tolist(), DEEP.tolist())):
        np.testing.assert_allclose(ours.predict(x), wanted, rtol=1e-5)
        np.testing.assert_allclose(ours(x), wanted, rtol=1e-5)
    np.testing.assert_allclose(ours.predict(NAMED, batch_size=4), wanted, rtol=1e-5)
    np.testing.assert_array_equal(ours.predict_on_batch(LISTED), ours.predict(NAMED))
    error, weight = np.float64(wanted - Y)[:, 0], np.arange(22) / 10
    expected = [np.mean(weight * error**2), np.mean(np.abs(error))]
    for logs in (
        ours.evaluate(LISTED, Y, verbose=0, sample_weight=weight),
        ours.test_on_batch(NAMED, Y, weight),
        ours.train_on_batch(NAMED, Y, weight),
    ):
        np.testing.assert_allclose(logs, expected, rtol=1e-5)
    shapes = [(None, 3), (None, 2)]
    assert (ours.input_shape, ours.output_shape) == (shapes, (None, 1))
    assert ours.compute_output_shape(shapes) == (None, 1)


def test_a_run_is_kept_and_swept(tmp_path):
    whole, run = joined(), {"checkpoint": tmp_path / "run"}
    whole.fit(LISTED, Y, **FIT | {"epochs": 4})
    joined().fit(NAMED, Y, **FIT, **run)
    resumed = joined()
    resumed.fit(NAMED, Y, **FIT | {"epochs": 4}, **run)
    for own, other in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    with raises_text(FileError, "x['wide'] holds other values"):
        joined().fit(NAMED | {"wide": WIDE + 1}, Y, **FIT | {"epochs": 4}, **run)
    best = jn.sweep(joined(), {"learning_rate": [0.01, 0.1]}, NAMED, Y, **FIT)
    members = [member.model.get_weights() for member in best]
    twin = joined()
    twin.fit(LISTED, Y, **FIT)  # sgd's rate is 0.01 by default
    for own, other in zip(members[0], twin.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6)
    assert not np.allclose(members[0][0], members[1][0])
    wanted = sum(member.model.predict(LISTED) for member in best) / 2
    np.testing.assert_allclose(
        best.ensemble(2, "loss").predict(NAMED), wanted, rtol=1e-5
    )


def keyed(*names):
    """A model whose inputs are in a dictionary, in this order."""
    inputs = {name: jn.Input((NAMED[name].shape[1],)) for name in names}
    both = layers.Concatenate()([inputs["wide"], inputs["deep"]])
    model = jn.Model(inputs, jn.Dense(1)(both), seed=3)
    model.compile("sgd", "mse")
    return model


def test_a_dictionary_of_inputs_and_of_one():
    model = keyed("deep", "wide")
    np.testing.assert_array_equal(model.predict(NAMED), model.predict([DEEP, WIDE]))
    wide = jn.Input((3,))
    one = jn.Model({"wide": wide}, [jn.Dense(2)(wide)])
    np.testing.assert_array_equal(one.predict({"wide": WIDE}), one.predict([WIDE]))
    assert one.input_shape == (None, 3)


class Own(jn.Model):
    def __init__(self):
        super().__init__()
        self.last = jn.Dense(1)

    def call(self, inputs):
        return self.last(layers.concatenate([inputs["wide"], inputs["deep"]]))


@unchecked_types()
def test_inputs_whose_order_says_nothing_come_by_name(tmp_path):
    """As in Keras, where only a dictionary that is in order is as good as a list."""
    model, own = keyed("wide", "deep"), Own()
    expected = model.predict(NAMED)
    np.testing.assert_array_equal(expected, keyed("deep", "wide").predict(NAMED))
    own.predict(NAMED)
    others = [own, model]
    for path in (tmp_path / "model.safetensors", tmp_path / "model.keras"):
        model.save(path)
        others.append(jn.models.load_model(path))
        np.testing.assert_array_equal(others[-1].predict(NAMED), expected)
    ensemble = jn.sweep(model, {"seed": [3, 4]}, NAMED, Y, **FIT).ensemble(2, "loss")
    assert ensemble.predict(NAMED).shape == (22, 1)
    for other in (*others, ensemble):
        for give in (other.predict, other):
            with raises_text(ArgumentError, "the inputs have names and no order: give"):
                give(LISTED)
    with raises_text(ArgumentError, "dictionary with the keys 'wide', 'deep'."):
        model.fit(LISTED, Y)
    with raises_text(ArgumentError, "inputs is a list, and the inputs have names"):
        model([jn.Input((3,)), jn.Input((2,))])
    inside = model({name: jn.Input((own.shape[1],)) for name, own in NAMED.items()})
    assert inside.shape == (None, 1)


@pytest.mark.parametrize(
    ("x", "kind", "text"),
    [
        (
            WIDE,
            ArgumentError,
            "x is a ndarray, and the model has 2 inputs, 'wide', 'deep'",
        ),
        ([WIDE], ArgumentError, "x is a list of 1, and the model has 2 inputs"),
        ({"wide": WIDE}, ArgumentError, "x is a dict of 'wide', and the model has 2"),
        ([WIDE, WIDE], ShapeError, "x[1] has rows of shape (3,)"),
        (NAMED | {"wide": None}, DataError, "x['wide'] is None"),
        (NAMED | {"deep": DEEP[1:]}, DataError, "x['deep'] has 21 rows and"),
        (NAMED | {"wide": WIDE * np.nan}, DataError, "x['wide'] holds nan at row 0"),
    ],
)
def test_other_inputs_are_said(x, kind, text):
    with raises_text(kind, text):
        joined().fit(x, Y, verbose=0)
    with raises_text(kind, text):
        joined().predict(x)
    with raises_text(kind, f"validation {text}"):
        joined().fit(LISTED, Y, validation_data=(x, Y), verbose=0)


def test_what_no_input_is_called_is_left_out_with_a_warning():
    """As in Keras, which takes more than the inputs by their names."""
    model = joined()
    for call in (model.predict, model):
        with pytest.warns(UserWarning, match="x has 'tall', which the model does not"):
            found = call(NAMED | {"tall": Y})
        np.testing.assert_array_equal(found, call(NAMED))

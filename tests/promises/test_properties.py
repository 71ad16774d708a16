"""What holds for all examples, drawn by hypothesis: the same ones every time.

Where examples share their compiled programs many are tried, elsewhere a few.
"""

import copy
import functools
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from oracles import assert_close, assert_trees_close, assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.checkpoints import callback_state
from jaxnet_mini.core.training.state import NO_ROW
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import Data, epoch_order
from jaxnet_mini.devices import programs
from jaxnet_mini.optimizers import SGD

pytestmark = pytest.mark.usefixtures("quick_compilation")

FEATURES, CLASSES, BATCH = 4, 3, 8
SPARSE = "sparse_categorical_crossentropy"
LONG = settings.default.max_examples // 100
many = settings(max_examples=6 * LONG)
few = settings(max_examples=3 * LONG)

seeds = st.integers(0, 2**32 - 1)
# Two batches of 8, the second of which has any number of rows: one program for all.
two_batches = st.integers(BATCH + 1, 2 * BATCH)


def examples(seed, rows):
    """Inputs and classes that hang on them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    noise = rng.normal(size=(rows, CLASSES))
    return x, np.argmax(x[:, :CLASSES] + noise, -1).astype(np.int32)


def weights_for(seed, rows):
    return np.random.default_rng(seed).uniform(0.1, 3.0, rows).astype(np.float32)


def classifier(optimizer="adam", loss=SPARSE, metrics=("accuracy",), **options):
    layers = [jn.Dense(6, "relu"), jn.Dense(CLASSES, "softmax")]
    model = jn.Sequential([jn.Input((FEATURES,)), *layers])
    model.compile(optimizer, loss, list(metrics), **options)
    return model


def trained(model, x, y, **options):
    """The history of a training without a word; everything else is in the model."""
    call = {"batch_size": BATCH, "verbose": 0, "seed": 3} | options
    return model.fit(x, y, **call).history


def assert_same(one, other):
    """All of two models' states, to the bit."""
    assert_trees_identical(one.state, other.state)


# Masks and weights


@many
@given(seed=seeds, junk=st.floats(-(2.0**99), 2.0**99, width=32))
def test_padding_is_neutral_for_every_number_of_rows(seed, junk):
    """Whatever it holds, to the bit; and as if it were not there, in NumPy."""
    net = jn.serial(jn.Dense(6, "relu"), jn.Dense(CLASSES, "softmax"))
    trainer = Trainer(net, SPARSE, SGD(0.1), metrics=("accuracy",))
    start = classifier(SGD(0.1)).state
    x, y = examples(seed, 3 * BATCH)
    weight = weights_for(seed, len(x))
    for rows in range(BATCH + 1, 2 * BATCH + 1):
        held = Data(*map(jnp.asarray, (x, y, weight, np.int32(rows))))
        order = epoch_order.order((seed,), 0, rows, BATCH)
        # The same rows one place further on; padding computes with the first.
        spoiled, moved, weighed = (np.roll(array, 1, 0) for array in (x, y, weight))
        spoiled[0] = junk
        other_held = Data(*map(jnp.asarray, (spoiled, moved, weighed, np.int32(rows))))
        other_order = np.where(order == NO_ROW, NO_ROW, order + 1)
        one = programs.loop(trainer.program(), start, held, order, 0, 2)
        other = programs.loop(
            trainer.program(), start, other_held, other_order.astype(np.int32), 0, 2
        )
        assert_trees_identical(one, other)
        batches = [
            (x[kept].astype(np.float64), y[kept], weight[kept].astype(np.float64))
            for kept in np.split(order.reshape(-1)[:rows], [BATCH])
        ]
        expected, losses = oracles.train(start.params, oracles.sgd(0.1), batches)
        assert_trees_close(one.state.params, expected, 1e-5)
        mean = np.average(losses, weights=[BATCH, rows - BATCH])
        assert_close(trainer.logs(one.sums.value())["loss"], mean, 1e-5)


REDUCTIONS = {
    # By what the weights' zeros have made the sum smaller, of the rows there are.
    "sum": lambda kept: 1.0,
    "mean_with_sample_weight": lambda kept: 1.0,
    "sum_over_batch_size": np.mean,
}


@few
@given(seed=seeds, kept=st.lists(st.booleans(), min_size=16, max_size=16).filter(any))
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_weight_of_0_is_a_removed_row(reduction, seed, kept):
    kept = np.array(kept)
    loss = jn.losses.SparseCategoricalCrossentropy(reduction=reduction)
    x, y = examples(seed, 16)
    weight = weights_for(seed, 16)
    share = REDUCTIONS[reduction](kept)
    zeroed, removed = classifier(SGD(0.1), loss), classifier(SGD(0.1 * share), loss)
    history = trained(zeroed, x, y, sample_weight=weight * kept, batch_size=16)
    left = {"sample_weight": weight[kept], "batch_size": 16}
    expected = trained(removed, x[kept], y[kept], **left)
    assert_trees_close(zeroed.params, removed.params, 1e-5)
    assert_close(history["loss"], share * np.array(expected["loss"]), 1e-5)


@many
@given(seed=seeds, rows=two_batches, power=st.integers(-6, 6))
@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
def test_weights_scale_what_the_rate_scales(reduction, seed, rows, power):
    """By powers of 2, which round nothing: to the bit."""
    scale = 2.0**power
    loss = jn.losses.SparseCategoricalCrossentropy(reduction=reduction)
    weight = weights_for(seed, rows)
    one, other = classifier(SGD(0.125), loss), classifier(SGD(0.125 / scale), loss)
    history = trained(one, *examples(seed, rows), sample_weight=weight)
    scaled = np.float32(scale) * weight
    expected = trained(other, *examples(seed, rows), sample_weight=scaled)
    assert_trees_identical(one.params, other.params)
    assert [scale * value for value in history["loss"]] == expected["loss"]


@many
@given(seed=seeds, rows=two_batches, power=st.integers(-6, 6))
def test_a_mean_by_weight_knows_no_scale(seed, rows, power):
    reduction = "mean_with_sample_weight"
    loss = jn.losses.SparseCategoricalCrossentropy(reduction=reduction)
    one, other = classifier(loss=loss), classifier(loss=loss)
    weight = weights_for(seed, rows)
    history = trained(one, *examples(seed, rows), sample_weight=weight)
    scaled = np.float32(2.0**power) * weight
    expected = trained(other, *examples(seed, rows), sample_weight=scaled)
    assert_same(one, other)
    assert history == expected


@many
@given(seed=seeds, rows=two_batches)
def test_weights_of_1_are_no_weights(seed, rows):
    one, other = classifier(), classifier()
    history = trained(one, *examples(seed, rows), epochs=2)
    ones = np.ones(rows, np.float32)
    expected = trained(other, *examples(seed, rows), epochs=2, sample_weight=ones)
    assert_trees_close(one.params, other.params, 1e-5)
    assert_close(history["loss"], expected["loss"], 1e-6)


@many
@given(
    seed=seeds,
    rows=two_batches,
    table=st.dictionaries(
        st.integers(0, CLASSES - 1), st.floats(0.0, 4.0, width=16), min_size=1
    ),
)
def test_weights_of_classes_are_weights_of_their_examples(seed, rows, table):
    x, y = examples(seed, rows)
    by_class, by_example = classifier(), classifier()
    history = trained(by_class, x, y, class_weight=table)
    weight = np.array([table.get(int(label), 1.0) for label in y], np.float32)
    assert trained(by_example, x, y, sample_weight=weight) == history
    assert_same(by_class, by_example)


# Labels and dtypes


@many
@given(seed=seeds, rows=two_batches)
def test_integer_and_one_hot_labels_agree(seed, rows):
    x, y = examples(seed, rows)
    integers, one_hot = classifier(), classifier(loss="categorical_crossentropy")
    history = trained(integers, x, y, epochs=2)
    expected = trained(one_hot, x, np.eye(CLASSES, dtype=np.float32)[y], epochs=2)
    assert_trees_close(integers.params, one_hot.params, 1e-5)
    assert history["accuracy"] == expected["accuracy"]
    assert_close(history["loss"], expected["loss"], 1e-6)


@given(classes=arrays.arrays(np.int64, st.integers(1, 50), elements=st.integers(0, 30)))
def test_one_hot_labels_know_their_classes(classes):
    one_hot = jn.utils.to_categorical(classes)
    assert one_hot.shape == (len(classes), classes.max() + 1)
    np.testing.assert_array_equal(one_hot.argmax(-1), classes)
    np.testing.assert_array_equal(one_hot.sum(-1), 1.0)


@few
@given(seed=seeds, rows=two_batches)
@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "f2", "f8", ">f4"])
@pytest.mark.one_in(2)
def test_the_dtype_of_inputs_changes_no_result(dtype, seed, rows):
    x = np.random.default_rng(seed).integers(0, 100, (rows, FEATURES))
    _, y = examples(seed, rows)
    one, other = classifier(SGD(1e-3)), classifier(SGD(1e-3))
    history = trained(one, x.astype(np.float32), y)
    expected = trained(other, x.astype(dtype), y)
    assert_trees_close(one.params, other.params, 1e-5)
    assert_close(history["loss"], expected["loss"], 1e-5)
    assert_close(one.predict(x.astype("f4")), other.predict(x.astype(dtype)), 1e-5)


# One program and another


@functools.partial(jax.jit, static_argnums=0)
def compiled_step(trainer, state, batch):
    return trainer.step(state, batch)


@few
@given(seed=seeds)
def test_compiled_and_eager_steps_agree(seed):
    """Dropout draws the same, too."""
    layers = (
        jn.Dense(6, "tanh"),
        jn.Dropout(0.5),
        jn.Dense(CLASSES, "softmax"),
    )
    trainer = Trainer(jn.serial(*layers), SPARSE, SGD(0.1), metrics=("accuracy",))
    state = trainer.init(jax.random.key(seed), (FEATURES,))
    batch = tuple(map(jnp.asarray, (*examples(seed, BATCH), weights_for(seed, BATCH))))
    (one, logs), (other, expected) = (
        step(state, batch)
        for step in (functools.partial(compiled_step, trainer), trainer.step)
    )
    assert_trees_close(one.params, other.params, 1e-5)
    assert_trees_close(logs, expected, 1e-5)


@many
@given(
    seed=seeds,
    rows=st.integers(1, 40),
    batch_size=st.sampled_from([1, 3, 8, 32, 100]),
)
def test_predictions_do_not_hang_on_the_batch_size(seed, rows, batch_size):
    x, _ = examples(seed, rows)
    model = classifier()
    expected = model.predict(x)
    assert expected.shape == (rows, CLASSES)
    assert_close(model.predict(x, batch_size=batch_size), expected, 1e-6)
    logits, _ = oracles.mlp(oracles.float64(model.params), x.astype(np.float64))
    assert_close(np.log(expected), oracles.log_softmax(logits), 1e-5)


@many
@given(seed=seeds, rows=st.integers(1, 40), batch_size=st.sampled_from([3, 8, None]))
def test_an_evaluation_is_that_of_the_predictions(seed, rows, batch_size):
    """Computed from them in NumPy, with weights where weights count."""
    x, y = examples(seed, rows)
    weight = weights_for(seed, rows)
    model = classifier(weighted_metrics=["accuracy"])
    found = model.evaluate(x, y, batch_size, 0, sample_weight=weight, return_dict=True)
    outputs = model.predict(x).astype(np.float64)
    right = outputs.argmax(-1) == y
    expected = {
        "accuracy": right.mean(),
        "loss": np.mean(-np.log(outputs[np.arange(rows), y]) * weight),
        "weighted_accuracy": np.average(right, weights=weight),
    }
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        assert_close(found[name], value, 1e-5)


# The order, and how epochs hang together


@given(
    seed=st.lists(seeds, min_size=1, max_size=3),
    epoch=st.integers(0, 1000),
    rows=st.integers(20, 300),
    sizes=st.lists(st.sampled_from([1, 2, 6, 32, 100]), min_size=2, max_size=2),
)
def test_the_order_hangs_on_seed_and_epoch_alone(seed, epoch, rows, sizes):
    def order(seed, epoch, size=32, pieces=1):
        return epoch_order.order(seed, epoch, rows, size, pieces=pieces).reshape(-1)[
            :rows
        ]

    np.random.seed(epoch)  # noqa: NPY002  (a global generator must have no part in it)
    expected = order(seed, epoch, sizes[0])
    np.testing.assert_array_equal(order(seed, epoch, sizes[1]), expected)
    np.testing.assert_array_equal(order(seed, epoch, 12, pieces=3), expected)
    np.testing.assert_array_equal(np.sort(expected), np.arange(rows))
    others = [(seed, epoch + 1), ([*seed, epoch], 0), ([seed[0] + 1, *seed[1:]], epoch)]
    for other in others:
        assert not np.array_equal(order(*other), expected)


@many
@given(seed=seeds, rows=two_batches)
def test_shuffled_training_is_training_on_shuffled_rows(seed, rows):
    """The order of the first epoch, applied by hand: to the bit."""
    x, y = examples(seed, rows)
    weight = weights_for(seed, rows)
    seed %= 2**31
    places = epoch_order.order((seed,), 0, rows, BATCH).reshape(-1)[:rows]
    one, other = classifier(), classifier()
    history = trained(one, x, y, seed=seed, sample_weight=weight)
    moved = {"seed": seed, "sample_weight": weight[places], "shuffle": False}
    assert trained(other, x[places], y[places], **moved) == history
    assert_same(one, other)


@many
@given(seed=seeds, cuts=st.sets(st.integers(1, 4), min_size=1))
def test_epochs_may_be_split_over_calls(seed, cuts):
    """With ``initial_epoch`` and one seed: the same bits as in one call."""
    x, y = examples(seed, 13)
    whole, split = classifier(), classifier()
    expected = trained(whole, x, y, epochs=5)
    story = {name: [] for name in expected}
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), 5], strict=True):
        call = {"initial_epoch": first, "epochs": last}
        for name, values in trained(split, x, y, **call).items():
            story[name] += values
    assert story == expected
    assert_same(whole, split)


@many
@given(
    first=st.integers(0, 5),
    last=st.integers(1, 8),
    due=st.integers(1, 4) | st.sets(st.integers(1, 8), min_size=1).map(sorted),
)
def test_a_history_has_a_value_for_each_epoch(first, last, due):
    model = classifier()
    call = {"initial_epoch": first, "epochs": last, "validation_freq": due}
    x, y = examples(0, 13)
    history = trained(model, x, y, validation_data=(x, y), **call)
    epochs = list(range(first, last))
    validated = [
        epoch
        for epoch in epochs
        if ((epoch + 1) % due == 0 if isinstance(due, int) else epoch + 1 in due)
    ]
    lengths = {"accuracy": epochs, "loss": epochs}
    lengths |= {f"val_{name}": validated for name in list(lengths)} if validated else {}
    expected = {name: len(some) for name, some in lengths.items() if some}
    assert {name: len(values) for name, values in history.items()} == expected
    assert model.history.epoch == epochs
    assert len(model.history.timing["epoch_seconds"]) == len(epochs)
    assert int(model.state.step) == 2 * len(epochs)


# There and back


OTHERS = [jn.LayerNormalization(), jn.Dropout(0.25), jn.layers.PReLU()]
# Units, activation, use_bias and penalty of a dense layer; or another layer.
stacks = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.sampled_from(["relu", "gelu", "tanh", None]),
        st.booleans(),
        st.sampled_from([None, "l1", "l2"]),
    )
    | st.sampled_from(OTHERS),
    min_size=1,
    max_size=4,
)
optimizers = st.sampled_from(["adam", SGD(0.1, momentum=0.9), "rmsprop", "adagrad"])


def numbered(stack, optimizer, seed):
    """A compiled model of these layers, whose every number is drawn."""
    layers = [
        jn.Dense(*layer[:3], kernel_regularizer=layer[3])
        if isinstance(layer, tuple)
        else copy.deepcopy(layer)  # one object stands in one model
        for layer in stack
    ]
    model = jn.Sequential([jn.Input((FEATURES,)), *layers, jn.Dense(2)], seed=seed)
    model.compile(optimizer, "mse")
    return with_numbers(model, seed)


def with_numbers(model, seed):
    rng = np.random.default_rng(seed)

    def drawn(leaf):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.key(seed)
        if leaf.dtype == np.float32:
            return jnp.asarray(rng.normal(size=leaf.shape).astype(np.float32))
        return jnp.asarray(rng.integers(0, 1000, leaf.shape).astype(leaf.dtype))

    model.state = jax.tree.map(drawn, model.state)
    return model


@few
@given(stack=stacks, optimizer=optimizers, seed=seeds)
def test_a_saved_model_is_the_model(tmp_path_factory, stack, optimizer, seed):
    model = numbered(stack, optimizer, seed)
    folder = tmp_path_factory.mktemp("saved")
    model.save(folder / "model.safetensors")
    loaded = jn.models.load_model(folder / "model.safetensors")
    assert_same(loaded, model)
    assert loaded.net == model.net
    assert loaded.trainer == model.trainer
    assert loaded.seed == model.seed
    model.save_weights(folder / "model.weights.safetensors")
    state = with_numbers(loaded, seed + 1).state
    loaded.load_weights(folder / "model.weights.safetensors")
    assert_trees_identical(loaded.params, model.params)
    assert_trees_identical(loaded.state.optimizer_state, state.optimizer_state)


@few
@given(stack=stacks, optimizer=optimizers, seed=seeds)
def test_weights_that_are_set_are_those_that_one_gets(stack, optimizer, seed):
    model = numbered(stack, optimizer, seed)
    before = model.get_weights()
    state = with_numbers(model, seed + 1).state
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(before, model.get_weights(), strict=True)
    )
    model.set_weights(before)
    for own, expected in zip(model.get_weights(), before, strict=True):
        assert own.dtype == expected.dtype
        np.testing.assert_array_equal(own, expected)
    assert_trees_identical(model.state.optimizer_state, state.optimizer_state)
    other = numbered(stack, "sgd", seed + 1)
    other.set_weights(before)
    x, _ = examples(seed, 3)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


# What stands for a float, for floats and for an array must be allowed as a key, too.
keys = st.text("ab/", max_size=3) | st.sampled_from(["/float", "/floats", "/array"])
numbers = st.floats() | st.integers() | st.booleans() | st.none()
some_arrays = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.uint8, np.bool_]),
    arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
)
kept_values = st.recursive(
    numbers | st.text(max_size=3) | some_arrays | st.lists(st.floats(), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


def assert_equal(value, expected):
    """The same kinds, numbers and dtypes at every place; NaN is NaN."""
    assert type(value) is type(expected)
    if isinstance(value, dict):
        assert list(value) == list(expected)
        value, expected = list(value.values()), list(expected.values())
    if isinstance(value, list):
        for one, other in zip(value, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(value, np.ndarray):
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)
    elif isinstance(value, float) and math.isnan(value):
        assert math.isnan(expected)
    else:
        assert value == expected


@given(value=kept_values)
def test_what_is_packed_comes_back(value):
    """Through text, as in a file."""
    held = {}
    text = json.dumps(callback_state.packed(value, "name", held), allow_nan=False)
    assert_equal(callback_state.unpacked(json.loads(text), held), value)
    assert not held


def test_names_of_arrays_do_not_meet():
    value = {
        "a/b": np.ones(1),
        "a": {"b": np.zeros(2), "b~1c": np.zeros(3), "b/c": np.zeros(4)},
    }
    held = {}
    found = callback_state.packed(value, "name", held)
    assert len(held) == 4
    assert_equal(callback_state.unpacked(found, held), value)

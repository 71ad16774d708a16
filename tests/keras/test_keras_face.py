"""`Sequential` against Keras 3.15 on JAX, from the same weights.

Every comparison builds both models, hands the weights of one to the other and calls the
same methods with the same arguments.
"""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close, assert_trees_identical, raises_text

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback
from jaxnet_mini.data import fit_arguments
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError, StateError

pytestmark = pytest.mark.usefixtures("quick_compilation")

FEATURES = 6


@dataclasses.dataclass(frozen=True)
class Problem:
    """A small task: what the network ends with, and random data for it."""

    outputs: int
    activation: str | None
    loss: str
    metrics: tuple[str, ...]
    targets: str

    def data(self, rows, seed=0):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
        classes = rng.integers(0, max(2, self.outputs), rows)
        if self.targets == "classes":
            return x, classes
        if self.targets == "one_hot":
            return x, np.eye(self.outputs, dtype=np.float32)[classes]
        if self.targets == "binary":
            return x, classes[:, None]
        return x, rng.normal(size=(rows, self.outputs)).astype(np.float32)


PROBLEMS = {
    "sparse": Problem(
        4, "softmax", "sparse_categorical_crossentropy", ("accuracy",), "classes"
    ),
    "one_hot": Problem(
        4, "softmax", "categorical_crossentropy", ("mse", "accuracy"), "one_hot"
    ),
    "binary": Problem(
        1, "sigmoid", "binary_crossentropy", ("accuracy", "mae"), "binary"
    ),
    "regression": Problem(3, None, "mse", ("root_mean_squared_error", "mae"), "values"),
}
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


def ours(problem, optimizer="sgd", metrics=None):
    model = jn.Sequential(
        [
            jn.Dense(5, "tanh", input_shape=(FEATURES,)),
            jn.Dense(problem.outputs, problem.activation),
        ]
    )
    chosen = problem.metrics if metrics is None else metrics
    model.compile(optimizer, problem.loss, list(chosen))
    return model


def theirs(problem, weights, optimizer="sgd", metrics=None):
    with keras_on_jax() as keras:
        model = keras.Sequential(
            [
                keras.Input((FEATURES,)),
                keras.layers.Dense(5, "tanh"),
                keras.layers.Dense(problem.outputs, problem.activation),
            ]
        )
        chosen = problem.metrics if metrics is None else metrics
        model.compile(optimizer, problem.loss, metrics=list(chosen))
        model.set_weights(weights)
    return model


def twins(problem, optimizer="sgd", their_optimizer=None, metrics=None):
    model = ours(problem, optimizer, metrics)
    other = theirs(problem, model.get_weights(), their_optimizer or optimizer, metrics)
    return model, other


def assert_histories_close(history, expected, tolerance):
    assert list(history.history) == list(expected.history)
    assert history.epoch == expected.epoch
    for name, values in expected.history.items():
        np.testing.assert_allclose(
            history.history[name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )


def weights_of(other):
    # Keras 3.15 reads its weights in a way that NumPy 2 warns of.
    with keras_on_jax():
        return other.get_weights()


def predicted_by(other, x, *args):
    with keras_on_jax():
        return np.asarray(other.predict(x, *args, verbose=0))


def assert_weights_close(model, other, tolerance):
    pairs = list(zip(model.get_weights(), weights_of(other), strict=True))
    for weight, expected in pairs:
        np.testing.assert_allclose(weight, expected, rtol=0.0, atol=tolerance)
    return max(np.max(np.abs(weight - expected)) for weight, expected in pairs)


def small(*layers, **kwargs):
    """A model of one small layer, or of those given."""
    return jn.Sequential(layers or (jn.Dense(3, input_shape=(4,)),), **kwargs)


# Building


def summary_of(model):
    texts = []
    model.summary(print_fn=texts.append)
    return texts


def table_of(text):
    """The rows of a summary's table, and the lines below it, without borders."""
    rows, totals = [], []
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
        if cells:
            rows.append(cells)
        elif "params:" in line:
            totals.append(line.strip())
    return rows, totals


@pytest.mark.parametrize(
    ("shape", "units", "total"),
    [
        ((28, 28), (128, 10), 101_770),
        ((28, 28), (256, 10), 203_530),
        ((9,), (8,), 80),
    ],
)
def test_the_summary_holds_what_kerass_holds(shape, units, total):
    model = jn.Sequential([jn.Flatten(input_shape=shape), *map(jn.Dense, units)])
    with keras_on_jax() as keras:
        keras.utils.clear_session()
        layers = [keras.layers.Dense(size) for size in units]
        other = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), *layers])
        their_texts = summary_of(other)
    texts = summary_of(model)

    assert len(texts) == len(their_texts) == 1
    assert table_of(texts[0]) == table_of(their_texts[0])
    assert f"Total params: {total:,} (" in texts[0]
    assert model.count_params() == other.count_params() == total


BUILDERS = {
    "Input": lambda: small(jn.Input((4,)), jn.Dense(3), jn.Dense(2)),
    "input_shape": lambda: small(jn.Dense(3, input_shape=(4,)), jn.Dense(2)),
    "input_dim": lambda: small(jn.Dense(3, input_dim=4), jn.Dense(2)),
    "build": lambda: built(small(jn.Dense(3), jn.Dense(2))),
    "add": lambda: added(jn.Sequential(), jn.Dense(3, input_shape=(4,)), jn.Dense(2)),
    "add Input": lambda: added(
        jn.Sequential(), jn.Input((4,)), jn.Dense(3), jn.Dense(2)
    ),
    "pop": lambda: popped(small(jn.Dense(3, input_dim=4), jn.Dense(2), jn.Dense(9))),
    "call": lambda: called(small(jn.Dense(3), jn.Dense(2)), np.zeros((5, 4))),
    "fit": lambda: fitted(
        small(jn.Dense(3), jn.Dense(2)), np.ones((5, 4)), np.ones((5, 2))
    ),
    "train_on_batch": lambda: trained(
        small(jn.Dense(3), jn.Dense(2)), np.ones((5, 4)), np.ones((5, 2))
    ),
}


def built(model):
    assert not model.built
    model.build((None, 4))
    return model


def added(model, *layers):
    for layer in layers:
        model.add(layer)
    return model


def popped(model):
    model.pop()
    return model


def called(model, x):
    assert not model.built
    assert model(jnp.asarray(x, jnp.float32)).shape == (5, 2)
    return model


def fitted(model, x, y):
    model.compile("sgd", "mse")
    assert not model.built
    model.fit(x, y, verbose=0)
    return model


def trained(model, x, y):
    model.compile("sgd", "mse")
    model.train_on_batch(x, y)
    return model


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
def test_a_model_can_be_built_in_every_way_that_keras_knows(builder):
    model = builder()
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 2)
    assert [layer.__class__ for layer in model.layers] == [jn.Dense, jn.Dense]
    assert model.count_params() == 4 * 3 + 3 + 3 * 2 + 2
    assert [(w.path, w.name, w.shape, w.dtype.name) for w in model.weights] == [
        ("dense/kernel", "kernel", (4, 3), "float32"),
        ("dense/bias", "bias", (3,), "float32"),
        ("dense_1/kernel", "kernel", (3, 2), "float32"),
        ("dense_1/bias", "bias", (2,), "float32"),
    ]


def test_before_the_input_shape_is_known_there_are_no_weights():
    model = small(jn.Dense(3))
    assert not model.built
    for attempt in (
        lambda: model.params,
        lambda: model.weights,
        lambda: model.input_shape,
        lambda: model.output_shape,
        lambda: model.count_params(),
        lambda: model.get_weights(),
        lambda: model.set_weights([]),
    ):
        with raises_text(StateError, "input shape", "input_shape", "fit"):
            attempt()


def test_the_first_data_must_fit_nothing_but_the_next_must_fit_them():
    model = fitted(small(jn.Dense(3), jn.Dense(2)), np.ones((5, 4)), np.ones((5, 2)))
    with raises_text(ShapeError, "'dense'", "(4,)", "(5,)"):
        model.fit(np.ones((5, 5)), np.ones((5, 2)), verbose=0)


def test_weights_are_copies_that_numpy_may_change():
    model = small()
    kernel = model.weights[0].numpy()
    kernel[...] = 7.0
    model.get_weights()[0][...] = 7.0
    assert not np.any(model.get_weights()[0] == 7.0)


def test_weights_go_to_keras_and_back():
    problem = PROBLEMS["sparse"]
    model, other = twins(problem)
    x, _ = problem.data(9)
    assert_close(model.predict(x), predicted_by(other, x), 1e-6)

    rng = np.random.default_rng(1)
    fresh = [rng.normal(size=w.shape).astype(np.float32) for w in weights_of(other)]
    with keras_on_jax():
        other.set_weights(fresh)
    model.set_weights(weights_of(other))
    for weight, expected in zip(model.get_weights(), fresh, strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert_close(model.predict(x), predicted_by(other, x), 1e-6)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda w: w[:1], ["1 arrays", "2: dense/kernel, dense/bias"]),
        (lambda w: [w[0].T, w[1]], ["'dense/kernel'", "(4, 3)", "(3, 4)"]),
    ],
)
def test_set_weights_checks_number_and_shapes(change, parts):
    model = small()
    before = model.get_weights()
    with raises_text(ShapeError, *parts):
        model.set_weights(change(before))
    assert_trees_identical(model.get_weights(), before)


def test_the_functional_core_and_the_model_are_one():
    problem = PROBLEMS["sparse"]
    model = ours(problem, "adam")
    x, y = problem.data(20)

    def apply(params):
        return model.net.apply(params, jnp.asarray(x))

    np.testing.assert_allclose(model.predict(x), apply(model.params), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(apply(model.params)))

    # A step of the core, put into the model, and a step of the model.
    trainer, state = model.trainer, model.state
    state, logs = jax.jit(trainer.step)(state, (jnp.asarray(x), jnp.asarray(y)))
    other = ours(problem, "adam")
    other_logs = other.train_on_batch(x, y, return_dict=True)
    assert_close(float(logs["loss"]), other_logs["loss"], 1e-6)
    model.params = state.params
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        assert_close(weight, expected, 1e-6)


def test_assigned_params_are_those_of_the_model():
    model = small()
    changed = jax.tree.map(lambda leaf: leaf + 1.0, model.params)
    model.params = changed
    assert_trees_identical(model.params, changed)
    x = np.ones((2, 4), np.float32)
    kernel, bias = (np.asarray(changed["dense"][name]) for name in ("kernel", "bias"))
    expected = x @ kernel + bias
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dense": {"kernel": jnp.zeros((4, 3))}},
        {"dense": {"kernel": jnp.zeros((3, 4)), "bias": jnp.zeros(3)}},
    ],
    ids=["empty", "no bias", "transposed"],
)
def test_params_of_another_structure_are_refused(params):
    model = small()
    before = model.params
    with pytest.raises(ShapeError):
        model.params = params
    assert_trees_identical(model.params, before)


def test_gradients_flow_through_a_call_of_the_model():
    model = small()
    x = jnp.ones((2, 4))
    gradient = jax.grad(lambda x: jnp.sum(model(x)))(x)
    expected = np.tile(model.get_weights()[0].sum(1), (2, 1))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


ADDED = {
    "another": jn.Dense(2),
    "own name": jn.Dense(2, name="head"),
    # The name that the first layer had; Keras's names stay free for the taking.
    "a name in use": jn.Dense(2, name="dense"),
}


@pytest.mark.parametrize("layer", ADDED.values(), ids=ADDED)
@pytest.mark.one_in(4)
def test_adding_and_popping_keeps_the_weights_of_the_others(layer):
    x, y = np.random.default_rng(0).normal(size=(2, 8, 4)).astype(np.float32)
    model = small(jn.Dense(4, input_shape=(4,)), jn.Dense(4))
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    before = model.get_weights()

    model.add(layer)
    assert_trees_identical(model.get_weights()[:4], before)
    assert model.output_shape == (None, 2)
    model.fit(x, y[:, :2], verbose=0)
    trained = model.get_weights()

    model.pop()
    assert_trees_identical(model.get_weights(), trained[:4])
    model.fit(x, y, verbose=0)


def test_building_again_for_another_shape_changes_nothing_where_it_cannot():
    model = small(jn.Dense(3), jn.Dense(2))
    model.build((None, 4))
    before = model.get_weights()
    with pytest.raises(ShapeError):
        model.build((None, 5))
    assert model.input_shape == (None, 4)
    assert_trees_identical(model.get_weights(), before)
    model.build((None, 4))
    assert_trees_identical(model.get_weights(), before)


@pytest.mark.parametrize("first", [[jn.Input((4,))], []], ids=["Input", "built"])
def test_a_shape_that_is_fixed_stays_so(first):
    model = small(*first, jn.Dense(3))
    model.build((None, 4))
    with raises_text(ShapeError, "inputs of shape (4,)", "given (5,)", "new model"):
        model.build((None, 5))
    assert model.input_shape == (None, 4)


def test_compute_output_shape_builds_nothing():
    model = small(jn.Flatten(), jn.Dense(3))
    assert model.compute_output_shape((None, 2, 4)) == (None, 3)
    assert model.compute_output_shape((7, 5)) == (7, 3)
    assert not model.built
    with raises_text(ArgumentError, "starts with the batch axis", "not ()"):
        model.compute_output_shape(())


def test_layers_are_added_not_assigned():
    model = small(jn.Dense(3))
    with raises_text(AttributeError, "model.layers", "`add()` and `pop()`"):
        model.layers = [jn.Dense(4)]


# Evaluating and predicting


def weighted(rows):
    return np.random.default_rng(5).uniform(0.0, 3.0, rows).astype(np.float32)


@every_problem
@pytest.mark.one_in(4)
def test_evaluate_and_predict_agree_with_keras(problem):
    model, other = twins(problem)
    largest = 0.0
    # The last batch holds 9 rows, as elsewhere: fewer programs to compile.
    for rows, weight in ((64, None), (41, None), (41, weighted(41))):
        x, y = problem.data(rows, seed=rows)
        values = model.evaluate(x, y, verbose=0, sample_weight=weight)
        with keras_on_jax():
            expected = other.evaluate(x, y, verbose=0, sample_weight=weight)
        np.testing.assert_allclose(values, expected, rtol=1e-6)
        largest = max(largest, np.max(np.abs(np.divide(values, expected) - 1.0)))
    predicted, reference = model.predict(x), predicted_by(other, x)
    assert predicted.dtype == reference.dtype
    assert_close(predicted, reference, 1e-6)
    print(f"largest relative deviation of evaluate: {largest:.1e}")


@every_problem
def test_evaluate_returns_loss_and_metrics_in_the_order_of_compile(problem):
    model, other = twins(problem)
    x, y = problem.data(9)
    values = model.evaluate(x, y, verbose=0)
    named = model.evaluate(x, y, verbose=0, return_dict=True)
    with keras_on_jax():
        expected = other.evaluate(x, y, verbose=0, return_dict=True)
    assert list(named) == list(expected) == sorted(named)
    assert values == [named[name] for name in ("loss", *problem.metrics)]
    assert all(type(value) is float for value in values)


def test_evaluate_returns_one_number_where_there_are_no_metrics():
    problem = PROBLEMS["regression"]
    model, other = twins(problem, metrics=())
    x, y = problem.data(9)
    loss = model.evaluate(x, y, verbose=0)
    with keras_on_jax():
        expected = other.evaluate(x, y, verbose=0)
    assert type(loss) is type(expected) is float
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert model.train_on_batch(x, y) == pytest.approx(expected, rel=1e-6)


def test_predict_returns_every_row_in_order():
    model = small(jn.Dense(1, use_bias=False, input_shape=(1,)))
    model.set_weights([[[2.0]]])
    for rows in (1, 31, 32, 33, 64 * 4 + 3):
        x = np.arange(rows, dtype=np.float32)[:, None]
        np.testing.assert_array_equal(model.predict(x, batch_size=4), 2.0 * x)


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        ("sparse", None),
        ("one_hot", weighted(9)),
        ("binary", None),
        ("regression", weighted(9)),
    ],
    ids=PROBLEMS,
)
@pytest.mark.one_in(4)
def test_single_batches_agree_with_keras(kind, weight):
    problem = PROBLEMS[kind]
    model, other = twins(problem)
    for step in range(3):
        x, y = problem.data(9, seed=step)
        values = model.train_on_batch(x, y, sample_weight=weight)
        named = model.test_on_batch(x, y, sample_weight=weight, return_dict=True)
        with keras_on_jax():
            other.reset_metrics()
            expected = other.train_on_batch(x, y, sample_weight=weight)
            other.reset_metrics()
            reference = other.test_on_batch(
                x, y, sample_weight=weight, return_dict=True
            )
            outputs = other.predict_on_batch(x)
        np.testing.assert_allclose(values, expected, rtol=1e-5)
        assert set(named) == set(reference)
        for name, value in named.items():
            np.testing.assert_allclose(value, reference[name], rtol=1e-5)
        assert_close(model.predict_on_batch(x), np.asarray(outputs), 1e-5)
    assert_weights_close(model, other, 1e-6)


# Training


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"learning_rate": 0.1}),
        ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
        ("Adam", {"learning_rate": 0.01}),
    ],
    ids=["SGD", "Nesterov", "Adam"],
)
@pytest.mark.one_in(4)
def test_a_hundred_steps_of_fit_agree_with_keras(name, arguments):
    problem = PROBLEMS["sparse"]
    with keras_on_jax() as keras:
        optimizer = getattr(keras.optimizers, name)(**arguments)
    model, other = twins(problem, getattr(jn.optimizers, name)(**arguments), optimizer)
    x, y = problem.data(310)  # The last of ten batches holds 22 rows.
    held_out = problem.data(64, seed=1)
    call = {"epochs": 10, "shuffle": False, "validation_data": held_out, "verbose": 0}
    history = model.fit(x, y, **call)
    with keras_on_jax():
        expected = other.fit(x, y, **call)

    assert int(model.state.step) == 100
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert_histories_close(history, expected, 1e-4)
    largest = assert_weights_close(model, other, 1e-4)
    print(f"largest deviation of a weight after 100 steps: {largest:.1e}")


@pytest.mark.parametrize("kind", ["sparse", "one_hot", "binary"])
def test_class_weight_means_what_it_means_in_keras(kind):
    problem = PROBLEMS[kind]
    model, other = twins(problem)
    x, y = problem.data(48)
    # Classes that are not named weigh 1.
    call = {"class_weight": {0: 3.0, 1: 0.25}, "epochs": 3, "shuffle": False}
    call |= {"verbose": 0, "batch_size": 16}
    history = model.fit(x, y, **call)
    with keras_on_jax():
        expected = other.fit(x, y, **call)
    assert_histories_close(history, expected, 1e-5)
    assert_weights_close(model, other, 1e-5)


def test_class_weight_is_sample_weight_by_class():
    problem = PROBLEMS["sparse"]
    model, other = ours(problem), ours(problem)
    x, y = problem.data(20)
    values = model.train_on_batch(x, y, class_weight={2: 0.5})
    assert values == other.train_on_batch(x, y, np.where(y == 2, 0.5, 1.0))
    assert_trees_identical(model.params, other.params)


@every_problem
def test_sample_weight_means_what_it_means_in_keras(problem):
    model, other = twins(problem)
    x, y = problem.data(48)
    call = {"sample_weight": weighted(48), "epochs": 3, "shuffle": False}
    call |= {"verbose": 0, "batch_size": 16}
    val_x, val_y = problem.data(16, seed=1)
    call["validation_data"] = (val_x, val_y, weighted(16))
    history = model.fit(x, y, **call)
    with keras_on_jax():
        expected = other.fit(x, y, **call)
    assert_histories_close(history, expected, 1e-5)
    assert_weights_close(model, other, 1e-5)


def test_sample_weights_follow_their_rows_into_training_and_validation():
    problem = PROBLEMS["sparse"]
    model, other = twins(problem)
    x, y = problem.data(48)
    call = {"sample_weight": weighted(48), "epochs": 2, "shuffle": False}
    call |= {"batch_size": 16, "verbose": 0}
    call |= {"validation_split": 1 / 3, "validation_batch_size": 8}
    history = model.fit(x, y, **call)
    with keras_on_jax():
        expected = other.fit(x, y, **call)
    assert_histories_close(history, expected, 1e-5)


def test_sample_weight_0_is_as_good_as_no_gradient_but_the_row_still_counts():
    problem = PROBLEMS["regression"]
    x, y = problem.data(8)
    weight = np.array([1.0] * 4 + [0.0] * 4)
    model, other = ours(problem, metrics=()), ours(problem, metrics=())
    loss = model.train_on_batch(x, y, sample_weight=weight)
    # Half the rows, and half the step.
    half = other.train_on_batch(x[:4], y[:4])
    assert loss == pytest.approx(half / 2.0, rel=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 1 / 3, 0.5, 0.7, 0.9])
def test_validation_split_cuts_where_keras_cuts(share):
    with keras_on_jax():
        from keras.src.trainers.data_adapters import array_slicing

        for rows in range(11, 150):
            (kept, *_), (held_out, *_) = array_slicing.train_validation_split(
                (np.arange(rows), None, None), validation_split=share
            )
            at = fit_arguments.split(rows, share)
            assert (at, rows - at) == (len(kept), len(held_out))


def test_validation_split_takes_the_last_rows_before_shuffling():
    problem = PROBLEMS["sparse"]
    x, y = problem.data(50)
    model, other = ours(problem), ours(problem)
    call = {"epochs": 3, "verbose": 0, "seed": 3}
    split = model.fit(x, y, validation_split=0.2, **call)
    given = other.fit(x[:40], y[:40], validation_data=(x[40:], y[40:]), **call)
    assert split.history == given.history
    assert_trees_identical(model.params, other.params)


def test_a_split_leaves_the_arrays_alone():
    problem = PROBLEMS["sparse"]
    x, y = problem.data(50)
    copies = x.copy(), y.copy()
    ours(problem).fit(x, y, validation_split=0.2, epochs=2, verbose=0)
    assert_trees_identical((x, y), copies)


@pytest.mark.parametrize(
    ("frequency", "epochs", "initial_epoch"),
    [(1, 3, 0), (2, 5, 0), (2, 5, 1), ([1, 4], 5, 0), ([2, 9], 4, 0), (7, 3, 0)],
)
def test_validation_freq_counts_epochs_from_one(frequency, epochs, initial_epoch):
    problem = PROBLEMS["regression"]
    model = ours(problem)
    data = problem.data(8)
    seen = Recorder()
    call = {"validation_freq": frequency, "validation_data": data, "verbose": 0}
    call |= {"epochs": epochs, "initial_epoch": initial_epoch}
    model.fit(*data, callbacks=seen, **call)

    with keras_on_jax() as keras:

        class Theirs(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                validated[epoch] = "val_loss" in logs

        validated = {}
        other = theirs(problem, model.get_weights())
        other.fit(*data, callbacks=[Theirs()], **call)
    assert seen.validated == validated
    assert any(validated.values()) is (frequency != 7)


class Recorder(Callback):
    """Notes which epochs ran and were validated."""

    def on_train_begin(self, logs=None):
        self.validated = {}

    def on_epoch_end(self, epoch, logs=None):
        self.validated[epoch] = "val_loss" in logs


@pytest.mark.parametrize("size", [1, 4, 20, 32])
def test_the_size_of_validation_batches_changes_no_figure(size):
    problem = PROBLEMS["sparse"]
    held_out = problem.data(19, seed=1)
    call = {"epochs": 2, "verbose": 0, "validation_data": held_out}
    data = problem.data(16)
    expected = ours(problem).fit(*data, **call)
    history = ours(problem).fit(*data, validation_batch_size=size, **call)
    assert_histories_close(history, expected, 1e-6)

    batches = []

    class Batches(Callback):
        def on_test_batch_end(self, batch, logs=None):
            batches.append(batch)

    model = ours(problem)
    model.fit(
        *data, validation_batch_size=size, callbacks=Batches(), **call | {"epochs": 1}
    )
    assert batches == list(range(-(-19 // size)))


@pytest.mark.parametrize(
    ("reduction", "weight", "batch_size"),
    [("sum", None, None), ("mean_with_sample_weight", np.linspace(0.5, 1.5, 320), 64)],
)
def test_what_is_no_mean_over_rows_goes_by_the_batches_that_the_user_knows(
    reduction, weight, batch_size
):
    """More rows than are computed at a time where nobody can tell; nothing is learned.

    So does a metric of one's own that looks at a whole batch.
    """

    def span(y_true, y_pred):
        return abs(y_pred - y_true).max() + 0 * y_pred[:, 0]

    rows = 320
    x = np.random.default_rng(0).normal(size=(rows, FEATURES)).astype(np.float32)
    y = x[:, :1] * np.linspace(0, 3, rows, dtype=np.float32)[:, None]
    call = {"shuffle": False, "verbose": 0, "sample_weight": weight}
    held_out = (x, y) if weight is None else (x, y, weight)
    call["validation_data"] = held_out

    def figures(package, model):
        loss = package.losses.MeanSquaredError(reduction=reduction)
        rate = package.optimizers.SGD(0.0)
        model.compile(rate, loss, metrics=[span])
        model.set_weights([np.ones((FEATURES, 1), np.float32)])
        history = model.fit(x, y, batch_size, **call).history
        found = [history[name][0] for name in sorted(history)]
        for size in (batch_size, 160):
            found += model.evaluate(x, y, size, 0, sample_weight=weight)
        found += model.test_on_batch(x, y, weight)
        return np.array(found)

    model = jn.Sequential([jn.Dense(1, use_bias=False, input_shape=(FEATURES,))])
    own = figures(jn, model)
    with keras_on_jax() as keras:
        layers = [keras.Input((FEATURES,)), keras.layers.Dense(1, use_bias=False)]
        expected = figures(keras, keras.Sequential(layers))
    np.testing.assert_allclose(own, expected, rtol=1e-5)
    loss, val_loss, evaluated = own[0], own[2], own[4]
    assert loss == pytest.approx(val_loss, rel=1e-6)
    assert loss == pytest.approx(evaluated, rel=1e-6)


class Batched(Callback):
    def on_test_begin(self, logs=None):
        self.batches = 0

    def on_test_batch_end(self, batch, logs=None):
        self.batches += 1


def test_validation_goes_by_the_batch_size_of_fit():
    problem = PROBLEMS["sparse"]
    seen, model = Batched(), ours(problem)
    call = {"verbose": 0, "callbacks": seen, "validation_data": problem.data(40)}
    for sizes, batches in (
        ({}, 2),
        ({"batch_size": 8}, 5),
        ({"batch_size": 8, "validation_batch_size": 20}, 2),
    ):
        model.fit(*problem.data(16), **call, **sizes)
        assert seen.batches == batches


def test_epochs_is_the_index_of_the_last_one():
    problem = PROBLEMS["regression"]
    model = ours(problem)
    data = problem.data(8)
    assert model.fit(*data, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
    assert model.fit(*data, epochs=2, initial_epoch=2, verbose=0).epoch == []
    assert model.fit(*data, epochs=2, verbose=0).epoch == [0, 1]
    with keras_on_jax():
        other = theirs(problem, model.get_weights())
        assert other.fit(*data, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
        assert other.fit(*data, epochs=2, initial_epoch=2, verbose=0).epoch == []


# Steps per epoch: which rows are seen when


def rows_seen(fit, base):
    """Which row each step saw, by epoch: weights are 0 and row ``n``'s loss is ``n``.

    Logs of batches are the averages so far, and so tell each batch's own loss.
    """

    class Rows(base):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append([])
            self.total = 0.0

        def on_train_batch_end(self, batch, logs=None):
            total = logs["loss"] * (batch + 1)
            seen[-1].append(round(total - self.total))
            self.total = total

    seen = []
    fit(Rows())
    return seen


def row_problem(rows):
    x = np.ones((rows, 1), np.float32)
    return x, np.sqrt(np.arange(rows, dtype=np.float32))[:, None]


def our_rows(rows, shuffle=False, **call):
    model = small(jn.Dense(1, kernel_initializer="zeros", input_shape=(1,)))
    model.compile(jn.optimizers.SGD(0.0), "mse")
    call |= {"batch_size": 1, "shuffle": shuffle, "verbose": 0}
    return rows_seen(
        lambda seen: model.fit(*row_problem(rows), callbacks=[seen], **call), Callback
    )


def their_rows(rows, **call):
    with keras_on_jax() as keras:
        layer = keras.layers.Dense(1, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((1,)), layer])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        call |= {"batch_size": 1, "shuffle": False, "verbose": 0}
        return rows_seen(
            lambda seen: model.fit(*row_problem(rows), callbacks=[seen], **call),
            keras.callbacks.Callback,
        )


@pytest.mark.parametrize(("steps", "epochs"), [(None, 2), (2, 3), (3, 5), (6, 2)])
def test_an_epoch_of_few_steps_goes_on_where_the_one_before_ended(steps, epochs):
    seen = our_rows(6, steps_per_epoch=steps, epochs=epochs)
    assert seen == their_rows(6, steps_per_epoch=steps, epochs=epochs)


def test_an_epoch_may_span_passes_where_keras_would_run_out_of_data():
    assert our_rows(4, steps_per_epoch=3, epochs=4) == [
        [0, 1, 2],
        [3, 0, 1],
        [2, 3, 0],
        [1, 2, 3],
    ]
    assert our_rows(3, steps_per_epoch=7, epochs=1) == [[0, 1, 2, 0, 1, 2, 0]]


def test_shuffled_passes_see_every_row_once_whatever_the_epochs():
    seen = our_rows(5, steps_per_epoch=3, epochs=5, shuffle=True)
    flat = [row for epoch in seen for row in epoch]
    passes = [flat[first : first + 5] for first in range(0, 15, 5)]
    assert all(sorted(one) == list(range(5)) for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_initial_epoch_with_steps_per_epoch_enters_where_it_would_have_been():
    whole = our_rows(5, steps_per_epoch=3, epochs=4, shuffle=True, seed=1)
    late = our_rows(
        5, steps_per_epoch=3, epochs=4, initial_epoch=2, shuffle=True, seed=1
    )
    assert late == whole[2:]


@pytest.mark.parametrize(("rows", "steps", "begin"), [(6, 2, 2), (5, 5, 3), (5, 3, 3)])
def test_rows_in_their_own_order_begin_with_the_first_in_any_epoch(rows, steps, begin):
    call = {"steps_per_epoch": steps, "initial_epoch": begin, "epochs": begin + 1}
    assert our_rows(rows, **call) == their_rows(rows, **call) == [[*range(steps)]]


@pytest.mark.parametrize("split", [0.0, 0.2])
@pytest.mark.parametrize("steps", [3, 4])
def test_steps_per_epoch_alone_shares_out_all_rows(steps, split):
    problem = PROBLEMS["regression"]
    model, other = twins(problem)
    data = problem.data(50)
    call = {"steps_per_epoch": steps, "validation_split": split, "epochs": 2}
    call |= {"shuffle": False, "verbose": 0}
    with keras_on_jax():
        expected = other.fit(*data, **call).history
    found = model.fit(*data, **call).history
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    for weight, there in zip(model.get_weights(), weights_of(other), strict=True):
        np.testing.assert_allclose(weight, there, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["sparse", "regression"])
def test_weights_in_a_column_are_those_of_the_rows(name):
    problem = PROBLEMS[name]
    model, other = twins(problem)
    x, y = problem.data(50)
    weight = np.linspace(0.1, 2.0, 50, dtype=np.float32)[:, None]
    call = {"sample_weight": weight, "epochs": 2, "shuffle": False, "verbose": 0}
    call |= {"validation_data": (x[:20], y[:20], weight[30:])}
    with keras_on_jax():
        expected = other.fit(x, y, **call).history
        batch = other.test_on_batch(x, y, sample_weight=weight, return_dict=True)
    found = model.fit(x, y, **call).history
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5)
    own = model.test_on_batch(x, y, sample_weight=weight, return_dict=True)
    assert own == pytest.approx(batch, rel=1e-5)


def test_steps_per_epoch_gives_the_same_history_without_batch_hooks():
    model = small(jn.Dense(1, kernel_initializer="zeros", input_shape=(1,)))
    model.compile(jn.optimizers.SGD(0.0), "mse")
    call = {"steps_per_epoch": 3, "epochs": 4, "batch_size": 1, "verbose": 0}
    history = model.fit(*row_problem(4), shuffle=False, **call)
    means = [np.mean(rows) for rows in our_rows(4, steps_per_epoch=3, epochs=4)]
    np.testing.assert_allclose(history.history["loss"], means, rtol=1e-6)
    assert history.params["steps"] == 3


# What comes in


def mapped(folder, array):
    path = folder / "array.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array):
    return np.repeat(array, 2, axis=0)[::2]


WHOLE = np.random.default_rng(0).integers(0, 17, (40, 4, 4)).astype(np.float32)
BITS = (WHOLE > 8).astype(np.float32)
INPUTS = {
    "uint8": (WHOLE, lambda x, folder: x.astype(np.uint8)),
    "int64": (WHOLE, lambda x, folder: x.astype(np.int64)),
    "float16": (WHOLE / 16, lambda x, folder: x.astype(np.float16)),
    "float64": (WHOLE / 16, lambda x, folder: x.astype(np.float64)),
    "bool": (BITS, lambda x, folder: x.astype(bool)),
    "list": (WHOLE, lambda x, folder: x.tolist()),
    "list of arrays": (WHOLE, lambda x, folder: list(x)),
    "read-only": (WHOLE / 16, lambda x, folder: read_only(x)),
    "memory-mapped": (WHOLE / 16, lambda x, folder: mapped(folder, x)),
    "Fortran order": (WHOLE / 16, lambda x, folder: np.asfortranarray(x)),
    "strided": (WHOLE / 16, lambda x, folder: strided(x)),
    "big-endian": (WHOLE / 16, lambda x, folder: x.astype(">f4")),
    "JAX array": (WHOLE / 16, lambda x, folder: jnp.asarray(x)),
}


def run_everything(x, y):
    model = jn.Sequential([jn.Flatten(), jn.Dense(5, "tanh"), jn.Dense(3, "softmax")])
    model.compile(
        jn.optimizers.SGD(0.01), "sparse_categorical_crossentropy", "accuracy"
    )
    call = {"epochs": 2, "batch_size": 16, "verbose": 0, "validation_split": 0.25}
    history = model.fit(x, y, **call).history
    return history, model.get_weights(), model.predict(x)


@pytest.mark.parametrize(("x", "change"), INPUTS.values(), ids=INPUTS)
@pytest.mark.one_in(4)
def test_inputs_of_every_kind_give_the_result_of_float32(x, change, tmp_path):
    y = np.arange(40) % 3
    expected = run_everything(x, y)
    results = run_everything(change(x, tmp_path), y)
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-6, atol=1e-6),
        results,
        expected,
    )


TARGETS = {
    "int8": lambda y, folder: y.astype(np.int8),
    "uint8": lambda y, folder: y.astype(np.uint8),
    "float32": lambda y, folder: y.astype(np.float32),
    "bool": lambda y, folder: y.astype(bool),
    "column": lambda y, folder: y[:, None],
    "list": lambda y, folder: y.tolist(),
    "read-only": lambda y, folder: read_only(y),
    "memory-mapped": lambda y, folder: mapped(folder, y),
}


@pytest.mark.parametrize("change", TARGETS.values(), ids=TARGETS)
def test_targets_of_every_kind_give_the_result_of_int64(change, tmp_path):
    y = (np.arange(40) % 2).astype(np.int64)
    expected = run_everything(WHOLE, y)
    results = run_everything(WHOLE, change(y, tmp_path))
    assert_trees_identical(
        jax.tree.map(np.asarray, results), jax.tree.map(np.asarray, expected)
    )


def test_bad_data_change_nothing():
    problem = PROBLEMS["sparse"]
    model = ours(problem)
    x, y = problem.data(8)
    model.fit(x, y, verbose=0)
    before, history = model.state, model.history
    for bad_x, bad_y, error in [
        (np.full_like(x, np.nan), y, DataError),
        (x, y + 4, DataError),
        (x[:, :2], y, ShapeError),
        (x, y[:3], DataError),
    ]:
        with pytest.raises(error):
            model.fit(bad_x, bad_y, verbose=0)
    with pytest.raises(ArgumentError):
        model.fit(x, y, validation_split=1.0, verbose=0)
    assert model.history is history
    assert_trees_identical(model.state, before)


@pytest.mark.parametrize(
    "transform",
    [
        jax.eval_shape,
        lambda model, x: jax.jit(model)(x),
        lambda model, x: jax.grad(lambda x: model(x).sum())(x),
        lambda model, x: jax.vmap(lambda row: model(row[None]))(x),
    ],
    ids=["eval_shape", "jit", "grad", "vmap"],
)
def test_a_model_first_called_within_a_transformation_makes_its_weights(transform):
    """And they are arrays, of which nothing that is traced has leaked."""
    model = jn.Sequential([jn.Dense(3, input_shape=(4,))])
    transform(model, jnp.ones((2, 4)))
    expected = jn.Sequential([jn.Dense(3, input_shape=(4,))]).get_weights()
    for own, other in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(own, other)
    assert model.predict(np.ones((2, 4))).shape == (2, 3)

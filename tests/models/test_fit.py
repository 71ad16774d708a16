"""What ``fit`` promises: repeatability, learning, a usable model however it ends."""

import dataclasses
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from fit_cases import CLASSES, FEATURES, ONES, classifier, line, problem
from interpreter import run
from oracles import assert_close, assert_trees_identical, raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, LambdaCallback
from jaxnet_mini.core.training.state import NO_ROW
from jaxnet_mini.data import epoch_order
from jaxnet_mini.datasets import digits
from jaxnet_mini.errors import ArgumentError, NonFiniteError, StateError
from jaxnet_mini.loops.steps import Pace

pytestmark = pytest.mark.usefixtures("quick_compilation")


CALL = {"epochs": 3, "batch_size": 8, "verbose": 0}


class Stepwise(Callback):
    """A hook for batches that does nothing: the loop runs one step at a time."""

    def on_train_batch_end(self, batch, logs=None):
        """Only be there."""


def assert_same(model, history, other, expected):
    assert history.history == expected.history
    assert_trees_identical(model.params, other.params)
    assert_trees_identical(model.state.optimizer_state, other.state.optimizer_state)


# The same again


def test_the_same_seed_gives_the_same_bits():
    first, second = classifier(seed=1), classifier(seed=1)
    history = first.fit(*problem(), seed=5, **CALL)
    assert_same(first, history, second, second.fit(*problem(), seed=5, **CALL))


def test_without_a_seed_the_same_script_gives_the_same_bits():
    first, second = classifier(), classifier()
    for _ in range(2):
        history = first.fit(*problem(), **CALL)
        expected = second.fit(*problem(), **CALL)
    assert_same(first, history, second, expected)


SCRIPT = """
import hashlib, json
import jax
import numpy as np
import jaxnet_mini as jn
from jaxnet_mini.datasets import digits

(x, y), _ = digits.load_data()
layers = [jn.Flatten(), jn.Dense(16, "relu"), jn.Dropout(0.2), jn.Dense(10, "softmax")]
model = jn.Sequential(layers)
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
hooks = [jn.callbacks.ReduceLROnPlateau("val_loss", min_delta=9.0, patience=1)]
options = {"validation_split": 0.1, "callbacks": hooks, "verbose": 0}
history = model.fit(x / 16, y, epochs=3, **options)
state = model.state._replace(key=jax.random.key_data(model.state.key))
bits = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state))
print(json.dumps([hashlib.sha256(bits).hexdigest(), history.history]))
"""


@pytest.mark.slow
def test_many_processes_give_the_same_bits(amount):
    """With dropout, validation and a callback that acts; hashes of Python differ."""
    seeds = range(amount(quick=2, long=10))
    alone = {"JAX_ENABLE_COMPILATION_CACHE": "false"}  # each compiles for itself
    runs = [run("-c", SCRIPT, PYTHONHASHSEED=str(seed), **alone) for seed in seeds]
    assert set(runs) == {runs[0]}
    history = json.loads(runs[0])[1]
    assert len(history["val_loss"]) == 3
    assert history["learning_rate"][-1] < history["learning_rate"][0]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_another_seed_of_fit_gives_another_order_from_the_same_weights(dropout):
    first, second = classifier(dropout=dropout), classifier(dropout=dropout)
    assert_trees_identical(first.params, second.params)
    history = first.fit(*problem(), seed=1, **CALL)
    other = second.fit(*problem(), seed=2, **CALL)
    assert history.history["loss"] != other.history["loss"]


def test_another_seed_of_the_model_gives_other_weights():
    first, second = classifier(seed=1), classifier(seed=2)
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


def test_set_random_seed_sets_what_is_given_no_seed():
    try:
        jn.utils.set_random_seed(7)
        drawn = np.random.random()  # noqa: NPY002  (the generator that is seeded)
        model = classifier()
        jn.utils.set_random_seed(7)
        assert np.random.random() == drawn  # noqa: NPY002
    finally:
        jn.utils.set_random_seed(0)
    assert_trees_identical(model.params, classifier(seed=7).params)
    history = model.fit(*problem(), **CALL)
    other = classifier(seed=7)
    assert_same(model, history, other, other.fit(*problem(), **CALL))
    assert not np.array_equal(model.get_weights()[0], classifier().get_weights()[0])


# The order of examples


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 32), (32, 32), (33, 8), (97, 5)])
def test_every_row_stands_in_an_order_exactly_once(rows, batch_size):
    for epoch in range(3):
        places = epoch_order.order((3,), epoch, rows, batch_size).reshape(-1)
        assert sorted(places[:rows]) == list(range(rows))
        assert set(places[rows:]) <= {NO_ROW}


def test_the_order_depends_on_the_seed_and_the_epoch_only():
    def order(seed, epoch):
        return tuple(epoch_order.order(seed, epoch, 50, 8).reshape(-1)[:50])

    np.random.seed(1)  # noqa: NPY002  (a global generator must have no part in it)
    orders = {(s, e): order((s,), e) for s in range(3) for e in range(3)}
    np.random.seed(2)  # noqa: NPY002
    assert len(set(orders.values())) == 9
    for seed, epoch in reversed(orders):
        assert order((seed,), epoch) == orders[seed, epoch]
    # The batch size cuts the order and does not change it.
    assert tuple(epoch_order.order((1,), 1, 50, 7).reshape(-1)[:50]) == orders[1, 1]


def rows_seen(**call):
    """Which row each step saw: weights are 0 and row ``n``'s loss is ``n``."""
    seen = []

    class Rows(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append([])
            self.total = 0.0

        def on_train_batch_end(self, batch, logs=None):
            total = logs["loss"] * (batch + 1)
            seen[-1].append(round(total - self.total))
            self.total = total

    model = jn.Sequential([jn.Dense(1, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(jn.optimizers.SGD(0.0), "mse")
    y = np.sqrt(np.arange(12.0))[:, None]
    call = {"epochs": 3, "batch_size": 1, "verbose": 0, "callbacks": Rows()} | call
    model.fit(np.ones_like(y), y, **call)
    return seen


def test_fit_sees_every_row_once_an_epoch_in_the_order_of_its_seed():
    seen = rows_seen(seed=4)
    expected = [
        epoch_order.order((4,), epoch, 12, 1).reshape(-1)[:12] for epoch in range(3)
    ]
    assert seen == [order.tolist() for order in expected]
    assert seen != rows_seen(seed=5)
    assert rows_seen(shuffle=False) == [list(range(12))] * 3


# However an epoch is cut


@pytest.mark.parametrize("rows", [40, 43])
def test_stepwise_and_fused_training_are_the_same_to_the_bit(rows):
    fused, stepwise = classifier(), classifier()
    call = CALL | {"validation_data": problem(9, seed=1)}
    history = fused.fit(*problem(rows), **call)
    expected = stepwise.fit(*problem(rows), callbacks=Stepwise(), **call)
    assert_same(fused, history, stepwise, expected)


@pytest.mark.parametrize("lengths", [[1], [2], [1, 3, 2], [1000]])
def test_pieces_of_any_length_are_the_same_to_the_bit(lengths, monkeypatch):
    fused, cut = classifier(), classifier()
    history = fused.fit(*problem(90), **CALL)

    turns = itertools.cycle(lengths)
    monkeypatch.setattr(Pace, "steps", lambda _, left: min(left, next(turns)))
    assert_same(fused, history, cut, cut.fit(*problem(90), **CALL))


def test_training_in_two_calls_is_training_in_one():
    once, twice = classifier(), classifier()
    whole = once.fit(*problem(), seed=3, **CALL | {"epochs": 4})
    first = twice.fit(*problem(), seed=3, **CALL | {"epochs": 2})
    second = twice.fit(*problem(), seed=3, initial_epoch=2, **CALL | {"epochs": 4})
    assert_trees_identical(once.params, twice.params)
    for name, values in whole.history.items():
        assert values == first.history[name] + second.history[name]
    assert first.epoch + second.epoch == whole.epoch


# Learning


def test_digits_are_learned():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    model = jn.Sequential(
        [jn.Flatten(), jn.Dense(128, "relu"), jn.Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train / 16, y_train, epochs=50, verbose=0)
    _, accuracy = model.evaluate(x_test / 16, y_test, verbose=0)
    print(f"test accuracy on digits: {accuracy:.4f}")
    assert accuracy > 0.95


# Where numbers end


def step_by_step(model, x, y, batch_size, epochs):
    """Train with the pure step, and look at every number.

    Returns:
        The last state of finite weights, the index of the step after it, and whether
        its loss was finite.
    """
    trainer, state = model.trainer, model.state
    step = jax.jit(trainer.step)
    x, y = jnp.asarray(x), jnp.asarray(y)
    for index in range(epochs * len(x) // batch_size):
        first = index * batch_size % len(x)
        rows = slice(first, first + batch_size)
        after, logs = step(state, (x[rows], y[rows]))
        finite = all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.params))
        if not (np.isfinite(logs["loss"]) and finite):
            return state, index, bool(np.isfinite(logs["loss"]))
        state = after
    raise AssertionError("everything stayed finite")


SPIKE = np.where(np.arange(40) == 18, 1e20, 1.0).astype(np.float32)[:, None]
FAILURES = {
    # The square of the error outgrows float32 before the weight does.
    "loss": (line, {"optimizer": jn.optimizers.SGD(40.0)}, ONES, 0.0 * ONES),
    # The first step goes from 1 to 120, whose exponential is infinite.
    "exp": (
        line,
        {"activation": "exponential", "optimizer": jn.optimizers.SGD(3.0)},
        ONES,
        10.0 * ONES,
    ),
    # The error is 1e18, its square is finite, and the step is 1e18 times 1e25.
    "weight": (
        line,
        {"optimizer": jn.optimizers.SGD(1e25)},
        np.where(np.arange(40) >= 18, 1e9, 0.0).astype(np.float32)[:, None],
        0.0 * ONES,
    ),
    # The loss of row 18 is infinite at once, whatever the weights.
    "data": (line, {"optimizer": jn.optimizers.SGD(0.1)}, ONES, SPIKE),
}


@pytest.mark.parametrize("callbacks", [None, Stepwise()], ids=["fused", "stepwise"])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("failure", FAILURES)
def test_training_ends_at_the_first_number_that_is_not_finite(
    failure, batch_size, callbacks
):
    build, arguments, x, y = FAILURES[failure]
    model = build(**arguments)
    epochs = 3
    state, index, loss_was_finite = step_by_step(model, x, y, batch_size, epochs)
    steps = len(x) // batch_size
    assert loss_was_finite is (failure == "weight")
    culprit = "the weight 'dense/kernel'" if loss_was_finite else "the loss"

    with raises_text(
        NonFiniteError,
        f"{culprit} turned NaN or infinite",
        f"in epoch {index // steps + 1} at step {index % steps + 1}:",
        "keeps the weights from before",
        "smaller learning rate",
        "optax.clip_by_global_norm",
    ):
        model.fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            shuffle=False,
            callbacks=callbacks,
            verbose=0,
        )
    assert int(model.state.step) == int(state.step) == index
    np.testing.assert_allclose(
        model.get_weights()[0], np.asarray(state.params["dense"]["kernel"]), rtol=1e-5
    )
    assert np.isfinite(model.get_weights()[0]).all()
    model.predict(ONES)


def test_a_weight_that_overflows_in_the_last_step_of_all_is_found_too():
    x = np.where(np.arange(8) == 7, 1e9, 0.0).astype(np.float32)[:, None]
    model = line(optimizer=jn.optimizers.SGD(1e25))
    with raises_text(NonFiniteError, "'dense/kernel'", "in epoch 1 at step 8:"):
        model.fit(x, 0.0 * x, batch_size=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], [[1.0]])


def test_a_failure_in_a_later_epoch_keeps_the_history_before_it():
    def spoil(epoch, logs):
        if epoch == 2:
            model.optimizer.learning_rate = 1e30

    model = line(optimizer=jn.optimizers.SGD(0.01))
    with raises_text(NonFiniteError, "in epoch 3 at step 2"):
        model.fit(
            ONES,
            2.0 * ONES,
            batch_size=10,
            epochs=5,
            callbacks=LambdaCallback(on_epoch_begin=spoil),
            verbose=0,
        )
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["loss"]) == 2


def test_the_advice_of_the_message_helps():
    clipped = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1))
    model = line(optimizer=clipped)
    history = model.fit(1e3 * ONES, 2e3 * ONES, batch_size=4, epochs=5, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    with pytest.raises(NonFiniteError):
        line(optimizer=optax.sgd(0.1)).fit(
            1e3 * ONES, 2e3 * ONES, batch_size=4, epochs=5, verbose=0
        )


def test_one_batch_with_a_loss_that_is_not_finite_changes_nothing():
    model = line()
    with raises_text(NonFiniteError, "the loss turned NaN or infinite"):
        model.train_on_batch(ONES, 1e30 * ONES)
    np.testing.assert_array_equal(model.get_weights()[0], [[1.0]])
    assert int(model.state.step) == 0


# Interrupted


HOOKS = {
    "on_train_begin": 0,
    "on_epoch_begin": 5,
    "on_train_batch_begin": 7,
    "on_train_batch_end": 8,
    "on_test_begin": 10,
    "on_test_batch_end": 10,
    "on_epoch_end": 10,
    "on_train_end": 15,
}


@pytest.mark.parametrize("exception", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize(("hook", "steps"), HOOKS.items(), ids=HOOKS)
def test_an_exception_in_a_hook_leaves_the_steps_done_before_it(hook, steps, exception):
    model = classifier()
    taken = []

    def interrupt(*arguments):
        taken.append(int(model.state.step))
        if taken[-1] == steps:
            raise exception("from the hook")

    call = CALL | {"shuffle": False, "validation_data": problem(9, seed=1)}
    with pytest.raises(exception, match="from the hook"):
        model.fit(*problem(), callbacks=LambdaCallback(**{hook: interrupt}), **call)
    assert taken[-1] == steps

    # What was completed, and nothing else.
    other = classifier()
    if steps:
        stop = Stop(after_steps=steps)
        other.fit(*problem(), callbacks=stop, **call | {"epochs": 9})
    assert int(model.state.step) == int(other.state.step) == steps
    assert_trees_identical(model.params, other.params)

    finished = {"on_epoch_end": 1, "on_train_end": 3}.get(hook, steps // 5)
    if hook in ("on_test_begin", "on_test_batch_end"):
        finished = 1
    assert model.history.epoch == list(range(finished))

    # The model is as good as any other, and training goes on where it stood.
    model.evaluate(*problem(), verbose=0)
    model.fit(*problem(), **CALL)
    assert int(model.state.step) == steps + 15


class Stop(Callback):
    """Ask to stop after a number of steps since training began."""

    def __init__(self, after_steps):
        self.left = after_steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.model.stop_training = True


def test_a_stop_is_forgotten_by_the_next_fit():
    model = classifier()
    model.fit(*problem(), callbacks=Stop(after_steps=2), **CALL)
    assert model.stop_training
    assert int(model.state.step) == 2
    model.fit(*problem(), **CALL)
    assert not model.stop_training
    assert int(model.state.step) == 2 + 15


def freeze(model):
    model.layers[0].trainable = False


CHANGES = {
    "frozen": freeze,
    "one more": lambda model: model.add(jn.Dense(CLASSES, "softmax")),
    "no metrics": lambda model: model.compile(
        "adam", "sparse_categorical_crossentropy"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
def test_what_is_compiled_changes_in_no_callback(change, hook):
    """It would count from the next fit on, without a word."""
    model = classifier(dropout=0.0)
    changing = LambdaCallback(
        **{hook: lambda epoch, logs: change(model) if epoch == 1 else None}
    )
    with raises_text(StateError, "model.stop_training = True", "initial_epoch"):
        model.fit(*problem(), callbacks=changing, **CALL)
    assert model.history.epoch == ([0, 1] if hook == "on_epoch_end" else [0])
    model.fit(*problem(), **CALL)  # as it is now


def test_layers_are_frozen_after_the_last_step():
    """As the advice has it, and in the last hook; Keras's way to thaw in turns."""
    model = classifier(dropout=0.0)
    hooks = [
        LambdaCallback(
            on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True),
            on_train_end=lambda logs: freeze(model),
        ),
        jn.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
    ]
    model.fit(*problem(), callbacks=hooks, **CALL)
    kernel, last = (model.get_weights()[place] for place in (0, 2))
    assert int(model.state.step) == 5
    model.fit(*problem(), callbacks=hooks[1], **CALL | {"initial_epoch": 1})
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    assert not np.array_equal(model.get_weights()[2], last)


# Learning rates


def decayed(rates):
    """From w = 1 on ``(w - 0)²``: each step multiplies by 1 - 2 rate."""
    return np.cumprod(1.0 - 2.0 * np.asarray(rates, np.float64))


def kernels_of(model, **call):
    """The weight after each step."""
    kernels = []
    note = LambdaCallback(
        on_train_batch_end=lambda batch, logs: kernels.append(model.get_weights()[0])
    )
    callbacks = [note, *call.pop("callbacks", [])]
    model.fit(ONES, 0.0 * ONES, callbacks=callbacks, verbose=0, **call)
    return np.ravel(kernels)


def test_the_learning_rate_can_be_set_before_every_batch():
    rates = [0.1, 0.2, 0.05, 0.3, 0.4]
    model = line()

    def set_rate(batch, logs):
        model.optimizer.learning_rate = rates[batch]
        assert model.optimizer.learning_rate == pytest.approx(rates[batch])

    kernels = kernels_of(
        model,
        batch_size=8,
        callbacks=[LambdaCallback(on_train_batch_begin=set_rate)],
    )
    np.testing.assert_allclose(kernels, decayed(rates), rtol=1e-5)


def test_a_learning_rate_set_before_training_counts_from_the_first_step():
    model = line()
    model.optimizer.learning_rate = 0.25
    kernels = kernels_of(model, batch_size=20)
    np.testing.assert_allclose(kernels, decayed([0.25, 0.25]), rtol=1e-6)


def test_a_schedule_is_followed_step_by_step_across_epochs_and_calls():
    schedule = optax.exponential_decay(0.3, transition_steps=1, decay_rate=0.8)
    model = line(optimizer=jn.optimizers.SGD(schedule))
    kernels = kernels_of(model, batch_size=20, epochs=3)
    kernels = np.append(kernels, kernels_of(model, batch_size=20))
    np.testing.assert_allclose(kernels, decayed(0.3 * 0.8 ** np.arange(8)), rtol=1e-5)
    with raises_text(StateError, "follows a schedule"):
        model.optimizer.learning_rate = 0.1


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf"), "0.1", None])
def test_what_is_no_learning_rate_is_refused(rate):
    model = line()
    with unchecked_types(), raises_text(ArgumentError, "learning_rate", repr(rate)):
        model.optimizer.learning_rate = rate
    assert model.optimizer.learning_rate == 1.0


TRANSFORMATIONS = {
    "sgd": optax.sgd(0.05),
    "adamw": optax.adamw(0.01, weight_decay=0.1),
    "chain": optax.chain(optax.clip_by_global_norm(0.1), optax.adam(0.01)),
    "frozen kernel": optax.masked(
        optax.set_to_zero(), {"dense": {"kernel": True, "bias": False}}
    ),
    "inject": optax.inject_hyperparams(optax.sgd)(learning_rate=0.05, momentum=0.9),
}


@pytest.mark.parametrize("name", TRANSFORMATIONS)
@pytest.mark.one_in(4)
def test_any_optax_transformation_trains(name):
    transformation = TRANSFORMATIONS[name]
    model = jn.Sequential([jn.Dense(2, input_shape=(FEATURES,))])
    model.compile(transformation, "mse")
    x, _ = problem()
    y = x[:, :2] * 3.0 - 1.0

    # The same, written as optax's own pages do.
    params, x_jax, y_jax = model.params, jnp.asarray(x), jnp.asarray(y)
    state = transformation.init(params)

    def loss(params, rows):
        dense = params["dense"]
        outputs = x_jax[rows] @ dense["kernel"] + dense["bias"][None]
        return jnp.mean((outputs - y_jax[rows]) ** 2)

    @jax.jit
    def step(params, state, rows):
        gradients = jax.grad(loss)(params, rows)
        updates, state = transformation.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    # Optax's own Adam raises a float to an integer power, which is not strict.
    with jax.numpy_dtype_promotion("standard"):
        for first in list(range(0, 40, 8)) * 2:
            params, state = step(params, state, jnp.arange(first, first + 8))
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    jax.tree.map(lambda a, e: assert_close(a, e, 1e-5), model.params, params)


def test_the_learning_rate_of_a_transformation_can_be_set_where_it_is_in_the_state():
    model = line(optimizer=TRANSFORMATIONS["inject"])
    assert model.optimizer.learning_rate == pytest.approx(0.05)
    model.optimizer.learning_rate = 0.25
    assert kernels_of(model, batch_size=40) == pytest.approx(0.5)
    model.compile(optax.sgd(0.25), "mse")
    with raises_text(StateError, "optax.inject_hyperparams"):
        model.optimizer.learning_rate = 0.1


# What stays


def test_the_history_tells_epochs_params_and_time():
    model = classifier()
    held_out = problem(9, seed=1)
    history = model.fit(*problem(), validation_data=held_out, **CALL)
    assert model.history is history
    assert history.epoch == [0, 1, 2]
    assert history.params == {"epochs": 3, "steps": 5, "verbose": 0}
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert list(history.history) == names
    for values in history.history.values():
        assert len(values) == 3
        assert all(type(value) is float for value in values)
    timing = history.timing
    assert set(timing) == {
        "compile_seconds",
        "epoch_seconds",
        "waiting_seconds",
        "samples_per_second",
        "threads",
    }
    assert timing["compile_seconds"] > 0.0
    assert len(timing["epoch_seconds"]) == 3
    rates = 40 / np.array(timing["epoch_seconds"])
    np.testing.assert_allclose(timing["samples_per_second"], rates)
    # Whoever plots or stores it needs no jaxnet_mini for it.
    assert json.loads(json.dumps([history.history, timing])) == [
        history.history,
        timing,
    ]


def test_fit_again_goes_on_with_weights_optimizer_and_a_new_order():
    model, other = classifier(), classifier()
    first = model.fit(*problem(), **CALL)
    step, moments = int(model.state.step), model.state.optimizer_state
    second = model.fit(*problem(), **CALL)
    assert (step, int(model.state.step)) == (15, 30)
    assert second is not first
    assert second.history["loss"] != first.history["loss"]

    # By hand: the state of the first call is where the second one starts.
    other.params = classifier().params
    other.fit(*problem(), **CALL)
    assert_trees_identical(other.state.optimizer_state, moments)
    other.fit(*problem(), **CALL)
    assert_trees_identical(other.params, model.params)
    assert rows_seen() == rows_seen()


def test_two_calls_of_one_epoch_see_two_orders():
    model = jn.Sequential([jn.Dense(1, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(jn.optimizers.SGD(0.0), "mse")
    orders = []
    for _ in range(2):
        seen = []
        y = np.sqrt(np.arange(12.0))[:, None]
        note = LambdaCallback(on_train_batch_end=lambda b, logs, s=seen: s.append(logs))
        model.fit(np.ones_like(y), y, batch_size=1, callbacks=note, verbose=0)
        orders.append([log["loss"] for log in seen])
    assert orders[0] != orders[1]
    assert orders[0][-1] == pytest.approx(orders[1][-1])


def test_compile_again_keeps_the_weights_and_forgets_the_optimizer():
    model = classifier("adam")
    model.fit(*problem(), **CALL)
    weights = model.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy")
    assert_trees_identical(model.get_weights(), weights)

    # As if these weights had been given to a model that was never trained.
    other = classifier("adam")
    other.set_weights(weights)
    fresh = other.state.optimizer_state
    assert_trees_identical(model.state.optimizer_state, fresh)
    model.fit(*problem(), seed=1, **CALL)
    assert model.evaluate(*problem(), verbose=0) > 0.0


def test_weights_set_between_calls_keep_the_optimizer():
    model = classifier("adam")
    model.fit(*problem(), **CALL)
    moments = model.state.optimizer_state
    model.set_weights(model.get_weights())
    assert_trees_identical(model.state.optimizer_state, moments)


def test_arrays_that_a_user_holds_are_never_taken_away():
    model = classifier()
    held = model.params
    copies = jax.tree.map(np.array, held)
    state = model.state
    model.fit(*problem(), **CALL)
    model.evaluate(*problem(), verbose=0)
    assert_trees_identical(held, copies)
    assert_trees_identical(state.params, copies)
    model.params = held
    model.fit(*problem(), **CALL)
    assert_trees_identical(held, copies)


@dataclasses.dataclass(frozen=True)
class Noise:
    """A user's own layer that draws random numbers in training."""

    def init(self, key, input_shape):
        return input_shape, {}

    def apply(self, params, x, *, key=None, training=False):
        if not training:
            return x
        return x + jax.random.normal(key, x.shape)


def test_random_layers_draw_anew_at_every_step_and_never_in_evaluation():
    model = jn.Sequential(
        [Noise(), jn.Dense(1, use_bias=False, kernel_initializer="ones")]
    )
    model.compile(jn.optimizers.SGD(0.0), "mse")
    x = np.zeros((4, 1), np.float32)
    losses = [model.train_on_batch(x, x) for _ in range(3)]
    assert len(set(losses)) == 3
    assert model.evaluate(x, x, verbose=0) == 0.0
    history = model.fit(x, x, epochs=2, validation_data=(x, x), verbose=0)
    assert history.history["loss"][0] != history.history["loss"][1]
    assert history.history["val_loss"] == [0.0, 0.0]


# Targets, weights and metrics as Keras users give them


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy", "own"])
@pytest.mark.one_in(4)
def test_flat_targets_stand_for_a_column_and_are_never_broadcast(loss):
    """The trap of (N,) against (N, 1): broadcast, they would train on nonsense."""

    def own(y_true, y_pred):
        assert y_true.shape == y_pred.shape
        return jnp.mean(jnp.square(y_true - y_pred), axis=-1)

    x, _ = problem()
    y = (x.sum(1) > 0).astype(np.float32)
    runs = []
    for targets in (y, y[:, None]):
        model = jn.Sequential([jn.Dense(1, "sigmoid", input_shape=(FEATURES,))])
        model.compile("adam", own if loss == "own" else loss, ["accuracy", "AUC"])
        history = model.fit(x, targets, validation_split=0.25, seed=0, **CALL)
        runs.append((model, history))
        assert model.evaluate(x, targets, verbose=0)[1] > 0.0
        model.train_on_batch(x[:8], targets[:8])
    (model, history), (other, expected) = runs
    assert_same(model, history, other, expected)


@pytest.mark.slow
def test_metrics_of_counts_are_exact_over_an_epoch_whatever_the_batch():
    """And through validation; an array of thresholds is a list in the logs."""
    x, _ = problem(50)
    y = (x[:, :2] > 0).astype(np.float32)
    both = [
        jn.metrics.Precision([0.3, 0.6]),
        jn.metrics.AUC(multi_label=True),
        jn.metrics.F1Score(threshold=0.5),
        jn.metrics.FalsePositives(),
        jn.metrics.PrecisionAtRecall(0.6),
    ]
    model = jn.Sequential([jn.Dense(2, "sigmoid", input_shape=(FEATURES,))])
    model.compile("sgd", "binary_crossentropy", [*both, "recall", "r2_score"])
    results = [
        model.evaluate(x, y, batch_size=size, verbose=0, return_dict=True)
        for size in (50, 7)
    ]
    y_pred = model.predict(x)

    @jax.jit
    def at_once(y, y_pred):
        return {
            metric.name: metric(y, y_pred) for metric in (*both, jn.metrics.R2Score())
        }

    expected = jax.device_get(at_once(y, y_pred))
    for result in results:
        for metric in both:
            assert_close(result[metric.name], expected[metric.name])
        # It is near to 0, on a scale of 1.
        assert abs(result["r2_score"] - float(expected["r2_score"])) < 1e-6
    for name in ("precision", "f1_score"):
        assert isinstance(results[0][name], list)
    history = model.fit(x, y, 7, epochs=2, validation_data=(x, y), verbose=2)
    assert len(history.history["val_precision"][1]) == 2


def test_numbers_are_rows_of_one_number_where_the_net_takes_such():
    x, y = np.linspace(0.0, 1.0, 8, dtype=np.float32), np.ones(8)
    found = []
    for given in (x, x[:, None]):
        model = jn.Sequential([jn.Input((1,)), jn.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(given, y, validation_data=(given, y), **CALL).history
        told = model.evaluate(given, y, verbose=0), model.train_on_batch(given, y)
        outputs = model.predict(given), model(given)
        found.append((history, told, np.asarray(outputs).tolist()))
    assert found[0] == found[1]
    batches = iter([(x[:4], y[:4]), (x[4:], y[4:])])
    assert model.evaluate(batches, verbose=0) == model.evaluate(x, y, 4, verbose=0)

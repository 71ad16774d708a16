"""LearningRateScheduler and ReduceLROnPlateau against Keras 3.15."""

import numpy as np
import optax
import pytest
from classifier import OurModel, data, drive, ours
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.callbacks import (
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from jaxnet_mini.errors import ArgumentError, StateError

pytestmark = pytest.mark.usefixtures("quick_compilation")

LOSS = "sparse_categorical_crossentropy"


def plateau_state(callback, model, logs):
    return (
        model.optimizer.learning_rate,
        callback.best,
        callback.wait,
        callback.cooldown_counter,
        logs["learning_rate"],
    )


def test_a_plateau_can_be_used_again():
    callback = ReduceLROnPlateau(patience=1, cooldown=2)
    first = drive(callback, OurModel(), [1.0, 1.0, 1.0], plateau_state)
    assert drive(callback, OurModel(), [1.0, 1.0, 1.0], plateau_state) == first


@pytest.mark.parametrize("factor", [1.0, 2, -0.5, float("nan")])
def test_a_factor_reduces(factor):
    with raises_text(ArgumentError, "factor must be at least 0 and below 1", "0.1"):
        ReduceLROnPlateau(factor=factor)
    ReduceLROnPlateau(factor=0.1)


def test_a_plateau_without_its_monitor_warns_and_keeps_the_rate():
    model = ours()
    callback = ReduceLROnPlateau(patience=0)
    with pytest.warns(UserWarning, match=r"ReduceLROnPlateau.*'val_loss'.*accuracy"):
        history = model.fit(*data(), epochs=2, callbacks=callback, verbose=0)
    assert model.optimizer.learning_rate == np.float32(0.001)
    assert history.history["learning_rate"] == [np.float32(0.001)] * 2


# In training


def rates_of(callback, model, **call):
    call = {"epochs": 6, "shuffle": False, "verbose": 0, "batch_size": 10} | call
    return model.fit(*data(), callbacks=[callback], **call).history["learning_rate"]


def test_training_takes_the_rate_that_was_set():
    """A step of plain gradient descent is the rate times the gradient."""
    model = jn.Sequential([jn.Dense(1, input_shape=(1,), use_bias=False)])
    model.compile(jn.optimizers.SGD(64.0), "mse")
    model.set_weights([np.zeros((1, 1))])
    ones = np.ones((4, 1), np.float32)
    # The loss (weight - 1)^2 falls by the gradient 2 (weight - 1) times the rate.
    halving = LearningRateScheduler(lambda epoch: 0.125 / 2**epoch)
    weights = []
    after = LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()[0].item())
    )
    model.fit(ones, ones, epochs=2, callbacks=[halving, after], verbose=0)
    assert weights == [0.25, 0.25 + 1.5 * 0.0625]


@pytest.mark.parametrize(
    "schedule", [optax.cosine_decay_schedule(0.5, 4), max], ids=["optax", "C"]
)
def test_other_functions_are_schedules_too(schedule):
    rates = rates_of(LearningRateScheduler(schedule), ours(), epochs=3)
    if schedule is max:
        assert rates == [np.float32(0.001), 1.0, 2.0]
    else:
        np.testing.assert_allclose(rates, [schedule(epoch) for epoch in range(3)])


@pytest.mark.parametrize("returned", [None, "0.1", float("nan"), -1.0, [0.1, 0.2]])
def test_a_schedule_that_returns_no_rate_is_an_error_before_training(returned):
    model = ours()
    with raises_text(
        ArgumentError,
        "LearningRateScheduler: schedule returned",
        repr(returned),
        "for epoch 0",
        "a finite number of at least 0",
    ):
        model.fit(*data(), callbacks=LearningRateScheduler(lambda _: returned))
    assert int(model.state.step) == 0


def test_an_error_within_a_schedule_is_the_schedules_own():
    """Keras takes a TypeError there for a schedule of one argument."""

    def schedule(epoch, rate):
        return rate + None

    with pytest.raises(TypeError, match="unsupported operand"):
        ours().fit(*data(), callbacks=LearningRateScheduler(schedule), verbose=0)


def test_a_schedule_is_a_function():
    with unchecked_types(), raises_text(ArgumentError, "must be a function", "0.1"):
        LearningRateScheduler(0.1)


CALLBACKS = [LearningRateScheduler(lambda epoch: 0.5), ReduceLROnPlateau("loss")]


@pytest.mark.parametrize("callback", CALLBACKS, ids=lambda c: type(c).__name__)
def test_a_rate_that_follows_a_schedule_cannot_be_set(callback):
    schedule = optax.exponential_decay(0.5, transition_steps=1, decay_rate=0.5)
    model = ours()
    model.compile(jn.optimizers.SGD(schedule), LOSS)
    with raises_text(StateError, "follows a schedule", "compile with a number"):
        model.fit(*data(), callbacks=callback, verbose=0)
    assert int(model.state.step) == 0
    # The schedule alone works, and so does the fix that the message gives.
    model.fit(*data(), verbose=0)
    model.compile(jn.optimizers.SGD(0.5), LOSS)
    model.fit(*data(), callbacks=callback, verbose=0)


@pytest.mark.parametrize("callback", CALLBACKS, ids=lambda c: type(c).__name__)
def test_a_rate_that_is_built_in_cannot_be_set(callback):
    model = ours()
    model.compile(optax.sgd(0.1), LOSS)
    with raises_text(StateError, "built into", "optax.inject_hyperparams(optax.adam)"):
        model.fit(*data(), callbacks=callback, verbose=0)
    assert int(model.state.step) == 0
    model.compile(optax.inject_hyperparams(optax.sgd)(learning_rate=0.1), LOSS)
    model.fit(*data(), callbacks=callback, verbose=0)

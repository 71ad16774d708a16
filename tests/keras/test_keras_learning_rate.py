"""Learning rate against Keras's own."""

import functools

import numpy as np
import pytest
from classifier import VALUES, OurModel, TheirModel, data, drive, ours, theirs
from conftest import keras_on_jax
from hypothesis import given, settings, strategies

import jaxnet_mini as jn
from jaxnet_mini.callbacks import (
    LearningRateScheduler,
    ReduceLROnPlateau,
)

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


@settings(deadline=None, max_examples=150)
@given(
    values=VALUES,
    setting=strategies.fixed_dictionaries(
        {
            "factor": strategies.sampled_from([0, 0.1, 0.5, 0.9]),
            "patience": strategies.integers(0, 3),
            "mode": strategies.sampled_from(["min", "max", "auto"]),
            "min_delta": strategies.sampled_from([0, 1, 0.125, -0.25]),
            "cooldown": strategies.integers(0, 3),
            "min_lr": strategies.sampled_from([0, 0.01, 0.025, 1.0]),
        }
    ),
)
def test_rates_are_reduced_when_keras_reduces_them(values, setting):
    with keras_on_jax() as keras:
        callback = keras.callbacks.ReduceLROnPlateau(**setting)
        expected = drive(callback, TheirModel(), values, plateau_state)
    callback = ReduceLROnPlateau(**setting)
    assert drive(callback, OurModel(), values, plateau_state) == expected


def test_a_plateau_says_what_kerass_says(capsys):
    setting = {"patience": 1, "min_delta": 0, "verbose": 1}
    with keras_on_jax() as keras:
        callback = keras.callbacks.ReduceLROnPlateau(**setting)
        drive(callback, TheirModel(0.5), [1.0, 1.0, 1.0], plateau_state)
    expected = [line for line in capsys.readouterr().out.splitlines() if line]
    assert expected[0].startswith("Epoch 2: ReduceLROnPlateau reducing learning rate")
    drive(ReduceLROnPlateau(**setting), OurModel(0.5), [1.0, 1.0, 1.0], plateau_state)
    assert capsys.readouterr().out.splitlines() == expected
    setting["verbose"] = 0
    drive(ReduceLROnPlateau(**setting), OurModel(0.5), [1.0, 1.0], plateau_state)
    assert capsys.readouterr().out == ""


def rates_of(callback, model, **call):
    call = {"epochs": 6, "shuffle": False, "verbose": 0, "batch_size": 10} | call
    return model.fit(*data(), callbacks=[callback], **call).history["learning_rate"]


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch: 0.5 / (1.0 + epoch),
        lambda epoch, learning_rate: 0.5 * learning_rate,
        lambda epoch, learning_rate=0.25: learning_rate,
        lambda epoch, *rest: 0.125 if rest else 0.5,
        functools.partial(lambda scale, epoch: scale / (1.0 + epoch), 0.25),
        lambda epoch: np.float32(0.5),
    ],
    ids=["epoch", "epoch and rate", "default", "star", "partial", "float32"],
)
@pytest.mark.one_in(4)
def test_a_schedule_is_called_as_keras_calls_it(schedule):
    with keras_on_jax() as keras:
        other = theirs(ours().get_weights())
        expected = rates_of(keras.callbacks.LearningRateScheduler(schedule), other)
    rates = rates_of(LearningRateScheduler(schedule), ours())
    assert all(type(rate) is float for rate in rates)
    np.testing.assert_array_equal(rates, expected)


def test_a_scheduler_says_what_kerass_says(capsys):
    with keras_on_jax() as keras:
        callback = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5, verbose=1)
        drive(callback, TheirModel(), [1.0, 1.0], lambda *_: None)
    expected = [line for line in capsys.readouterr().out.splitlines() if line]
    callback = LearningRateScheduler(lambda epoch: 0.5, verbose=1)
    drive(callback, OurModel(), [1.0, 1.0], lambda *_: None)
    assert capsys.readouterr().out.splitlines() == expected
    assert expected[1] == "Epoch 2: LearningRateScheduler setting learning rate to 0.5."
    callback = LearningRateScheduler(lambda epoch: 0.5)
    drive(callback, OurModel(), [1.0, 1.0], lambda *_: None)
    assert capsys.readouterr().out == ""


def test_a_plateau_in_training_is_kerass():
    setting = {"monitor": "loss", "patience": 1, "factor": 0.5, "min_delta": 0.05}
    optimizer = {"learning_rate": 3.0}
    with keras_on_jax() as keras:
        model = ours()
        other = theirs(model.get_weights())
        other.compile(keras.optimizers.SGD(**optimizer), LOSS)
        expected = rates_of(
            keras.callbacks.ReduceLROnPlateau(**setting), other, epochs=20
        )
    model.compile(jn.optimizers.SGD(**optimizer), LOSS)
    rates = rates_of(ReduceLROnPlateau(**setting), model, epochs=20)
    assert len(set(rates)) > 2
    np.testing.assert_array_equal(rates, expected)

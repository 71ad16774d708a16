"""Terminate against Keras's own."""

import math

import numpy as np
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.callbacks import (
    TerminateOnNaN,
)

ROWS = 40


X = np.ones((ROWS, 1), np.float32)


# Step 18 is the first whose loss is infinite, whatever the weights.
SPIKE = np.where(np.arange(ROWS) == 18, 1e30, 10.0).astype(np.float32)[:, None]


CALL = {"batch_size": 1, "shuffle": False, "epochs": 3, "verbose": 0}


def line(rate=0.01):
    model = jn.Sequential([jn.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(jn.optimizers.SGD(rate), "mse", ["mae"])
    model.set_weights([np.ones((1, 1))])
    return model


def test_keras_ends_in_the_same_epoch_at_the_same_batch(capsys):
    with keras_on_jax() as keras:
        other = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1, use_bias=False)]
        )
        other.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"])
        other.set_weights([np.ones((1, 1))])
        callback = keras.callbacks.TerminateOnNaN()
        expected = other.fit(X, SPIKE, callbacks=[callback], **CALL)
        # Theirs keeps weights that nothing can be done with.
        assert np.abs(other.get_weights()[0]).max() > 1e20
    said = capsys.readouterr().out
    model = line()
    history = model.fit(X, SPIKE, callbacks=TerminateOnNaN(), **CALL)
    assert history.epoch == expected.epoch == [0]
    assert list(history.history) == list(expected.history)
    assert not math.isfinite(expected.history["loss"][0])
    assert said[:9] == capsys.readouterr().out[:9] == "Batch 18:"
    assert np.abs(model.get_weights()[0]).max() < 10.0

"""Layers that remember and layers that are frozen train as Keras's do."""

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn
from jaxnet_mini.layers import BatchNormalization, Dense
from jaxnet_mini.optimizers import Adam

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(1.0, 3.0, (60, 4)).astype(np.float32)
Y = RNG.normal(size=(60, 2)).astype(np.float32)
# 100 steps. The last batch has 12 rows, which are padded here and are few there.
FIT = {"epochs": 25, "batch_size": 16, "shuffle": False, "verbose": 0}


def pair(ours, theirs):
    model = jn.Sequential([jn.Input((4,)), *ours])
    model.compile(Adam(0.01), "mse")
    with keras_on_jax() as keras:
        other = keras.Sequential([keras.Input((4,)), *theirs(keras.layers)])
        other.compile(keras.optimizers.Adam(0.01), "mse")
        model.set_weights(other.get_weights())
        theirs = other.fit(X, Y, **FIT).history["loss"]
        expected = other.predict(X, verbose=0)
        weights = other.get_weights()
        loss = other.evaluate(X, Y, verbose=0)
    history = model.fit(X, Y, **FIT).history["loss"]
    assert_close(history, theirs, 1e-4)
    assert_close(model.predict(X), expected, 1e-4)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(loss, rel=1e-4)
    for own, weight in zip(model.get_weights(), weights, strict=True):
        assert_close(own, weight, 1e-4)


def test_moving_statistics_are_those_of_batch_normalization():
    pair(
        [Dense(5, "tanh"), BatchNormalization(momentum=0.9), Dense(2)],
        lambda layers: [
            layers.Dense(5, "tanh"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(2),
        ],
    )


def test_frozen_layers_stay_and_their_penalty_counts_nothing():
    pair(
        [
            Dense(5, "tanh", trainable=False, kernel_regularizer="l2"),
            Dense(4, "relu", kernel_regularizer="l2"),
            Dense(2),
        ],
        lambda layers: [
            layers.Dense(5, "tanh", trainable=False, kernel_regularizer="l2"),
            layers.Dense(4, "relu", kernel_regularizer="l2"),
            layers.Dense(2),
        ],
    )

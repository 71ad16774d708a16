"""Regularizers against Keras's own."""

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn
from jaxnet_mini.layers import Dense
from jaxnet_mini.regularizers import L1, L1L2, L2

pytestmark = pytest.mark.usefixtures("quick_compilation")

VALUES = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)


@pytest.mark.parametrize("ours", [L1(), L2(), L1(0.3), L2(0.02), L1L2(0.1, 0.4)])
def test_penalties_are_those_of_keras_and_of_the_formula(ours):
    fields = {name: getattr(ours, name) for name in ours.__dataclass_fields__}
    with keras_on_jax() as keras:
        theirs = getattr(keras.regularizers, type(ours).__name__)(**fields)(VALUES)
        theirs = np.asarray(theirs)
    x = VALUES.astype(np.float64)
    formula = fields.get("l1", 0) * abs(x).sum() + fields.get("l2", 0) * (x**2).sum()
    actual = ours(jnp.asarray(VALUES))
    assert_close(actual, theirs)
    assert_close(actual, np.float32(formula))


def models(keras):
    """The same network here and in Keras, with equal weights."""
    l1, l2 = 0.01, 0.02
    ours = jn.Sequential(
        [
            Dense(6, "tanh", kernel_regularizer=L2(l2), input_shape=(7,)),
            Dense(3, "softmax", kernel_regularizer=L1(l1), bias_regularizer=L2(l2)),
        ]
    )
    k = keras.regularizers
    theirs = keras.Sequential(
        [
            keras.layers.Input((7,)),
            keras.layers.Dense(6, "tanh", kernel_regularizer=k.L2(l2)),
            keras.layers.Dense(
                3, "softmax", kernel_regularizer=k.L1(l1), bias_regularizer=k.L2(l2)
            ),
        ]
    )
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def test_training_and_evaluation_count_penalties_as_keras_does():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 7)).astype(np.float32)
    y = rng.integers(0, 3, 50)
    weight = rng.uniform(0.5, 2.0, 50).astype(np.float32)
    settings = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0}
    with keras_on_jax() as keras:
        ours, theirs = models(keras)
        compiled = ("sgd", "sparse_categorical_crossentropy")
        theirs.compile(*compiled, metrics=["accuracy"])
        before = theirs.evaluate(x, y, batch_size=16, verbose=0)
        logs = theirs.fit(x, y, sample_weight=weight, **settings).history
        after = theirs.evaluate(x, y, batch_size=16, verbose=0, sample_weight=weight)
        weights = theirs.get_weights()
    ours.compile(*compiled, metrics=["accuracy"])
    assert_close(ours.evaluate(x, y, batch_size=16, verbose=0), before, 1e-5)
    history = ours.fit(x, y, sample_weight=weight, **settings).history
    assert sorted(history) == sorted(logs)
    for name, values in history.items():
        assert_close(values, logs[name], 1e-5)
    for mine, other in zip(ours.get_weights(), weights, strict=True):
        assert_close(mine, other, 1e-5)
    actual = ours.evaluate(x, y, batch_size=16, verbose=0, sample_weight=weight)
    assert_close(actual, after, 1e-5)


def test_outputs_are_penalized_as_in_keras(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(16, 7)).astype(np.float32)
    y = rng.normal(size=(16, 3)).astype(np.float32)
    settings = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
    path = tmp_path / "model.keras"
    with keras_on_jax() as keras:
        layers = keras.layers
        theirs = keras.Sequential(
            [
                layers.Input((7,)),
                layers.Dense(4, "tanh", activity_regularizer="l1"),
                layers.ActivityRegularization(0.1, 0.2),
                layers.Dense(4, "relu", trainable=False, activity_regularizer="l2"),
                layers.Dense(3),
            ]
        )
        theirs.compile("sgd", "mse")
        theirs.save(path)
        logs = theirs.fit(x, y, **settings).history
        weights = theirs.get_weights()
    ours = jn.models.load_model(path)
    assert_close(ours.fit(x, y, **settings).history["loss"], logs["loss"], 1e-5)
    for mine, other in zip(ours.get_weights(), weights, strict=True):
        assert_close(mine, other, 1e-5)

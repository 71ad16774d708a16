"""Regularizers, alone and within a loss.

Oracles: Keras 3.15 on JAX, and float64 NumPy.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close, raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import regularizers
from jaxnet_mini.core.networks.protocol import penalty
from jaxnet_mini.errors import ArgumentError, UnknownNameError
from jaxnet_mini.layers import Dense, Dropout
from jaxnet_mini.regularizers import L1, L1L2, L2

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


def test_names_and_what_users_write():
    assert regularizers.get("l2") == regularizers.get("L2") == L2(0.01)
    assert regularizers.get("l1") == regularizers.get(L1) == L1(0.01)
    assert regularizers.get("l1_l2") == L1L2(0.01, 0.01)
    assert regularizers.l2(1e-4) == L2(1e-4)
    assert regularizers.get(None) is None
    assert regularizers.get(jnp.sum) is jnp.sum
    assert len({L1(), L2(), L1L2(), L1L2(0.0, 0.5), L1(0.01)}) == 4


def test_errors():
    with raises_text(UnknownNameError, "unknown regularizer 'l3': did you mean 'l"):
        Dense(2, kernel_regularizer="l3")
    with raises_text(ArgumentError, "L2: l2 must be a finite number of at least 0"):
        L2(-1.0)
    with unchecked_types(), raises_text(ArgumentError, "L1: l1 must be", "not True"):
        L1(True)
    with unchecked_types(), raises_text(ArgumentError, "a regularizer must be", "0.1"):
        Dense(2, kernel_regularizer=0.1)


def test_layers_without_regularizers_add_nothing():
    """A plain 0.0, which no program computes."""
    net = jn.serial(Dense(3), Dropout(0.5), Dense(2))
    _, params = net.init(jax.random.key(0), (4,))
    assert net.penalty(params) == 0.0
    assert isinstance(net.penalty(params), float | int)
    with unchecked_types():
        assert penalty(object(), {}) == 0.0


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


def test_an_own_layer_may_have_a_penalty_and_need_not():
    class Free:
        """A layer without ``penalty``."""

        def init(self, key, input_shape):
            return input_shape, {"gain": jnp.ones(input_shape)}

        def apply(self, params, x, *, key=None, training=False):
            return x * jnp.expand_dims(params["gain"], 0)

    class Held(Free):
        def penalty(self, params):
            return 3.0 * jnp.sum(params["gain"])

    x = np.zeros((8, 2), np.float32)
    for layer, expected in ((Free(), 0.0), (Held(), 6.0)):
        model = jn.Sequential([jn.Input((2,)), layer])
        model.compile("sgd", "mse")
        assert model.evaluate(x, x, verbose=0) == expected

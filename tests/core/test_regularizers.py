"""Regularizers, alone and within a loss.

Oracles: Keras 3.15 on JAX, and float64 NumPy.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import regularizers
from jaxnet_mini.core.networks.protocol import penalty
from jaxnet_mini.errors import ArgumentError, UnknownNameError
from jaxnet_mini.layers import Dense, Dropout
from jaxnet_mini.regularizers import L1, L1L2, L2

pytestmark = pytest.mark.usefixtures("quick_compilation")


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

"""Composition against Keras's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

from jaxnet_mini.core.networks.serial import serial, snake_case
from jaxnet_mini.layers import (
    Dense,
    Flatten,
    LayerNormalization,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


X = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)


def test_a_serial_net_is_that_of_keras():
    net = serial(Flatten(), Dense(7, "relu"), LayerNormalization(), Dense(2, "softmax"))
    _, params = net.init(KEY, (4, 3))
    with keras_on_jax() as keras:
        theirs = keras.Sequential(
            [
                keras.layers.Flatten(),
                keras.layers.Dense(7, activation="relu"),
                keras.layers.LayerNormalization(),
                keras.layers.Dense(2, activation="softmax"),
            ]
        )
        theirs.build((None, 4, 3))
        weights = [
            params[layer][name]
            for layer, names in (
                ("dense", ("kernel", "bias")),
                ("layer_normalization", ("gamma", "beta")),
                ("dense_1", ("kernel", "bias")),
            )
            for name in names
        ]
        theirs.set_weights([np.asarray(weight) for weight in weights])
        expected = np.asarray(theirs(X))
    assert_close(net.apply(params, jnp.asarray(X)), expected)


CLASSES = [
    "Dense",
    "LayerNormalization",
    "ReLU",
    "Conv2D",
    "MultiHeadAttention",
    "HTTPServer",
    "GRUCell",
    "Conv2DTranspose",
    "Block2Dense",
    "dense",
]


@pytest.mark.parametrize("name", CLASSES)
def test_snake_case_is_that_of_keras(name):
    with keras_on_jax() as keras:
        assert snake_case(name) == keras.src.utils.naming.to_snake_case(name)

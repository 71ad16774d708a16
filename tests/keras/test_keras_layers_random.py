"""Layers random against Keras's own."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import named

from jaxnet_mini.layers import Dropout, GaussianDropout, GaussianNoise

KEY = jax.random.key(0)


LAYERS = [Dropout(0.5), GaussianDropout(0.5), GaussianNoise(0.5)]


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_moments_are_those_of_keras(layer):
    """Mean and deviation of 400,000 draws, each within six standard errors."""
    x = np.full((400, 1000), 2.0, np.float32)
    ours = np.asarray(layer.apply({}, jnp.asarray(x), key=KEY, training=True))
    with keras_on_jax() as keras:
        kind = getattr(keras.layers, type(layer).__name__)
        theirs = np.asarray(kind(layer.strength, seed=1)(x, training=True))
    error = 6 * np.std(theirs) * math.sqrt(2 / x.size)
    assert abs(ours.mean(dtype=np.float64) - theirs.mean(dtype=np.float64)) <= error
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=6 / math.sqrt(x.size))

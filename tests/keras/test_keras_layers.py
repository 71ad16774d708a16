"""Layers against Keras's own."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from layers_cases import (
    FAN_IN,
    FAN_OUT,
    KEY,
    LAYERS,
    VARIANCES,
    normal,
    with_random_params,
)
from oracles import assert_close, named

from jaxnet_mini import activations, initializers
from jaxnet_mini.layers import (
    Activation,
    Dense,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def keras_outputs(layer, params, x):
    """What the Keras layer of this configuration returns with the same weights."""
    fields = {
        field.name: getattr(layer, field.name)
        for field in dataclasses.fields(layer)
        if field.name not in ("input_shape", "name")
    }
    with keras_on_jax() as keras:
        theirs = getattr(keras.layers, type(layer).__name__)(**fields)
        theirs.build(x.shape)
        order = [name for name in ("kernel", "gamma", "bias", "beta") if name in params]
        theirs.set_weights([np.asarray(params[name]) for name in order])
        return np.asarray(theirs(x))


@pytest.mark.parametrize(("layer", "input_shape"), LAYERS, ids=named)
def test_outputs_are_those_of_keras(layer, input_shape):
    params = with_random_params(layer, input_shape)
    x = normal(6, *input_shape)
    output_shape, _ = layer.init(KEY, input_shape)
    y = layer.apply(params, jnp.asarray(x))
    assert y.shape == (6, *output_shape)
    assert_close(y, keras_outputs(layer, params, x))


# Keras 3.15's sparsemax sums to 1 only where a single entry is left above 0.
@pytest.mark.parametrize("name", sorted({*activations.ACTIVATIONS} - {"sparsemax"}))
def test_activations_are_those_of_keras(name):
    x = normal(40, 7, scale=3.0)
    with keras_on_jax() as keras:
        theirs = np.asarray(keras.activations.get(name)(x))
    for ours in (
        activations.get(name)(jnp.asarray(x)),
        Activation(name).apply({}, jnp.asarray(x)),
        Dense(7, activation=name, use_bias=False).apply(
            {"kernel": jnp.eye(7)}, jnp.asarray(x)
        ),
    ):
        assert_close(ours, theirs)


@pytest.mark.parametrize("name", sorted(VARIANCES))
def test_initializers_have_the_moments_of_keras(name):
    ours = np.asarray(initializers.get(name)(KEY, (FAN_IN, FAN_OUT)))
    with keras_on_jax(own_draws=True) as keras:
        theirs = np.asarray(keras.initializers.get(name)((FAN_IN, FAN_OUT)))
    assert ours.dtype == theirs.dtype
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.03)
    standard_error = np.std(theirs) / math.sqrt(theirs.size)
    assert abs(np.mean(ours) - np.mean(theirs)) <= 9 * standard_error

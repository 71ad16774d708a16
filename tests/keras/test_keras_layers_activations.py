"""Layers activations against Keras's own."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from layers_activations_cases import LAYERS, inputs, single, with_params
from oracles import assert_close, named

import jaxnet_mini as jn
from jaxnet_mini.layers import PReLU

pytestmark = pytest.mark.usefixtures("quick_compilation")


def of_keras(keras, layer, shape):
    """The same layer of Keras, as a function of its weights and its inputs."""
    fields = {
        field.name: getattr(layer, field.name)
        for field in dataclasses.fields(layer)
        if field.name not in ("input_shape", "name")
    }
    theirs = getattr(keras.layers, type(layer).__name__)(**fields)
    theirs.build(shape)
    return lambda weights, x: theirs.stateless_call([*weights.values()], [], x)[0]


def values_and_gradients(applies, params, x, mixture):
    """Of each layer, by its parameters and by the inputs: one program."""

    def of(apply, params):
        def output(params, x):
            y = apply(params, x)
            return jnp.sum(y * mixture), y

        return jax.grad(output, argnums=(0, 1), has_aux=True)(params, x)

    return jax.jit(lambda all_params: list(map(of, applies, all_params)))(params)


@pytest.fixture(scope="module")
def ours_and_theirs():
    x, mixture = single((inputs(6, 5, 3), inputs(6, 5, 3)[::-1].copy()))
    params = [single(with_params(layer, (5, 3))) for layer in LAYERS]
    applies = [layer.apply for layer in LAYERS]
    ours = values_and_gradients(applies, params, x, mixture)
    with keras_on_jax() as keras:
        applies = [of_keras(keras, layer, x.shape) for layer in LAYERS]
        theirs = values_and_gradients(applies, params, x, mixture)
    return dict(zip(LAYERS, zip(ours, theirs, strict=True), strict=True))


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_values_and_gradients_are_those_of_keras(ours_and_theirs, layer):
    own, theirs = ours_and_theirs[layer]
    (by_params, by_own_x), own_y = own
    (by_weights, by_x), y = theirs
    assert_close(own_y, y)
    assert_close(by_own_x, by_x)
    assert len(by_weights) == len(by_params) == (type(layer) is PReLU)
    for name, gradient in by_params.items():
        assert_close(gradient, by_weights[name])


def test_a_model_of_them_trains_as_in_keras():
    x = inputs(96, 6).astype(np.float32)
    y = np.random.default_rng(2).integers(0, 3, 96)

    def built(library):
        layers = library.layers
        model = library.Sequential(
            [
                library.Input((6,)),
                layers.Reshape((3, 2)),
                layers.LeakyReLU(0.1),
                layers.Flatten(),
                layers.Dense(8),
                layers.PReLU(alpha_regularizer="l1"),
                layers.Identity(),
                layers.Dense(8),
                layers.ELU(),
                layers.Dense(8),
                layers.ReLU(max_value=2.0),
                layers.Dense(3),
                layers.Softmax(),
            ]
        )
        rate = library.optimizers.SGD(0.1)
        model.compile(rate, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    ours = built(jn)
    with keras_on_jax() as keras:
        theirs = built(keras)
        theirs.set_weights(ours.get_weights())
        logs = theirs.fit(x, y, epochs=4, shuffle=False, verbose=0).history
        weights = theirs.get_weights()
    history = ours.fit(x, y, epochs=4, shuffle=False, verbose=0).history
    for name, expected in logs.items():
        np.testing.assert_allclose(history[name], expected, rtol=1e-5)
    for array, expected in zip(ours.get_weights(), weights, strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-6)

"""Layers that are called by themselves, and asked for the weights of their model."""

import copy
import gc
import weakref
from typing import NamedTuple

import jax
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import LayerError
from jaxnet_mini.layers import BatchNormalization, Dense, Dropout, Input

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)


def test_a_layer_called_by_itself_shares_its_weights_with_its_models():
    layer, other = Dense(1), Dense(1)
    y = layer(X)
    np.testing.assert_allclose(y, X @ np.asarray(layer.kernel), rtol=1e-6)
    assert not np.array_equal(y, other(X))  # equal settings, and other weights
    model = jn.Sequential([Input((2,)), layer])
    np.testing.assert_array_equal(model(X), y)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((2, 1)), epochs=1, verbose=0)
    assert not np.array_equal(layer(X), y)
    np.testing.assert_array_equal(layer(X), model(X))
    layer.set_weights([np.zeros((2, 1)), np.ones(1)])
    np.testing.assert_array_equal(model(X), np.ones((2, 1)))


def test_a_layer_of_a_model_answers_for_its_weights_there():
    first, last = Dense(3), BatchNormalization()
    model = jn.Sequential([Input((2,)), first, last])
    assert [w.name for w in last.weights] == [
        *("gamma", "beta", "moving_mean", "moving_variance")
    ]
    assert len(last.trainable_weights) == len(last.non_trainable_variables) == 2
    assert (first.count_params(), last.count_params()) == (9, 12)
    np.testing.assert_array_equal(first.kernel, model.get_weights()[0])
    model.layers[0].trainable = False
    assert (len(first.trainable_weights), len(first.non_trainable_weights)) == (0, 2)


def test_being_called_is_no_part_of_the_value():
    layer = Dense(1)
    before = hash(layer)
    assert layer.weights == []
    assert not hasattr(layer, "kernel")
    layer.build((None, 2))
    assert layer == Dense(1)
    assert hash(layer) == before
    assert copy.deepcopy(layer).weights == []
    _, params = layer.init(jax.random.key(0), (2,))
    assert not np.array_equal(params["kernel"], layer.kernel)
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None


def test_what_it_has_not_is_an_attribute_that_is_missing():
    dense, normal = Dense(1), BatchNormalization(scale=False)
    model = jn.Sequential([dense, normal])
    for layer in (dense, model.layers[0]):  # before the shape is known
        with pytest.raises(AttributeError, match="before it is built"):
            layer.kernel  # noqa: B018
    model.build((None, 2))
    for layer in (normal, model.layers[1]):
        with pytest.raises(AttributeError, match="has no gamma"):
            layer.gamma  # noqa: B018


def test_weights_of_its_own_would_be_constants_of_a_program():
    layer = Dense(1)
    layer(X)
    with raises_text(LayerError, "a value without weights"):
        jax.jit(lambda x: layer(x))(X)


class Named(NamedTuple):
    """A layer that has slots in place of a dictionary."""

    inner: Dense

    def init(self, key, input_shape):
        return self.inner.init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return self.inner.apply(params, x)


def test_a_layer_with_slots_gives_its_weights_in_a_model():
    model = jn.Sequential([Input((2,)), Named(Dense(3))])
    np.testing.assert_array_equal(model.layers[0].kernel, model.get_weights()[0])


def test_one_that_draws_draws_anew():
    layer = Dropout(0.5)
    first, second = (layer(np.ones((1, 64)), training=True) for _ in range(2))
    assert {*first.ravel().tolist()} == {0.0, 2.0}
    assert not np.array_equal(first, second)


def test_the_weights_of_a_model_that_is_gone_are_not_made_anew():
    layer = Dense(1)
    jn.Sequential([Input((2,)), layer]).get_weights()
    gc.collect()
    with pytest.raises(LayerError, match="which is gone"):
        layer(X)

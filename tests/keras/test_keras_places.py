"""Places against Keras's own."""

import copy
from typing import NamedTuple

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close
from places_cases import Slotted, X, trained

import jaxnet_mini as jn
from jaxnet_mini.layers import (
    Dense,
    Input,
    LayerNormalization,
    PReLU,
    Softmax,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


class Named(NamedTuple):
    """Likewise; its parameters are those of a layer that it holds."""

    inner: Dense

    def init(self, key, input_shape):
        return self.inner.init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return self.inner.apply(params, x)


def test_layers_bring_their_weights_as_in_keras():
    """Both ways: what one model learns, the other has learned."""
    model = trained()
    weights, y = model.get_weights(), np.ones((6, 3), np.float32)
    with keras_on_jax() as keras:
        base = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(3)]
        )
        base.set_weights(weights)
        base.compile("sgd", "mse")
        last = keras.layers.Dense(3)
        other = keras.Sequential([keras.Input((2,)), *base.layers, last])
        other.set_weights([*weights, np.eye(3), np.ones(3)])
        other.compile("sgd", "mse")
        for one in (other, base):
            one.fit(X, y, epochs=2, verbose=0, shuffle=False)
        expected = [each.get_weights() for each in (base, other)]
    last = Dense(3)
    longer = jn.Sequential([Input((2,)), *model.layers, last])
    longer.set_weights([*weights, np.eye(3), np.ones(3)])
    longer.compile("sgd", "mse")
    for one in (longer, model):
        one.fit(X, y, epochs=2, verbose=0, shuffle=False)
    for mine, theirs in zip((model, longer), expected, strict=True):
        for own, weight in zip(mine.get_weights(), theirs, strict=True):
            assert_close(own, weight, 1e-5)


def test_a_copy_with_the_same_weights_gives_what_keras_gives():
    model = trained()
    with keras_on_jax() as keras:
        base = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(3)]
        )
        base.set_weights(model.get_weights())
        with_softmax = keras.Sequential([*base.layers, keras.layers.Softmax()])
        shorter = keras.Sequential([keras.Input((2,)), *base.layers[:-1]])
        expected = [np.asarray(m(X)) for m in (with_softmax, shorter)]
        longer = jn.models.clone_model(model)
        longer.set_weights(model.get_weights())
        longer.add(Softmax())
        assert_close(longer.predict(X), expected[0], 1e-5)
        cut = jn.models.clone_model(model)
        cut.set_weights(model.get_weights())
        cut.pop()
        assert_close(cut.predict(X), expected[1], 1e-5)
        # The other way: the layers anew, and their weights.
        for anew in (
            [copy.deepcopy(layer) for layer in model.layers],
            [Dense(4, "relu", input_dim=2), Dense(3)],
        ):
            again = jn.Sequential([*anew, Softmax()])
            again.set_weights(model.get_weights())
            assert_close(again.predict(X), expected[0], 1e-5)


def test_one_object_twice_in_a_model_is_shared_and_in_two_as_well():
    with keras_on_jax() as keras:
        layer = keras.layers.Dense(5)
        shared = keras.Sequential([keras.Input((5,)), layer, layer])
        assert shared.count_params() == 30
        weights, expected = shared.get_weights(), np.asarray(shared(np.eye(5)))
    dense, normalization, prelu = Dense(5), LayerNormalization(), PReLU()
    model = jn.Sequential([Input((5,)), dense, dense])
    model.set_weights(weights)
    assert_close(model.predict(np.eye(5)), expected, 1e-6)
    own, named = Slotted(5), Named(Dense(5))
    for layer in (dense, normalization, prelu, own, named, jn.serial(Dense(5))):
        alone = jn.Sequential([Input((5,)), copy.deepcopy(layer)]).count_params()
        model = jn.Sequential([Input((5,)), layer, copy.deepcopy(layer)])
        model.add(layer)
        assert model.count_params() == 2 * alone
        again = jn.Sequential([Input((5,)), layer])
        again.set_weights([np.full_like(w, 7.0) for w in again.get_weights()])
        assert all((w == 7.0).all() for w in again.get_weights())
        former = model.get_weights()[: len(again.get_weights())]
        assert all((w == 7.0).all() for w in former)
    assert jn.Sequential([Input((5,)), Dense(5), Dense(5)]).count_params() == 60
    # The core is values: two places are two sets of weights there.
    anew = Dense(5)
    twice = jn.Sequential([Input((5,)), jn.serial(anew, anew)])
    assert twice.count_params() == 60


def nested(library):
    layers = library.layers
    parts = [layers.Dense(4), layers.BatchNormalization(), layers.Dense(4)]
    inner = library.Sequential([library.Input((4,)), *parts])
    return library.Sequential([library.Input((4,)), inner, layers.Dense(4)])


def test_weights_within_a_model_come_layer_by_layer():
    # All of one shape, so that another order would go through.
    weights = [np.full(s, float(n)) for n, s in enumerate([(4, 4)] + 5 * [(4,)])]
    weights += [np.full(s, n + 6.0) for n, s in enumerate([(4, 4), (4,)] * 2)]
    ours = nested(jn)
    ours.set_weights(weights)
    with keras_on_jax() as keras:
        theirs = nested(keras)
        theirs.set_weights(weights)
        expected = theirs.predict(np.eye(4, dtype="f"), verbose=0)
    np.testing.assert_allclose(ours.predict(np.eye(4)), expected, rtol=1e-5)
    for own, other in zip(ours.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(own, other)


def test_a_class_called_by_itself_shares_its_weights_with_a_later_model():
    """The layer, the layer of the model and the model are one, before and after."""

    def seen_of(faces):
        class Linear(faces.layers.Layer):
            def build(self, input_shape):
                self.kernel = self.add_weight(
                    shape=(input_shape[-1], 1), initializer="ones", name="kernel"
                )

            def call(self, x):
                return x @ self.kernel

        layer, x = Linear(), np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
        layer(x)
        model = faces.Sequential([faces.layers.Input((2,)), layer])
        model.compile(faces.optimizers.SGD(0.1), "mse")
        model.fit(x, np.ones((2, 1)), epochs=3, verbose=0)
        seen = [layer(x), model(x), layer.get_weights()[0], layer.kernel]
        layer.set_weights([np.full((2, 1), 3.0)])
        return [*map(np.asarray, [*seen, model(x)])]

    with keras_on_jax() as keras:
        expected = seen_of(keras)
    for mine, theirs in zip(seen_of(jn), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)

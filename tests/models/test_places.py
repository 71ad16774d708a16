"""Layers that stand in a model already: refused, and what the message advises works.

In Keras they bring their weights with them, so that each advice is held against a Keras
model that shares.
"""

import copy
import gc
import pickle

import jax
import numpy as np
import pytest
from oracles import raises_text, unchecked_types
from places_cases import Slotted, X, trained

import jaxnet_mini as jn
from jaxnet_mini.errors import LayerError
from jaxnet_mini.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    Input,
    ReLU,
    Softmax,
)


class Listing:
    """A layer that keeps others in a list in a dictionary."""

    def __init__(self, *layers):
        self.parts = {"all": list(layers)}

    def init(self, key, input_shape):
        return jn.serial(*self.parts["all"]).init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return jn.serial(*self.parts["all"]).apply(params, x)


TAKEN = {
    "all and softmax": lambda m: [*m.layers, Softmax()],
    "all but the last": lambda m: m.layers[:-1],
    "behind an Input": lambda m: [Input((2,)), *m.layers[:-1]],
    "of no known shape": lambda m: m.layers[1:],
    "the whole net": lambda m: [m.net, Softmax()],
    "within a serial": lambda m: [jn.serial(ReLU(), m.layers[1])],
    "repeated": lambda m: [jn.repeat(m.layers[1], 2)],
    "within a layer of one's own": lambda m: [Listing(ReLU(), m.layers[0])],
}


@pytest.mark.parametrize("take", TAKEN.values(), ids=TAKEN)
def test_layers_of_a_trained_model_are_not_silently_untrained(take):
    model = trained()
    for former in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        before = former.get_weights()
        with raises_text(LayerError, "of the model 'base'", "clone_model(model)"):
            jn.Sequential(take(former))
        nested = raises_text(LayerError, "is a model", "clone_model(model)")
        with unchecked_types(), nested:
            jn.Sequential([former, Softmax()])
        for old, new in zip(before, former.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def test_whether_the_model_is_still_there_does_not_matter():
    layers = trained().layers
    gc.collect()
    with raises_text(LayerError, "the layer 'dense' of the model 'base'"):
        jn.Sequential(layers)


def test_the_core_is_not_concerned():
    dense = Dense(5)
    _, params = jn.serial(dense, dense).init(jax.random.key(0), (5,))
    assert len(params) == 2
    _, params = jn.serial(jn.serial(dense)).init(jax.random.key(0), (5,))
    assert jn.Sequential([Input((5,)), dense]).count_params() == 30


def test_layers_without_parameters_stand_anywhere():
    free = [ReLU(), Activation("tanh"), Dropout(0.1), Flatten()]
    for _ in range(2):
        jn.Sequential([Input((4,)), *free, *free, Dense(2)])
        jn.Sequential([*free, *free, Dense(2)]).build((None, 4))


def test_what_has_no_shape_yet_is_refused_once_it_has_one():
    """Of a layer of one's own it is not known before whether it has parameters."""
    own = Slotted(2)
    twice = jn.Sequential([own, own])
    one, other = jn.Sequential([own]), jn.Sequential([own])
    twice.compile("sgd", "mse")
    for call in (
        lambda: twice.build((None, 2)),
        lambda: twice.fit(X, X, verbose=0),
        lambda: twice(X),
    ):
        with raises_text(LayerError, "stands in it twice"):
            call()
        assert not twice.built
    one.build((None, 2))
    with raises_text(LayerError, "of the model 'sequential'"):
        other(X)
    assert not other.built
    with raises_text(LayerError, "of the model 'sequential'"):
        jn.Sequential([own])


def test_a_popped_layer_has_lost_its_weights():
    model = trained()
    last, before = model.layers[-1], model.predict(X)
    model.pop()
    with raises_text(LayerError, "until pop() took it away", "clone_model(model)"):
        model.add(last)
    assert model.layers == trained().layers[:-1]
    model.add(copy.deepcopy(last))
    assert not np.allclose(model.predict(X), before)


def test_a_model_that_could_not_be_made_keeps_no_layer():
    dense = Dense(4, input_dim=2)
    with unchecked_types(), raises_text(LayerError, "is no layer"):
        jn.Sequential([dense, "relu"])
    assert jn.Sequential([dense]).built


def test_copies_stay_models_that_can_be_changed():
    model = trained()
    for twin in (
        copy.copy(model),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        jn.models.clone_model(model),
        jn.models.model_from_json(model.to_json()),
    ):
        twin.pop()
        twin.add(Dense(1))
        twin.compile("sgd", "mse")
        twin.fit(X, X[:, :1], verbose=0)
        with raises_text(LayerError, "stands in it twice"):
            twin.add(twin.layers[-1])
    unbuilt = jn.Sequential([Slotted(3), Slotted(1)])
    twin = jn.models.clone_model(unbuilt)
    twin.build((None, 2))
    unbuilt.build((None, 2))
    assert twin.count_params() == unbuilt.count_params() == 9


def test_the_mark_is_no_part_of_the_value():
    marked, free = Dense(4, input_dim=2), Dense(4, input_dim=2)
    jn.Sequential([marked])
    assert marked == free
    assert hash(marked) == hash(free)
    assert vars(marked).keys() == vars(free).keys()
    assert jn.Sequential([pickle.loads(pickle.dumps(marked))]).built

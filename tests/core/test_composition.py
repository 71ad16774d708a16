"""Composition: layers in a row, their names, and layers of a user's own.

Oracles: the layers applied one by one, and Keras 3.15 for the names.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_close, named, raises_text, unchecked_types

from jaxnet_mini import activations
from jaxnet_mini.core.networks.last_activation import without_last_activation
from jaxnet_mini.core.networks.serial import check_layer, serial
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Layer
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError
from jaxnet_mini.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Input,
    LayerNormalization,
    ReLU,
    Rescaling,
    Softmax,
)
from jaxnet_mini.optimizers import Adam

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
DEEP = serial(
    Input((4, 3)),
    Rescaling(0.5),
    serial(Flatten(), Dense(7, "tanh"), name="trunk"),
    LayerNormalization(),
    Dropout(0.5),
    serial(Dense(5, "relu"), serial(Dense(2, "softmax"))),
)


# What it computes


def one_by_one(net, params, x, key=None, training=False):
    """Keys are folded by place, as the docstring of the training step has it."""
    for place, (name, layer) in enumerate(zip(net.names, net.layers, strict=True)):
        own = None if key is None else jax.random.fold_in(key, place)
        if hasattr(layer, "layers"):
            x = one_by_one(layer, params[name], x, own, training)
        else:
            x = layer.apply(params[name], x, key=own, training=training)
    return x


@pytest.mark.parametrize("training", [False, True])
def test_serial_applies_its_layers_in_order(training):
    output_shape, params = DEEP.init(KEY, (4, 3))
    assert output_shape == (2,)
    y = DEEP.apply(params, jnp.asarray(X), key=KEY, training=training)
    expected = one_by_one(DEEP, params, jnp.asarray(X), KEY, training)
    np.testing.assert_array_equal(y, expected)


def test_nesting_changes_names_and_not_the_outputs():
    flat = serial(Flatten(), Dense(7, "tanh"), Dense(2))
    nested = serial(serial(Flatten(), Dense(7, "tanh")), serial(serial(Dense(2))))
    assert nested.init(KEY, (4, 3))[0] == flat.init(KEY, (4, 3))[0]
    _, params = flat.init(KEY, (4, 3))
    inside = {
        "serial": {"flatten": {}, "dense": params["dense"]},
        "serial_1": {"serial": {"dense": params["dense_1"]}},
    }
    np.testing.assert_array_equal(
        nested.apply(inside, jnp.asarray(X)), flat.apply(params, jnp.asarray(X))
    )
    assert jax.tree.structure(nested.init(KEY, (4, 3))[1]) == jax.tree.structure(inside)


def test_an_empty_serial_passes_its_input_on():
    x = jnp.asarray(X)
    assert serial().init(KEY, (4, 3)) == ((4, 3), {})
    assert serial().apply({}, x) is x


def test_layers_of_one_kind_start_differently():
    _, params = serial(Dense(3), Dense(3)).init(KEY, (3,))
    assert np.all(params["dense"]["kernel"] != params["dense_1"]["kernel"])


def test_it_is_a_layer_and_a_static_argument():
    assert isinstance(DEEP, Layer)
    _, params = DEEP.init(KEY, (4, 3))
    outputs = jax.jit(lambda net, params, x: net.apply(params, x), static_argnums=0)(
        DEEP, params, jnp.asarray(X)
    )
    assert_close(outputs, np.asarray(DEEP.apply(params, jnp.asarray(X))), 2e-6)
    assert dataclasses.replace(DEEP) == DEEP


# Names


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ((Dense(1), Dense(1), Dense(1)), ("dense", "dense_1", "dense_2")),
        ((Dense(1), Flatten(), Dense(1)), ("dense", "flatten", "dense_1")),
        ((Dense(1, name="a"), Dense(1)), ("a", "dense")),
        ((Dense(1), Dense(1, name="dense")), ("dense_1", "dense")),
        (
            (Dense(1), Dense(1, name="dense_1"), Dense(1)),
            ("dense", "dense_1", "dense_2"),
        ),
        ((Flatten(name="dense"), Dense(1)), ("dense", "dense_1")),
        ((serial(), serial(name="trunk"), serial()), ("serial", "trunk", "serial_1")),
        ((LayerNormalization(), Input((3,))), ("layer_normalization", "input_layer")),
        ((), ()),
    ],
)
def test_names_are_numbered_and_own_names_stay(layers, names):
    net = serial(*layers)
    assert net.names == names
    assert tuple(net.init(KEY, (3,))[1]) == names


def test_two_layers_of_one_own_name_are_refused():
    with raises_text(
        ArgumentError,
        "two layers have the name 'head': give each a name of its own.",
    ):
        serial(Dense(1, name="head"), Flatten(), Dense(2, name="head"))
    serial(Dense(1, name="head"), serial(Dense(2, name="head")))


# The last activation


@pytest.mark.parametrize(
    ("net", "without", "activation"),
    [
        (Dense(3, "softmax"), Dense(3), "softmax"),
        (Dense(3), Dense(3), "linear"),
        (Activation("tanh"), Activation(None), "tanh"),
        (serial(Dense(3, "relu")), serial(Dense(3)), "relu"),
        (
            serial(Dense(3, "relu"), Dense(3, "softmax", name="head"), name="net"),
            serial(Dense(3, "relu"), Dense(3, name="head"), name="net"),
            "softmax",
        ),
        (
            serial(Dense(3), serial(Activation("sigmoid"))),
            serial(Dense(3), serial(Activation(None))),
            "sigmoid",
        ),
        (Softmax(), Identity(), "softmax"),
        (Operation("softmax", options=(("axis", -1),)), Identity(), "softmax"),
        (
            Softmax(input_shape=(3,), name="head"),
            Identity(input_shape=(3,), name="head"),
            "softmax",
        ),
        (
            serial(Dense(3), Softmax(name="head")),
            serial(Dense(3), Identity(name="head")),
            "softmax",
        ),
        (
            serial(Softmax(), Dense(3), Softmax()),
            serial(Softmax(), Dense(3), Identity(name="softmax_1")),
            "softmax",
        ),
        (
            serial(Dense(3), serial(Softmax(), name="inner")),
            serial(Dense(3), serial(Identity(name="softmax"), name="inner")),
            "softmax",
        ),
        (serial(Dense(3), Identity()), serial(Dense(3), Identity()), "linear"),
        (serial(Dense(3), ReLU()), serial(Dense(3), ReLU()), "linear"),
        (serial(), serial(), "linear"),
        (Dropout(0.5), Dropout(0.5), "linear"),
    ],
    ids=named,
)
def test_the_last_activation_is_split_off(net, without, activation):
    assert without_last_activation(net) == (without, activations.get(activation))
    x = jnp.asarray(X[:, 0])
    _, params = net.init(KEY, (3,))
    assert_close(
        activations.get(activation)(without.apply(params, x)),
        np.asarray(net.apply(params, x)),
    )


# A user's own layer


@dataclasses.dataclass(frozen=True)
class Scale:
    """Ten lines, of no class of this library."""

    start: float = 1.0

    def init(self, key, input_shape):
        return input_shape, {"factor": jnp.full(input_shape, self.start)}

    def apply(self, params, x, **_):
        return x * params["factor"][None]


def test_a_users_own_layer_trains():
    net = serial(Dense(8, "tanh"), Scale(0.5), Dense(1))
    assert net.names == ("dense", "scale", "dense_1")
    trainer = Trainer(net, "mse", Adam(0.01))
    state = trainer.init(KEY, (3,))
    before = np.asarray(state.params["scale"]["factor"])
    x = jnp.asarray(X[:, 0])
    y = jnp.sum(x, axis=1, keepdims=True)
    step = jax.jit(trainer.step)
    losses = []
    for _ in range(300):
        state, logs = step(state, (x, y))
        losses.append(float(logs["loss"]))
    assert losses[-1] < losses[0] / 20
    assert np.all(np.asarray(state.params["scale"]["factor"]) != before)


# Errors: the class, the argument, what came, and the advice


class NotHashable:
    __hash__ = None

    def init(self, key, input_shape):
        return input_shape, {}

    def apply(self, params, x, **_):
        return x


@dataclasses.dataclass(frozen=True)
class WithoutKey:
    def init(self, key, input_shape):
        return input_shape, {}

    def apply(self, params, x):
        return x


@dataclasses.dataclass(frozen=True)
class Holding(Scale):
    start: object = 1.0


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (3, ("3 is no layer: a layer is a hashable object with init(key",)),
        (Dense, ("is no layer (the class itself: write Dense(...)): a layer is",)),
        ([Dense(3)], ("[Dense(3)] is no layer",)),
        (jnp.tanh, ("is no layer",)),
        (NotHashable(), ("is no layer (it is not hashable: make it a frozen",)),
        (
            Holding([1.0]),
            ("Holding(start=[1.0]) is no layer (unhashable type: 'list': keep tuples",),
        ),
        (
            WithoutKey(),
            (
                "WithoutKey(): apply must be apply(params, x, *, key=None, "
                "training=False)",
                "or **_ for those that you do not need.",
            ),
        ),
    ],
    ids=["number", "class", "list", "function", "unhashable", "list inside", "no key"],
)
def test_what_is_no_layer_is_told_why(value, parts):
    with unchecked_types():
        with raises_text(LayerError, *parts):
            serial(Dense(3), value)
        with raises_text(LayerError, *parts):
            check_layer(value)
        with raises_text(LayerError, *parts):
            Trainer(value, "mse")
    assert issubclass(LayerError, TypeError)


def test_the_advice_on_layers_works():
    @dataclasses.dataclass(frozen=True)
    class WithRest(WithoutKey):
        def apply(self, params, x, **_):
            return x

    @dataclasses.dataclass(frozen=True)
    class WithBoth(WithoutKey):
        def apply(self, params, x, *, key=None, training=False):
            return x

    net = serial(Dense(3), WithRest(), WithBoth(), Holding((1.0,)))
    assert net.names == ("dense", "with_rest", "with_both", "holding")


def test_a_shape_error_names_the_layer_within_the_layers():
    net = serial(Flatten(), serial(Dense(3, input_shape=(5,)), name="head"))
    with raises_text(
        ShapeError,
        "layer 'head': layer 'dense': Dense(3, input_shape=(5,)) expects inputs of "
        "shape (5,) and got (12,): change its input_shape",
    ):
        net.init(KEY, (4, 3))
    with raises_text(
        ShapeError, "layer 'input_layer': Input((4, 3)) expects", "got (5,)"
    ):
        DEEP.init(KEY, (5,))
    _, params = serial(Flatten(), Dense(3)).init(KEY, (4, 3))
    with raises_text(
        ShapeError, "layer 'dense': Dense(3) has a kernel for 12 features", "(6, 4)"
    ):
        serial(Flatten(), Dense(3)).apply(params, jnp.ones((6, 4)))


def test_a_serial_of_a_declared_input_shape_checks_it():
    net = dataclasses.replace(serial(Dense(3)), input_shape=(4,))
    with raises_text(ShapeError, "expects inputs of shape (4,) and got (5,)"):
        net.init(KEY, (5,))

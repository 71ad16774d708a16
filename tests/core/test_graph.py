"""Graphs and the layers that merge: what takes what, by name.

Oracles: the layers applied one by one, and float64 NumPy.
"""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_close, raises_text

import jaxnet_mini as jn
from jaxnet_mini import layers
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks.last_activation import without_last_activation
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError
from jaxnet_mini.layers import (
    Add,
    Average,
    Concatenate,
    Dense,
    Dot,
    Dropout,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
A, B = (RNG.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
SIAMESE = jn.graph(
    {
        "left": (Dense(4, "tanh", kernel_regularizer="l2"), "a"),
        "right": ("left", "b"),
        "apart": (Subtract(), ("left", "right")),
        "out": (Dense(2, "softmax"), "apart"),
    },
    inputs=("a", "b"),
)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# Graphs


def test_nodes_take_what_is_named_and_share_weights():
    shape, params = SIAMESE.init(KEY, ((3,), (3,)))
    assert shape == (2,)
    assert jax.tree.map(jnp.shape, params) == {
        "left": {"kernel": (3, 4), "bias": (4,)},
        "apart": {},
        "out": {"kernel": (4, 2), "bias": (2,)},
    }
    own = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)

    def left(x):
        return np.tanh(x @ own["left"]["kernel"] + own["left"]["bias"])

    expected = softmax((left(A) - left(B)) @ own["out"]["kernel"] + own["out"]["bias"])
    for x in ((A, B), [A, B], {"b": B, "a": A}):
        assert_close(SIAMESE.apply(params, x), expected)
    # One set of weights, once.
    assert_close(SIAMESE.penalty(params), 0.01 * np.sum(own["left"]["kernel"] ** 2))


def test_a_chain_is_that_of_serial():
    layers = {"one": Dense(4, "relu"), "drop": Dropout(0.5), "two": Dense(2)}
    names = ["x", *layers]
    chain = jn.graph(
        {n: (layer, names[i]) for i, (n, layer) in enumerate(layers.items())}
    )
    net = jn.serial(*layers.values())
    (shape, params), (expected, others) = (one.init(KEY, (3,)) for one in (chain, net))
    assert shape == expected == (2,)
    pairs = zip(("one", "two"), ("dense", "dense_1"), strict=True)
    for own, other in pairs:
        assert np.array_equal(params[own]["kernel"], others[other]["kernel"])
    y, other_y = (
        one.apply(p, A, key=KEY, training=True)
        for one, p in ((chain, params), (net, others))
    )
    assert np.array_equal(y, other_y)


def test_outputs_come_as_they_are_named():
    nodes = {"a": (Dense(2), "x"), "b": (Dense(3), "x")}
    for outputs, form in (
        ("b", None),
        (("a", "b"), tuple),
        ({"first": "a", "second": "b"}, dict),
    ):
        if form is None:
            with raises_text(ArgumentError, "node 'a' leads to no output"):
                jn.graph(nodes, outputs=outputs)
            continue
        net = jn.graph(nodes, outputs=outputs)
        shapes, params = net.init(KEY, (3,))
        y = net.apply(params, A)
        assert type(y) is type(shapes) is form
        assert [leaf.shape for leaf in jax.tree.leaves(y)] == [(5, 2), (5, 3)]
        assert outlines.output_shape(net, (3,), outlines.outline(net, (3,))) == shapes
        assert eval(repr(net), {"graph": jn.graph, "Dense": Dense}) == net


def test_the_outline_has_each_layer_once_with_its_calls():
    left, apart, out = outlines.outline(SIAMESE, ((3,), (3,)))
    assert (left.sources, left.again) == ("a", (("right", (4,), "b"),))
    assert (apart.input_shape, apart.sources) == (((4,), (4,)), ("left", "right"))
    assert out.output_shape == (2,)


def test_what_graphs_hold_is_found():
    """The last activation, where the last layer is called nowhere else."""
    bare, activation = without_last_activation(SIAMESE)
    assert activation is jn.activations.softmax
    assert bare.layers[-1] == Dense(2)
    twice = jn.graph({"a": (Dense(3, "softmax"), "x"), "b": ("a", "a")})
    assert without_last_activation(twice)[0] is twice
    frozen = jn.graph({"a": (Dense(3, trainable=False), "x"), "b": (Dense(1), "a")})
    _, params = frozen.init(KEY, (3,))
    mask = frozen.trainable_mask(params)
    assert mask["a"] == {"kernel": False, "bias": False}
    assert mask["b"] == {"kernel": True, "bias": True}


def test_residual_and_parallel():
    net = jn.residual(Dense(8, "relu"), Dense(3))
    _, params = net.init(KEY, (3,))
    inner = jn.serial(Dense(8, "relu"), Dense(3))
    assert_close(net.apply(params, A), A + inner.apply(params["body"], A))
    with raises_text(ShapeError, "inputs of the shapes (3,), (1,) are added, which"):
        jn.residual(Dense(1)).init(KEY, (3,))  # which would be repeated
    sides = jn.parallel(Dense(2), Dense(4), name="sides")
    shape, params = sides.init(KEY, (3,))
    parts = [Dense(n).apply(params[k], A) for n, k in ((2, "dense"), (4, "dense_1"))]
    assert shape == (6,)
    assert sides.name == "sides"
    assert_close(sides.apply(params, A), np.concatenate(parts, axis=1))
    summed = jn.parallel(Dense(2), Dense(2), merge=Add())
    assert summed.init(KEY, (3,))[0] == (2,)


def test_a_net_with_branches_learns_like_any_other():
    net = jn.serial(jn.residual(Dense(3, "tanh")), Dense(2, "softmax"))
    trainer = jn.Trainer(net, "sparse_categorical_crossentropy", jn.optimizers.SGD(0.5))
    state = trainer.init(KEY, (3,))
    y = jnp.arange(5) % 2

    def loss(params):
        p = jax.nn.softmax(
            (A + jnp.tanh(A @ params["graph"]["body"]["kernel"]))
            @ params["dense"]["kernel"]
        )
        return -jnp.mean(jnp.log(p[jnp.arange(5), y]))

    gradient = jax.jit(jax.grad(loss))(state.params)
    after, _ = jax.jit(trainer.step)(state, (A, y))
    for path in (("graph", "body", "kernel"), ("dense", "kernel")):
        before, new, g = state.params, after.params, gradient
        for name in path:
            before, new, g = before[name], new[name], g[name]
        assert_close(new, np.asarray(before) - 0.5 * np.asarray(g), 1e-6)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ({"a": (Dense(1), "y")}, "node 'a' takes 'y', which is neither an input nor"),
        ({"a": ("b", "x")}, "node 'a' shares the layer of 'b', which is no node befo"),
        ({"x": (Dense(1), "x")}, "two nodes or inputs have the name 'x': rename one."),
        ({"a": Dense(1)}, "nodes['a'] must be a layer and what it takes, such as (De"),
        ({"a": (Dense(1), 3)}, "sources must be a name or several, not 3."),
        ({}, "nodes must be a dictionary such as {'hidden': (Dense(8), 'x')}, not {}."),
        (
            {"a": (Dense(1), "x"), "b": (Dense(1), "x")},
            "node 'a' leads to no output, and would learn nothing",
        ),
    ],
)
def test_wrong_graphs_are_named(nodes, text):
    with raises_text(ArgumentError, text):
        jn.graph(nodes)


def test_wrong_inputs_are_named():
    with raises_text(LayerError, "is no layer (the class itself: write Dense(...))"):
        jn.graph({"a": (Dense, "x")})
    with raises_text(ArgumentError, "no node takes the input 'b': leave it out."):
        jn.graph({"a": (Dense(1), "a0")}, inputs=("a0", "b"))
    with raises_text(ArgumentError, "two inputs have the name 'b': rename one."):
        jn.graph({"a": (Add(), ("b", "b"))}, inputs=("b", "b"))
    with raises_text(ArgumentError, "an output is 'c', which is neither"):
        jn.graph({"a": (Dense(1), "x")}, outputs="c")
    with raises_text(ArgumentError, "outputs must be a name, a tuple of names or"):
        jn.graph({"a": (Dense(1), "x")}, outputs=())
    with raises_text(ShapeError, "there are 2 inputs, 'a', 'b': give a tuple of them"):
        SIAMESE.init(KEY, (3, 3))
    with raises_text(ShapeError, "the inputs are 'a', 'b', and 'a', 'c' came: give"):
        SIAMESE.init(KEY, {"a": (3,), "c": (3,)})
    with raises_text(ShapeError, "layer 'right': it shares the weights of 'left', of"):
        SIAMESE.init(KEY, ((3,), (4,)))


# Layers that merge


X = [RNG.normal(size=shape) for shape in ((4, 3, 2), (4, 3, 2), (4, 1, 2), (4, 2))]


def grown(x):
    return x[:, None] if x.ndim == 2 else x


@pytest.mark.parametrize(
    ("layer", "merged"),
    [
        (Add(), lambda *x: sum(x)),
        (Multiply(), lambda *x: np.prod(np.broadcast_arrays(*x), axis=0)),
        (Average(), lambda *x: np.mean(np.broadcast_arrays(*x), axis=0)),
        (Maximum(), lambda *x: np.max(np.broadcast_arrays(*x), axis=0)),
        (Minimum(), lambda *x: np.min(np.broadcast_arrays(*x), axis=0)),
        (Subtract(), lambda a, b: a - b),
    ],
    ids=lambda value: type(value).__name__,
)
def test_elements_are_merged_one_by_one(layer, merged):
    count = 2 if isinstance(layer, Subtract) else 4
    for x in (X[:count], X[:1] + X[2:3], X[:1] + X[3:]):
        expected = merged(*map(grown, x))
        shape, params = layer.init(KEY, tuple(one.shape[1:] for one in x))
        assert params == {}
        y = layer.apply({}, tuple(jnp.asarray(one, jnp.float32) for one in x))
        assert shape == y.shape[1:] == expected.shape[1:]
        assert_close(y, expected, 1e-6)
        function = getattr(layers, type(layer).__name__.lower())
        assert_close(function([*map(jnp.float32, x)]), expected, 1e-6)


@pytest.mark.parametrize("axis", [-1, 1, 2, -2])
def test_concatenate(axis):
    x = X[:2]
    y = Concatenate(axis).apply({}, tuple(map(jnp.float32, x)))
    assert_close(y, np.concatenate(x, axis), 1e-6)
    assert Concatenate(axis).init(KEY, ((3, 2), (3, 2)))[0] == y.shape[1:]


@pytest.mark.parametrize(
    ("axes", "shapes", "sums"),
    [
        (1, ((3,), (3,)), "bi,bi->b"),
        ((1, 2), ((3,), (4, 3)), "bi,bji->bj"),
        ((2, 1), ((2, 3), (3, 4)), "bki,bij->bkj"),
        (-1, ((2, 3), (4, 3)), "bki,bji->bkj"),
    ],
)
def test_dot(axes, shapes, sums):
    a, b = (RNG.normal(size=(5, *shape)) for shape in shapes)
    a[0] = 0.0  # of no length
    for normalize in (False, True):
        u, v = a, b
        if normalize:
            places = (axes, axes) if isinstance(axes, int) else axes
            lengths = [
                np.linalg.norm(one, axis=place, keepdims=True)
                for one, place in zip((a, b), places, strict=True)
            ]
            u, v = (
                one / np.where(length == 0, 1, length)
                for one, length in zip((a, b), lengths, strict=True)
            )
        expected = np.einsum(sums, u, v)
        layer = Dot(axes, normalize=normalize)
        y = layer.apply({}, (jnp.float32(a), jnp.float32(b)))
        assert layer.init(KEY, shapes)[0] == y.shape[1:]
        assert_close(y, expected.reshape(y.shape), 1e-5)
    flat = jax.grad(
        lambda a: Dot(axes, normalize=True).apply({}, (a, jnp.float32(b))).sum()
    )
    assert np.isfinite(flat(jnp.float32(a))).all()


def test_merging_functions_take_what_the_layers_take():
    a, b = jn.Input((3,)), jn.Input((3,))
    pairs = [
        (layers.concatenate([a, b], 1, name="c"), Concatenate(1, name="c")),
        (layers.dot([a, b], normalize=True), Dot(-1, normalize=True)),
        (layers.dot((a, b), 1, True), Dot(1, True)),
        (layers.subtract([a, b]), Subtract()),
    ]
    for symbol, layer in pairs:
        assert symbol.layer == layer
    assert list(inspect.signature(layers.dot).parameters)[:2] == ["inputs", "axes"]
    with raises_text(ShapeError, "Subtract() takes exactly 2 inputs and got 3."):
        layers.subtract([A, A, A])


def test_wrong_merges_are_named():
    with raises_text(ShapeError, "Add() makes one of several inputs and got one alone"):
        Add().init(KEY, (3,))
    with raises_text(ShapeError, "Add() makes one of several inputs and got one alone"):
        Add().apply({}, A)
    with raises_text(ShapeError, "Subtract() takes exactly 2 inputs and got 3."):
        Subtract().init(KEY, ((3,), (3,), (3,)))
    with raises_text(ShapeError, "Add() got inputs of the shapes (3,), (4,), which do"):
        Add().init(KEY, ((3,), (4,)))
    with raises_text(ShapeError, "which differ elsewhere than in axis -1."):
        Concatenate().init(KEY, ((3, 2), (4, 2)))
    with raises_text(ShapeError, "axis is 3, and there are batches of 3 axes: give"):
        Concatenate(3).init(KEY, ((3, 2), (3, 2)))
    with raises_text(ArgumentError, "axis must be an integer other than 0, which is"):
        Concatenate(0)
    with raises_text(ArgumentError, "every entry of axes must be an integer other"):
        Dot((1, 0))
    with raises_text(ShapeError, "the axes that are summed over must have one length"):
        Dot(1).init(KEY, ((3,), (4,)))

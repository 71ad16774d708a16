"""Layers that compute in bfloat16 with parameters in float32.

Oracles: NumPy with the numbers of `ml_dtypes`, and what a program says of its dtypes.
"""

import dataclasses

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.core.networks.ensemble import Ensemble
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.layers import (
    Activation,
    Add,
    BatchNormalization,
    CategoryEncoding,
    Dense,
    Dropout,
    Embedding,
    Input,
    Layer,
    LayerNormalization,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

MIXED, KEY = "mixed_bfloat16", jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2], np.int32)
ROUNDOFF = 2.0**-8  # of bfloat16, which has 8 digits


def output(net, x=X, **options):
    shape = jax.tree.map(lambda leaf: leaf.shape[1:], x)
    _, params = net.init(KEY, shape)
    return jax.eval_shape(lambda: net.apply(params, x, **options)).dtype.name


def equations(jaxpr):
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(
            equation.params, is_leaf=lambda leaf: hasattr(leaf, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from equations(inner)


def dots(program):
    """The dtypes that are multiplied and made by each product of matrices."""
    return [
        {str(v.aval.dtype) for v in (*e.invars, *e.outvars)}
        for e in equations(program.jaxpr)
        if e.primitive.name == "dot_general"
    ]


def test_a_dense_layer_computes_what_bfloat16_gives():
    net = jn.serial(Dense(8), dtype=MIXED)
    _, params = net.init(KEY, (4,))
    own = jax.tree.map(lambda w: w + 0.3, params)["dense"]
    arrays = X, own["kernel"], own["bias"]
    given = (np.asarray(a).astype(ml_dtypes.bfloat16) for a in arrays)
    x, kernel, bias = (array.astype(np.float64) for array in given)
    product = (x @ kernel).astype(ml_dtypes.bfloat16)
    expected = (product.astype(np.float64) + bias).astype(ml_dtypes.bfloat16)
    y = net.apply({"dense": own}, X)
    assert y.dtype == jnp.bfloat16
    # Sums in another order are rounded to a neighbour: one unit in the last place of
    # the product and one of the sum.
    error = np.abs(np.float64(y) - np.float64(expected))
    sizes = np.abs(np.float64(product)) + np.abs(np.float64(expected))
    assert np.all(error <= 2 * ROUNDOFF * sizes)
    # In float32 it is another number.
    assert np.any(np.float64(y) != np.float64(jn.serial(Dense(8)).apply(params, X)))


def test_products_are_of_bfloat16_and_all_that_is_kept_is_of_float32():
    layers = (
        Dense(8, "relu", kernel_regularizer="l2", activity_regularizer="l1"),
        BatchNormalization(),
        Dropout(0.1),
        Dense(3, "softmax"),
    )
    loss = "sparse_categorical_crossentropy"
    plain = jn.Trainer(jn.serial(*layers), loss, "adam", ["accuracy"])
    by_trainer = dataclasses.replace(plain, compute_dtype="bfloat16")
    by_net = jn.Trainer(jn.serial(*layers, dtype=MIXED), loss, "adam", ["accuracy"])
    last = (*layers[:-1], Dense(3, "softmax", dtype="float32"))
    wide_end = jn.Trainer(jn.serial(*last, dtype=MIXED), loss, "adam", ["accuracy"])
    state = plain.init(KEY, (4,))
    batch = jn.Batch(X, Y, None, np.ones(6, bool))
    for trainer, expected in (
        (plain, [{"float32"}] * 5),
        (by_trainer, [{"bfloat16"}] * 5),
        (by_net, [{"bfloat16"}] * 5),
        # Forwards once, backwards twice; only the first has no gradient of its inputs.
        (wide_end, [{"bfloat16"}, *[{"float32"}] * 3, {"bfloat16"}]),
    ):
        program, shapes = jax.make_jaxpr(trainer.step, return_shape=True)(state, batch)
        assert dots(program) == expected
        after, logs = shapes
        for before, leaf in zip(*map(jax.tree.leaves, (state, after)), strict=True):
            assert before.dtype == leaf.dtype
        assert {leaf.dtype.name for leaf in logs.values()} == {"float32"}
    # What the step is made of, and an evaluation.
    gradients, totals, _ = jax.eval_shape(
        by_net.gradients_of, state.variables, batch, KEY
    )
    data = jn.data.Data(X[None], Y[None], None, np.int32(6))
    sums = jax.eval_shape(by_net.evaluate, state.variables, data, 0, 1)
    kept = jax.tree.leaves((gradients, totals, sums))
    assert {leaf.dtype.name for leaf in kept} <= {"float32", "int32"}
    assert hash(plain.program()) != hash(by_trainer.program())
    outputs = jn.predict(by_net.net, state.variables, X[None], 0, 1)
    assert outputs.dtype == jnp.float32


class Doubled(Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.inner, self.exact = Dense(4), Dense(4, dtype="float32")

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones")

    def call(self, x):
        assert x.dtype == self.scale.dtype == jnp.dtype(self.compute_dtype)
        assert self.inner(x).dtype == x.dtype
        assert self.exact(x).dtype == jnp.float32
        return self.inner(x * self.scale[None])


def test_each_layer_has_its_own_dtype_or_that_of_the_network_around_it():
    wide, narrow = "float32", "bfloat16"
    nodes = {"a": (Dense(4), "x"), "b": (Dense(4, dtype=wide), "x")}
    both = jn.graph(nodes | {"c": (Add(), ("a", "b"))})
    cases = [
        (jn.serial(Dense(4)), wide),
        (jn.serial(Dense(4, dtype=MIXED)), narrow),
        (jn.serial(Dense(4), dtype=MIXED), narrow),
        (jn.serial(Dense(4), Activation("softmax", dtype=wide), dtype=MIXED), wide),
        (jn.serial(Dense(4), jn.serial(Dense(2, dtype=wide)), dtype=MIXED), wide),
        (jn.serial(jn.serial(Dense(2)), Dense(4), dtype=MIXED), narrow),
        (jn.serial(jn.serial(Dense(2), dtype=wide), dtype=MIXED), wide),
        (jn.serial(jn.repeat(Dense(4, "tanh"), 3), dtype=MIXED), narrow),
        (jn.serial(Ensemble((jn.serial(Dense(4)),), (2,)), dtype=MIXED), wide),
        (jn.serial(LayerNormalization(), dtype=MIXED), narrow),
        (jn.serial(jn.residual(Dense(4)), dtype=MIXED), narrow),
        (dataclasses.replace(both, dtype=MIXED), narrow),
        (jn.serial(Doubled(), dtype=MIXED), narrow),
        (jn.serial(Doubled(dtype=wide), dtype=MIXED), wide),
        (jn.serial(Doubled(dtype=MIXED), Input((4,), dtype="float32")), narrow),
    ]
    for net, expected in cases:
        assert output(net) == expected, net
    narrow_net, again = (jn.serial(Dense(4), dtype=d) for d in (MIXED, None))
    assert narrow_net != again
    assert eval(repr(narrow_net), {"serial": jn.serial, "Dense": Dense}) == narrow_net


def test_indices_are_never_cast():
    # 257 is none of bfloat16's numbers, and would become 256.
    x = np.array([[257.0]], np.float32)
    for index in (x, x.astype(np.int32)):
        for layer, expected in (
            (Embedding(300, 2), None),
            (CategoryEncoding(300), 257),
        ):
            net = jn.serial(layer, dtype=MIXED)
            _, params = net.init(KEY, (1,))
            y = net.apply(params, index)
            assert y.dtype == jnp.bfloat16
            if expected:
                assert int(jnp.argmax(y)) == expected
            else:
                table = params["embedding"]["embeddings"]
                assert np.all(y[0, 0] == table[257].astype(jnp.bfloat16))


def test_moments_are_computed_in_float32():
    # Numbers of bfloat16 near 1000 are 4 apart: their squares say nothing in it.
    x = jnp.array([[992.0], [1000.0], [1008.0]], jnp.bfloat16)
    net = jn.serial(BatchNormalization(momentum=0.0), dtype=MIXED)
    _, params = net.init(KEY, (1,))
    y, state = net.update(params, net.init_state((1,)), x, training=True)
    own = state["batch_normalization"]
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype.name for leaf in own.values()} == {"float32"}
    np.testing.assert_allclose(own["moving_mean"], [1000.0])
    np.testing.assert_allclose(own["moving_variance"], [128.0 / 3.0], rtol=1e-6)


def test_other_precisions_are_refused():
    for dtype in ("mixed_float16", "bfloat16", "float16", "double", 3):
        with raises_text(ArgumentError, 'dtype must be "float32" or "mixed_bfloat16"'):
            Dense(3, dtype=dtype)
        with raises_text(ArgumentError, "bfloat16, which needs no scaling"):
            Doubled(dtype=dtype)
    with raises_text(ArgumentError, "compute_dtype must be one of float32, bfloat16"):
        jn.Trainer(jn.serial(Dense(1)), "mse", compute_dtype="float16")
    assert Dense(3, dtype=np.float32) == Dense(3, dtype="float32") != Dense(3)

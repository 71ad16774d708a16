"""Layers that normalise, against formulas in float64 and central differences."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    assert_close,
    assert_trees_close,
    assert_trees_identical,
    raises_text,
)

import jaxnet_mini as jn
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError
from jaxnet_mini.layers import (
    BatchNormalization,
    Dense,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)
RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (20, 4)).astype(np.float32)
Y = RNG.normal(size=(20, 2)).astype(np.float32)
FIT = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}


def drawn(layer, input_shape):
    """Parameters none of which is 0 or 1."""
    _, params = layer.init(KEY, input_shape)
    return {n: jnp.float32(RNG.normal(1.0, 0.3, v.shape)) for n, v in params.items()}


def normalized(x, axes, epsilon):
    mean, variance = (f(x, axis=axes, keepdims=True) for f in (np.mean, np.var))
    return (x - mean) / np.sqrt(variance + epsilon), mean, variance


# Batch normalization


def model_of(layer, rate=0.05):
    model = jn.Sequential([Dense(5, "tanh", input_dim=4), layer, Dense(2)])
    model.compile(jn.optimizers.SGD(rate), "mse")
    return model


@pytest.mark.parametrize("axis", [-1, 1])
def test_statistics_are_those_of_all_other_axes(axis):
    layer = BatchNormalization(axis=axis, momentum=0.8, epsilon=0.1)
    params = drawn(layer, (3, 5))
    state = layer.init_state((3, 5))
    x = RNG.normal(2.0, 3.0, (6, 3, 5))
    mask = np.arange(6) < 4
    axes = tuple({0, 1, 2} - {axis % 3})
    shape = tuple(1 if a in axes else -1 for a in range(3))
    padded = np.where(mask[:, None, None], x, np.nan).astype(np.float32)
    y, after = layer.update(
        params, state, jnp.asarray(padded), training=True, mask=mask
    )
    expected, mean, variance = normalized(x[:4], axes, 0.1)
    gamma, beta = (np.float64(params[n]).reshape(shape) for n in ("gamma", "beta"))
    assert_close(y[:4], gamma * expected + beta, 1e-5)
    new = {"moving_mean": 0.2 * mean, "moving_variance": 0.8 + 0.2 * variance}
    assert_trees_close(after, {n: v.ravel() for n, v in new.items()}, 1e-5)
    assert np.all(np.isfinite(y))
    # Without padding: the same rows, and the same numbers.
    alone, same = layer.update(params, state, jnp.float32(x[:4]), training=True)
    assert_close(alone, y[:4], 1e-5)
    assert_trees_close(same, after, 1e-6)
    y, unchanged = layer.update(params, after, jnp.float32(x))
    moving = [np.float64(after[n]).reshape(shape) for n in new]
    assert_close(y, gamma * (x - moving[0]) / np.sqrt(moving[1] + 0.1) + beta, 1e-5)
    assert unchanged is after


def test_what_is_left_out_is_no_parameter():
    for options, names in (
        ({"center": False}, ["gamma"]),
        ({"scale": False}, ["beta"]),
        ({"center": False, "scale": False}, []),
    ):
        for kind in (BatchNormalization, LayerNormalization):
            layer = kind(**options)
            _, params = layer.init(KEY, (4,))
            assert list(params) == names
            state = protocol.init_state(layer, (4,))
            y, _ = protocol.run(layer, params, state, jnp.asarray(X), training=True)
            axes = (0,) if state else (-1,)
            assert_close(y, normalized(np.float64(X), axes, 1e-3)[0], 1e-5)


def test_initializers_regularizers_and_constraints_are_used():
    options = {"beta_initializer": "ones", "gamma_initializer": "random_normal"}
    options |= {"gamma_regularizer": "l2", "beta_constraint": "non_neg"}
    layer = BatchNormalization(
        moving_mean_initializer="random_normal",
        moving_variance_initializer=jn.initializers.Constant(2.0),
        **options,
    )
    for one in (layer, LayerNormalization(**options)):
        _, params = one.init(KEY, (4,))
        assert_close(params["beta"], np.ones(4))
        expected = 0.01 * np.sum(np.square(np.float64(params["gamma"])))
        assert float(one.penalty(params)) == pytest.approx(expected, rel=1e-5)
        below = params | {"beta": jnp.array([-1.0, 2.0, -3.0, 4.0])}
        assert_close(one.constrain(below)["beta"], [0.0, 2.0, 0.0, 4.0])
    state = layer.init_state((4,))
    assert_close(state["moving_variance"], np.full(4, 2.0))
    assert np.all(np.asarray(state["moving_mean"]) != 0.0)
    assert_trees_identical(layer.init_state((4,)), state)


def test_moments_are_computed_in_float32_at_least():
    x = jnp.asarray(300.0 + X, jnp.bfloat16)
    layer = BatchNormalization(momentum=0.0)
    _, params = layer.init(KEY, (4,))
    y, state = layer.update(params, layer.init_state((4,)), x, training=True)
    assert y.dtype == jnp.bfloat16
    assert state["moving_mean"].dtype == jnp.float32
    assert_close(state["moving_mean"], np.mean(np.float64(x), axis=0), 1e-6)


def test_frozen_it_goes_by_what_it_remembers():
    """So it does within a network that is frozen as a whole."""
    for outer in (False, True):
        net = serial(BatchNormalization(trainable=outer))
        net = dataclasses.replace(net, trainable=not outer)
        _, params = net.init(KEY, (4,))
        state = jax.tree.map(lambda leaf: leaf + 1.5, net.init_state((4,)))
        y, after = net.update(params, state, jnp.asarray(X), training=True)
        assert_trees_identical(after, state)
        assert_close(y, net.update(params, state, jnp.asarray(X))[0])
    net = serial(BatchNormalization())
    y, after = net.update(params, state, jnp.asarray(X), training=True)
    moved = after["batch_normalization"]["moving_mean"] != 1.5
    assert bool(jnp.all(moved))
    inner = serial(BatchNormalization(), name="inner")
    nested = dataclasses.replace(serial(inner), trainable=False)
    before = {"inner": state}
    _, after = nested.update({"inner": params}, before, jnp.asarray(X), training=True)
    assert_trees_identical(after, before)


def test_models_with_it_are_kept_and_swept(tmp_path):
    whole, resumed = (model_of(BatchNormalization()) for _ in range(2))
    whole.fit(X, Y, **FIT)
    model_of(BatchNormalization()).fit(X, Y, checkpoint=tmp_path, **FIT | {"epochs": 1})
    resumed.fit(X, Y, checkpoint=tmp_path, **FIT)
    assert_trees_identical(resumed.state, whole.state)
    expected = whole.predict(X, batch_size=20)
    for batch_size in (1, 7):
        assert_close(whole.predict(X, batch_size=batch_size), expected, 1e-6)
    swept = jn.sweep(
        lambda rate: model_of(BatchNormalization(), rate),
        {"rate": [0.05, 1]},
        X,
        Y,
        **FIT,
    )
    assert_trees_close(swept[0].model.layer_state, whole.layer_state, 1e-5)
    assert_trees_close(swept[0].model.params, whole.params, 1e-5)


# Layers that act on each example


def test_each_example_is_brought_to_one_scale():
    x = RNG.normal(2.0, 3.0, (5, 3, 4))
    for axis in (-1, 1, (1, 2), (-2, -1)):
        several = axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(sorted(a % 3 for a in several))
        sizes = tuple(size if a in axes else 1 for a, size in enumerate(x.shape))
        layer = LayerNormalization(axis=axis, epsilon=0.1)
        params = drawn(layer, (3, 4))
        assert params["gamma"].shape == tuple(x.shape[a] for a in axes)
        gamma, beta = (np.float64(params[n]).reshape(sizes) for n in ("gamma", "beta"))
        expected = gamma * normalized(x, axes, 0.1)[0] + beta
        assert_close(layer.apply(params, jnp.float32(x)), expected, 1e-5)
        root = RMSNormalization(axis=axis, epsilon=0.1)
        params = drawn(root, (3, 4))
        squares = np.mean(x**2, axis=axes, keepdims=True)
        scale = np.float64(params["scale"]).reshape(sizes)
        expected = scale * x / np.sqrt(squares + 0.1)
        assert_close(root.apply(params, jnp.float32(x)), expected, 1e-5)
        expected = x / np.sqrt(np.sum(x**2, axis=axes, keepdims=True))
        assert_close(UnitNormalization(axis).apply({}, jnp.float32(x)), expected, 1e-6)


def test_trap_an_example_of_zeros_has_a_finite_gradient():
    def total(x):
        return jnp.sum(UnitNormalization().apply({}, x))

    assert not np.any(UnitNormalization().apply({}, jnp.zeros((2, 3))))
    assert np.all(np.isfinite(jax.grad(total)(jnp.zeros((2, 3)))))


def test_bad_arguments_are_named():
    cases = (
        (lambda: BatchNormalization(axis=0), "axis must be", "that of the batch", "0"),
        (lambda: BatchNormalization(axis=(1, 2)), "axis must be one axis", "(1, 2)"),
        (lambda: BatchNormalization(momentum=1.5), "momentum is the share", "1.5"),
        (lambda: BatchNormalization(epsilon=0.0), "epsilon must be above 0"),
        (lambda: BatchNormalization(center="no"), "center must be True or False"),
        (lambda: LayerNormalization(1e-5), "axis must be", "1e-05"),
        (lambda: LayerNormalization(axis=(1, 1)), "axis must be", "(1, 1)"),
        (lambda: UnitNormalization("last"), "axis must be", "'last'"),
        (lambda: RMSNormalization(epsilon=-1.0), "epsilon must be above 0, not -1.0"),
    )
    for make, *texts in cases:
        with raises_text(ArgumentError, *texts):
            make()
    for kind, argument, text in (
        (BatchNormalization, "renorm", "LayerNormalization()"),
        (BatchNormalization, "synchronized", "of all devices"),
        (LayerNormalization, "rms_scaling", "RMSNormalization()"),
    ):
        with pytest.raises(TypeError) as caught:
            kind(**{argument: True})
        assert argument in str(caught.value)
        assert text in str(caught.value)
    for kind in (BatchNormalization, LayerNormalization, UnitNormalization):
        with raises_text(ShapeError, "(4,)", "the axes 0 to 1", "choose axis"):
            kind(axis=2).init(KEY, (4,))
    layer = BatchNormalization()
    _, params = layer.init(KEY, (4,))
    with raises_text(ShapeError, "for 4 features", "(2, 5)", "last axis must be 4"):
        layer.update(params, layer.init_state((4,)), jnp.ones((2, 5)))
    with raises_text(LayerError, "y, state = net.update(params, state, x)"):
        layer.apply(params, X)

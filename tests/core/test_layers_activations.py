"""Activations that are layers: ReLU, LeakyReLU, ELU, Softmax and PReLU.

Oracles: Keras 3.15 on JAX, values and gradients, and float64 NumPy.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layers_activations_cases import KEY, LAYERS, inputs, single, with_params
from oracles import assert_close, named, raises_text, unchecked_types, x64

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, ShapeError, UnknownNameError
from jaxnet_mini.layers import ELU, LeakyReLU, PReLU, ReLU, Softmax

pytestmark = pytest.mark.usefixtures("quick_compilation")


FORMULAE = [
    (ReLU(), lambda x: np.maximum(x, 0)),
    (ReLU(2.0, 0.3, 1.0), lambda x: np.where(x > 1, np.minimum(x, 2), 0.3 * (x - 1))),
    (ReLU(max_value=0.0), np.zeros_like),
    (LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
    (LeakyReLU(2.0), lambda x: np.where(x > 0, x, 2 * x)),
    (ELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
    (ELU(0.25), lambda x: np.where(x > 0, x, 0.25 * np.expm1(x))),
    (Softmax(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
]


@pytest.mark.parametrize(("layer", "formula"), FORMULAE, ids=named)
def test_values_are_those_of_the_formulae_in_float64(layer, formula):
    x = inputs(40, 7)
    with x64():
        y = np.asarray(layer.apply({}, jnp.asarray(x)))
    assert y.dtype == np.float64
    assert_close(y, formula(x), 1e-13)


def test_integers_are_cast():
    all_params = [single(with_params(layer, (3, 4))) for layer in LAYERS]
    x = np.arange(24).reshape(2, 3, 4) % 5

    @jax.jit
    def outputs(x):
        pairs = zip(LAYERS, all_params, strict=True)
        return [layer.apply(params, x) for layer, params in pairs]

    of_integers, of_floats = outputs(x.astype(np.int32)), outputs(x.astype(np.float32))
    for layer, y, expected in zip(LAYERS, of_integers, of_floats, strict=True):
        assert y.dtype == jnp.float32, layer
        np.testing.assert_allclose(y, expected, rtol=1e-6, err_msg=repr(layer))


def test_large_inputs_give_finite_outputs_and_gradients():
    all_params = [single(with_params(layer, (2, 2))) for layer in LAYERS]

    def of(layer, params, x):
        gradient = jax.grad(lambda x: jnp.sum(layer.apply(params, x)))(x)
        return layer.apply(params, x), gradient

    @jax.jit
    def outputs_and_gradients(x):
        pairs = zip(LAYERS, all_params, strict=True)
        return [of(layer, params, x) for layer, params in pairs]

    x = np.array([[[-1e30, 1e30], [-200.0, 200.0]]], np.float32)
    for layer, both in zip(LAYERS, outputs_and_gradients(x), strict=True):
        assert np.all(np.isfinite(both)), layer


# A learned slope


@pytest.mark.parametrize(
    ("shared", "shape"),
    [
        (None, (5, 3)),
        ((), (5, 3)),
        (1, (1, 3)),
        (2, (5, 1)),
        ((1, 2), (1, 1)),
        ((2, 1), (1, 1)),
    ],
)
def test_a_slope_has_the_shape_of_an_example_but_for_shared_axes(shared, shape):
    output_shape, params = PReLU(shared_axes=shared).init(KEY, (5, 3))
    assert output_shape == (5, 3)
    assert {name: value.shape for name, value in params.items()} == {"alpha": shape}
    assert not np.any(params["alpha"])
    assert params["alpha"].dtype == jnp.float32


def test_a_slope_is_initialized_from_its_key():
    layer = PReLU("random_uniform")
    (_, one), (_, same), (_, other) = (
        layer.init(jax.random.key(seed), (40,)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one["alpha"], same["alpha"])
    assert np.all(np.asarray(one["alpha"]) != np.asarray(other["alpha"]))


def test_a_slope_is_learned():
    """Data of slope 0.2 below 0: descent finds it, and nothing else can."""
    x = inputs(200, 3).astype(np.float32)
    y = np.where(x > 0, x, np.array([0.2, -0.1, 0.5], np.float32) * x)
    model = jn.Sequential([PReLU(input_shape=(3,))])
    model.compile(jn.optimizers.SGD(0.2), "mse")
    model.fit(x, y, epochs=20, verbose=0)
    assert_close(model.get_weights()[0], np.array([0.2, -0.1, 0.5]), 1e-4)


def test_a_penalty_on_a_slope_is_added_to_the_loss():
    x = inputs(8, 3).astype(np.float32)
    layers = {
        "jn": lambda: PReLU("ones", alpha_regularizer="l2", input_shape=(3,)),
        "mixed": lambda: PReLU(
            "ones", alpha_regularizer=jn.regularizers.L1L2(0.1, 0.2), input_shape=(3,)
        ),
    }
    for make, expected in zip(layers.values(), (0.01 * 3, 0.3 * 3), strict=True):
        model = jn.Sequential([make()])
        model.compile("sgd", "mse")
        assert model.evaluate(x, x, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert PReLU("ones").penalty({"alpha": jnp.ones(3)}) == 0.0


@pytest.mark.parametrize("features", [1, 4])
def test_trap_broadcasting_prelu_refuses_other_features(features):
    _, params = PReLU().init(KEY, (features,))
    with raises_text(
        ShapeError,
        f"PReLU() has an alpha of shape ({features},) and got a batch of shape (6, 5), "
        "for which it must be (5,).",
    ):
        PReLU().apply(params, jnp.ones((6, 5)))


def test_a_shared_axis_must_be_there():
    layer = PReLU(shared_axes=(1, 3))
    with raises_text(
        ShapeError,
        f"{layer!r} got an example of shape (5, 3), which has 2 axes: share axes that "
        "it has, counted from 1.",
    ):
        layer.init(KEY, (5, 3))
    layer.init(KEY, (5, 3, 2))


def test_shared_axes_are_kept_as_a_tuple():
    assert PReLU(shared_axes=1) == PReLU(shared_axes=[1]) == PReLU(shared_axes=(1,))
    assert hash(PReLU(shared_axes=[1])) == hash(PReLU(shared_axes=(1,)))


# Arguments


@pytest.fixture
def unchecked():
    with unchecked_types():
        yield


BAD = [-0.1, math.nan, math.inf, True, "1"]


@pytest.mark.parametrize("value", [*BAD, None])
@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        (ReLU, "negative_slope"),
        (ReLU, "threshold"),
        (LeakyReLU, "negative_slope"),
    ],
)
def test_slopes_and_thresholds_are_at_least_0(kind, argument, value, unchecked):
    with raises_text(
        ArgumentError,
        f"{argument} must be a finite number of at least 0, not {value!r}.",
    ):
        kind(**{argument: value})


@pytest.mark.parametrize("value", BAD)
def test_a_limit_is_at_least_0(value, unchecked):
    with raises_text(
        ArgumentError, f"max_value must be a finite number of at least 0, not {value!r}"
    ):
        ReLU(max_value=value)


@pytest.mark.parametrize("value", [math.nan, -math.inf, None, False])
def test_alpha_is_a_number(value, unchecked):
    with raises_text(ArgumentError, f"alpha must be a finite number, not {value!r}."):
        ELU(value)


@pytest.mark.parametrize("axis", [0, 1, -2, None, (1, 2)])
def test_softmax_takes_the_last_axis_alone_and_says_what_takes_another(axis, unchecked):
    with raises_text(
        ArgumentError,
        f"axis must be -1, the last axis, not {axis!r}: for another, give Activation a "
        "function.",
    ):
        Softmax(axis)
    x = inputs(4, 5, 3).astype(np.float32)
    over_rows = jn.layers.Activation(lambda x: jax.nn.softmax(x, axis=1))
    assert_close(np.sum(over_rows.apply({}, jnp.asarray(x)), axis=1), np.ones((4, 3)))


@pytest.mark.parametrize("axes", [0, -1, (1, 0), 1.5, "1", (None,), True])
def test_shared_axes_are_counted_from_1(axes, unchecked):
    with raises_text(
        ArgumentError, "every axis of shared_axes must be a positive integer, not "
    ):
        PReLU(shared_axes=axes)


def test_unknown_names_are_answered_with_the_nearest():
    with raises_text(UnknownNameError, "unknown initializer 'zeroes'", "'zeros'"):
        PReLU("zeroes")
    with raises_text(UnknownNameError, "unknown regularizer 'l3'"):
        PReLU(alpha_regularizer="l3")


# What Keras users write


def test_a_model_without_weights_can_be_fit():
    """There is nothing to learn, and Keras logs the loss all the same."""
    x = inputs(10, 3).astype(np.float32)
    model = jn.Sequential([ReLU(input_shape=(3,))])
    model.compile("adam", "mse")
    history = model.fit(x, x, epochs=2, batch_size=4, verbose=0).history
    expected = np.mean(np.minimum(x, 0) ** 2)
    np.testing.assert_allclose(history["loss"], [expected, expected], rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "made"),
    [
        (lambda x: None, "None"),
        (lambda x: 1.0, "1.0"),
        (lambda x: x.sum(-1), "shape (2,)"),
        (jn.activations.glu, "shape (2, 2)"),
    ],
)
def test_an_activation_keeps_the_shape(function, made):
    """Else a row of losses would be repeated, or None come to the next layer."""
    for layer in (jn.Dense(4, function), jn.Activation(function)):
        text = f"made {made} of a batch of shape (2, 4), and must keep the shape: put"
        with raises_text(ShapeError, text):
            jn.Sequential([layer]).build((None, 4))
    _, params = jn.Dense(4).init(KEY, (4,))
    with raises_text(ShapeError, "and must keep the shape"):
        jn.Dense(4, function).apply(params, jnp.ones((2, 4)))

"""Layers that draw random numbers: what they draw, from which key, and when.

Oracles: the moments of the distributions, and Keras 3.15 on JAX for the same moments.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_close, named, raises_text, unchecked_types

from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.layers import AlphaDropout, Dropout, GaussianDropout, GaussianNoise

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)
LAYERS = [
    Dropout(0.5),
    AlphaDropout(0.5),
    GaussianDropout(0.5),
    GaussianNoise(0.5, seed=3),
]


def normal(*shape):
    return np.random.default_rng(0).normal(0.0, 1.0, shape).astype(np.float32)


# Every one of them


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_inference_passes_the_inputs_on(layer):
    for x in (jnp.asarray(normal(4, 3)), jnp.ones((4, 3), jnp.uint8)):
        assert layer.apply({}, x) is x
        assert layer.apply({}, x, key=KEY) is x


@pytest.mark.parametrize(
    "layer", [Dropout(0.0), GaussianDropout(0.0), GaussianNoise(0.0)], ids=named
)
def test_at_0_nothing_is_drawn(layer):
    x = jnp.asarray(normal(4, 3))
    assert layer.apply({}, x, training=True) is x


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_draws_come_from_the_key_alone(layer):
    x = jnp.ones((20, 20))
    first, same, other = (
        np.asarray(layer.apply({}, x, key=jax.random.key(n), training=True))
        for n in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.mean(first != other) > 0.3
    compiled = jax.jit(lambda x, key: layer.apply({}, x, key=key, training=True))
    assert_close(compiled(x, jax.random.key(1)), first)


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_training_needs_a_key_and_says_how_to_give_one(layer):
    x = jnp.ones((4, 3))
    with raises_text(
        ArgumentError, repr(layer), "give apply a key", "key=jax.random.key(0)"
    ):
        layer.apply({}, x, training=True)
    layer.apply({}, x, training=True, key=jax.random.key(0))


@pytest.mark.parametrize("layer", LAYERS, ids=named)
def test_integers_are_cast_in_training_and_floats_keep_their_type(layer):
    for given, expected in (("uint8", "float32"), ("bfloat16", "bfloat16")):
        y = layer.apply({}, jnp.ones((2, 3), given), key=KEY, training=True)
        assert y.dtype == expected


# Dropout


def test_dropout_drops_its_share_and_scales_the_rest():
    rate, x = 0.3, jnp.asarray(normal(200, 500) + 10.0)
    y = np.asarray(Dropout(rate).apply({}, x, key=KEY, training=True))
    kept = y != 0.0
    standard_error = math.sqrt(rate * (1 - rate) / y.size)
    assert abs(1 - kept.mean() - rate) <= 5 * standard_error
    assert_close(y[kept], np.asarray(x)[kept] / (1 - rate))
    # What is dropped here says nothing about what is dropped there.
    assert abs(np.corrcoef(kept[:, 0], kept[:, 1])[0, 1]) < 0.3
    assert abs(np.corrcoef(kept[0], kept[1])[0, 1]) < 0.2


def test_dropout_keeps_the_expectation():
    x = jnp.full((1000, 1000), 2.0)
    y = np.asarray(Dropout(0.75).apply({}, x, key=KEY, training=True), np.float64)
    deviation = 2.0 * math.sqrt(0.75 / 0.25)
    assert abs(y.mean() - 2.0) <= 5 * deviation / 1000


def test_two_dropouts_in_a_net_drop_different_places():
    net = serial(Dropout(0.5), Dropout(0.5))
    y = np.asarray(
        net.apply(net.init(KEY, (9,))[1], jnp.ones((900, 9)), key=KEY, training=True)
    )
    assert np.mean(y == 4.0) == pytest.approx(0.25, abs=0.03)


def test_a_seed_is_mixed_into_the_key():
    x = jnp.ones((30, 30))
    plain, one, same, other = (
        np.asarray(layer.apply({}, x, key=KEY, training=True))
        for layer in (
            Dropout(0.5),
            Dropout(0.5, seed=1),
            Dropout(0.5, seed=1),
            Dropout(0.5, seed=2),
        )
    )
    np.testing.assert_array_equal(one, same)
    for different in (plain, other):
        assert np.mean(one != different) == pytest.approx(0.5, abs=0.1)
    again = Dropout(0.5, seed=1).apply({}, x, key=jax.random.key(1), training=True)
    assert np.any(again != one)
    with unchecked_types(), raises_text(ArgumentError, "seed must be an integer of at"):
        Dropout(0.5, seed="a")


def test_alpha_dropout_is_its_formula_and_keeps_mean_and_variance():
    rate, x = 0.3, normal(300, 500)
    y = np.asarray(AlphaDropout(rate).apply({}, x, key=KEY, training=True), np.float64)
    limit = -1.0507009873554805 * 1.6732632423543772
    scale = ((1 - rate) * (1 + rate * limit**2)) ** -0.5
    shift = -scale * limit * rate
    dropped = abs(y - (scale * limit + shift)) < 1e-5
    assert_close(y[~dropped], scale * x[~dropped] + shift, 1e-5)
    assert abs(dropped.mean() - rate) <= 5 * math.sqrt(rate * (1 - rate) / y.size)
    assert abs(y.mean()) <= 6 / math.sqrt(y.size)
    assert abs(y.var() - 1) <= 12 / math.sqrt(y.size)


# Noise


def drawn(layer, x):
    y = layer.apply({}, jnp.asarray(x), key=KEY, training=True)
    return np.asarray(y, np.float64)


def assert_standard_normal(values):
    """The first four moments and the 0.1 % quantile, each to six standard errors."""
    error = 6 / math.sqrt(values.size)
    assert abs(values.mean()) <= error
    assert abs(np.mean(values**2) - 1) <= error * math.sqrt(2)
    assert abs(np.mean(values**3)) <= error * math.sqrt(15)
    assert abs(np.mean(values**4) - 3) <= error * math.sqrt(96)
    beyond = np.mean(np.abs(values) > 3.2905)
    assert abs(beyond - 0.001) <= error * math.sqrt(0.001)
    rows = np.corrcoef(values)
    assert np.abs(rows - np.eye(len(rows))).max() < 6 / math.sqrt(values.shape[1])


@pytest.mark.parametrize("stddev", [0.1, 1.0, 3.0])
def test_gaussian_noise_is_normal(stddev):
    x = normal(100, 2000)
    assert_standard_normal((drawn(GaussianNoise(stddev), x) - x) / stddev)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_gaussian_dropout_multiplies_by_what_has_the_moments_of_dropout(rate):
    x = normal(100, 2000) + 10.0
    factors = drawn(GaussianDropout(rate), x) / x
    assert_standard_normal((factors - 1.0) / math.sqrt(rate / (1 - rate)))
    dropped = drawn(Dropout(rate), x) / x
    assert np.std(factors) == pytest.approx(np.std(dropped), rel=0.02)


# Arguments


@pytest.mark.parametrize("kind", [Dropout, GaussianDropout])
@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0, math.nan, True, "0.5", None])
def test_a_rate_must_be_a_share(kind, rate):
    with (
        unchecked_types(),
        raises_text(
            ArgumentError,
            f"rate is the share of inputs to drop, in [0, 1), not {rate!r}.",
        ),
    ):
        kind(rate)


@pytest.mark.parametrize("stddev", [-0.1, math.nan, math.inf, True, "0.5", None])
def test_a_deviation_must_be_at_least_0(stddev):
    with (
        unchecked_types(),
        raises_text(
            ArgumentError,
            f"stddev must be a finite number of at least 0, not {stddev!r}.",
        ),
    ):
        GaussianNoise(stddev)

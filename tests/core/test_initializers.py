"""Initializers as classes: moments against their formulae, seeds, values, errors."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layers_cases import TRUNCATION
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import initializers
from jaxnet_mini.errors import ArgumentError, ShapeError, UnknownNameError
from jaxnet_mini.files import config
from jaxnet_mini.layers import Dense

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)
ROWS, COLUMNS = 300, 500

# What a class is, its mean, its variance, and the largest distance from the mean.
NORMAL, UNIFORM = 2 / TRUNCATION, math.sqrt(3.0)
DRAWN = [
    (initializers.RandomNormal(2.0, 0.5), 2.0, 0.25, None),
    (initializers.TruncatedNormal(-1.0, 0.5), -1.0, (0.5 * TRUNCATION) ** 2, NORMAL),
    (initializers.RandomUniform(1.0, 4.0), 2.5, 9 / 12, UNIFORM),
    (initializers.VarianceScaling(), 0.0, 1 / ROWS, NORMAL),
    (initializers.VarianceScaling(3.0, "fan_out"), 0.0, 3 / COLUMNS, NORMAL),
    (
        initializers.VarianceScaling(0.5, "fan_avg", "untruncated_normal"),
        0.0,
        1 / (ROWS + COLUMNS),
        None,
    ),
    (
        initializers.VarianceScaling(2.0, "fan_in", "uniform"),
        0.0,
        2 / ROWS,
        UNIFORM,
    ),
]


def assert_moments(initializer, values, centre, variance, bound):
    values = np.asarray(values, np.float64)
    # Of 150,000 values the variance is known to 0.4 %, six errors are 2.5 %.
    assert np.var(values) == pytest.approx(variance, rel=0.025), initializer
    distance = abs(values - centre)
    assert abs(values.mean() - centre) <= 6 * math.sqrt(variance / values.size)
    if bound is None:
        assert distance.max() > 3.5 * math.sqrt(variance)
    else:
        most = bound * math.sqrt(variance)
        assert 0.98 * most <= distance.max() <= most * (1 + 1e-6), initializer


def test_what_is_drawn_has_the_moments_of_its_formula():
    draws = jax.jit(lambda key: [one[0](key, (ROWS, COLUMNS)) for one in DRAWN])(KEY)
    for (initializer, *moments), draw in zip(DRAWN, draws, strict=True):
        assert draw.dtype == jnp.float32
        assert_moments(initializer, draw, *moments)
    # A vector has as many inputs as outputs, as in Keras.
    for name, scale, bound in (
        ("GlorotNormal", 1.0, NORMAL),
        ("HeUniform", 2.0, UNIFORM),
        ("LecunNormal", 1.0, NORMAL),
    ):
        initializer = getattr(initializers, name)()
        values = initializer(KEY, (ROWS * COLUMNS,))
        assert_moments(initializer, values, 0.0, scale / values.size, bound)
    plain = initializers.VarianceScaling(distribution="untruncated_normal")
    assert np.var(plain(KEY, (90_000,))) == pytest.approx(1 / 90_000, rel=0.03)


CLASSES = {
    "glorot_normal": initializers.GlorotNormal,
    "glorot_uniform": initializers.GlorotUniform,
    "he_normal": initializers.HeNormal,
    "he_uniform": initializers.HeUniform,
    "identity": initializers.Identity,
    "lecun_normal": initializers.LecunNormal,
    "lecun_uniform": initializers.LecunUniform,
    "ones": initializers.Ones,
    "orthogonal": initializers.Orthogonal,
    "random_normal": initializers.RandomNormal,
    "random_uniform": initializers.RandomUniform,
    "truncated_normal": initializers.TruncatedNormal,
    "zeros": initializers.Zeros,
}


def test_a_class_draws_what_its_name_draws():
    assert sorted(CLASSES) == sorted(initializers.INITIALIZERS)

    @jax.jit
    def both(key):
        pairs = ((initializers.get(name), kind()) for name, kind in CLASSES.items())
        return [(named(key, (4, 3)), value(key, [4, 3])) for named, value in pairs]

    for name, (named, own) in zip(CLASSES, both(KEY), strict=True):
        np.testing.assert_array_equal(own, named, name)


def test_every_name_of_keras():
    get = initializers.get
    for name, kind in CLASSES.items():
        assert get(kind.__name__) is get(name) is initializers.INITIALIZERS[name]
        assert get(kind) == kind()
    for name, other in (
        ("normal", "random_normal"),
        ("uniform", "random_uniform"),
        ("one", "ones"),
        ("zero", "zeros"),
        ("Constant", "zeros"),
        ("VarianceScaling", "lecun_normal"),
        ("IdentityInitializer", "identity"),
        ("OrthogonalInitializer", "orthogonal"),
    ):
        assert get(name) is get(other)
    with raises_text(UnknownNameError, "unknown initializer 'HeNorml': did you mean "):
        Dense(2, kernel_initializer="HeNorml")


def test_a_seed_is_drawn_from_in_place_of_the_key():
    seeded = initializers.GlorotUniform(seed=7)
    assert seeded == initializers.GlorotUniform(7)
    again = seeded(jax.random.key(9), (4, 3))
    np.testing.assert_array_equal(seeded(KEY, (4, 3)), again)
    np.testing.assert_array_equal(
        again, initializers.glorot_uniform(jax.random.key(7), (4, 3))
    )
    other = jax.random.key(9, impl="rbg")
    assert np.any(seeded(other, (4, 3)) != again)
    net = jn.serial(Dense(3, kernel_initializer=seeded), Dense(3, None, False, seeded))
    params = net.init(KEY, (3,))[1]
    kernels = [params[name]["kernel"] for name in ("dense", "dense_1")]
    np.testing.assert_array_equal(*kernels)


def test_nothing_said_is_glorot_uniform_also_of_a_bias():
    layer = Dense(6, kernel_initializer=None, bias_initializer=None)
    params = layer.init(KEY, (3,))[1]
    assert params["kernel"].shape == (3, 6)
    assert 0.0 < np.max(np.abs(params["bias"])) <= 1.0  # sqrt(6 / (6 + 6))


def test_constant_of_an_array():
    kernel = np.arange(6.0).reshape(2, 3)
    for given in (kernel, kernel.tolist(), jnp.asarray(kernel)):
        layer = Dense(3, kernel_initializer=initializers.Constant(given))
        np.testing.assert_array_equal(layer.init(KEY, (2,))[1]["kernel"], kernel)
        assert layer == Dense(3, kernel_initializer=initializers.Constant(kernel))
        assert hash(layer) == hash(Dense(3, None, True, initializers.Constant(kernel)))
        assert config.from_config(config.to_config(layer)) == layer
    with unchecked_types():
        assert Dense(3, kernel_initializer=kernel) == layer
    assert repr(initializers.Constant(kernel)) == "Constant(<an array of shape (2, 3)>)"
    assert initializers.Constant(kernel) != initializers.Constant(kernel + 1.0)
    rows = initializers.Constant([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(rows(KEY, (2, 3)), [[1.0, 2.0, 3.0]] * 2)
    assert initializers.Constant(0.5) == initializers.Constant(np.array(0.5))
    with raises_text(ShapeError, "values of shape (2, 3) for weights of shape (5, 3)"):
        layer.init(KEY, (5,))
    for wrong in ([1.0, math.nan], ["a"], [[1.0], [1.0, 2.0]], [1e39]):
        with raises_text(ArgumentError, "Constant: value must hold finite numbers"):
            initializers.Constant(wrong)


def test_errors():
    kinds = initializers
    for make, words in (
        (lambda: kinds.RandomNormal(stddev=-1.0), "RandomNormal: stddev must be a fin"),
        (lambda: kinds.TruncatedNormal(math.inf), "TruncatedNormal: mean must be a fi"),
        (lambda: kinds.RandomUniform(1.0, 0.0), "minval is 1.0 and maxval 0.0: give"),
        (lambda: kinds.VarianceScaling(0.0), "scale must be above 0, not 0.0"),
        (lambda: kinds.VarianceScaling(mode="fan"), "must be one of fan_in, fan_out,"),
        (lambda: kinds.VarianceScaling(distribution="n"), "one of truncated_normal, n"),
        (lambda: kinds.HeNormal(seed=-1), "HeNormal: seed must be an integer of at le"),
    ):
        with raises_text(ArgumentError, words):
            make()
    for initializer in (initializers.Identity(), initializers.Orthogonal()):
        with raises_text(ShapeError, "makes matrices", "of shape (3,)"):
            initializer(KEY, (3,))


def test_in_keras_s_form_the_shape_comes_first():
    """As Keras's pages have it; the numbers are those of its seed."""
    draw = initializers.HeNormal(seed=3)
    expected = draw(KEY, (4, 2))
    for called in (
        lambda: draw((4, 2)),
        lambda: draw(shape=(4, 2)),
        lambda: draw([4, 2], "float32"),
        lambda: draw((4, 2), dtype="float32"),
    ):
        np.testing.assert_array_equal(called(), expected)
    assert initializers.Zeros()(3, "int32").dtype == "int32"
    drawn = initializers.HeNormal()
    assert not np.array_equal(drawn((4, 2)), drawn((4, 2)))

    class Mine(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return jnp.full(shape, 3.0, dtype)

    _, params = Dense(2, kernel_initializer=Mine()).init(KEY, (1,))
    np.testing.assert_array_equal(params["kernel"], [[3.0, 3.0]])


def test_what_is_no_key_or_dtype_or_shape_is_named():
    for call, words in (
        (lambda: initializers.HeNormal()(np.ones(2), (2,)), "key must be one of jax"),
        (lambda: initializers.Zeros()(KEY, (2, -1)), "shape must be a tuple"),
        (
            lambda: initializers.HeNormal()(KEY, (2,), "int32"),
            "dtype must be one of fl",
        ),
        (lambda: initializers.Ones()((2,), "words"), "dtype must be one of numbers"),
    ):
        with pytest.raises(ArgumentError, match=words):
            call()

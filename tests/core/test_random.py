"""Random numbers by Keras's names: how they are drawn, within a call and outside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini import initializers, random
from jaxnet_mini.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.ones((10, 3), np.float32)
FIT = {"batch_size": 4, "epochs": 2, "verbose": 0}


class Sampling(jn.Layer):
    """Draws in predictions too, as in the lessons on variational autoencoders."""

    def __init__(self, seed=None):
        super().__init__()
        self.generator = random.SeedGenerator(seed)
        self.drop = jn.Dropout(0.5)

    def call(self, x, training=False):
        noise = random.normal(x.shape, seed=self.generator)
        return self.drop(x, training=True) + noise + random.uniform(x.shape)


def model_of(seed=None, **options):
    model = jn.Sequential([jn.Dense(3, input_dim=3), Sampling(seed)], **options)
    model.compile("sgd", "mse")
    return model


@pytest.mark.slow
def test_each_call_draws_anew_and_a_run_repeats(tmp_path, capsys):
    one, other = model_of(1), model_of(1)
    for model in (one, other):
        kept = {"validation_data": (X, X), "checkpoint": tmp_path}
        model.fit(X, X, **FIT, **kept)
        model.layers[1](X)  # draws, which makes it no other layer
    assert one.history.history == other.history.history
    first, second = one.predict(X, verbose=0), one.predict(X, verbose=0)
    assert np.all(first != second)
    assert np.all(first[0] != first[1])
    assert np.all(first != one.predict(X, batch_size=5, verbose=0))
    np.testing.assert_array_equal(other.predict(X, verbose=0), first)
    batches = one.predict(X[:8], batch_size=4, verbose=2)
    assert np.all(batches[:4] != batches[4:])
    assert np.any(one(X) != one(X))
    assert one.evaluate(X, X, verbose=0) == one.evaluate(X, X, verbose=0)
    assert np.any(
        model_of(2).predict(X, verbose=0) != model_of(1).predict(X, verbose=0)
    )


def test_a_key_is_asked_for_where_there_is_none():
    net = jn.serial(jn.Dense(3), Sampling(), jn.repeat(Sampling(), 2))
    _, params = net.init(jax.random.key(0), (3,))
    assert net.always_training
    assert not jn.serial(jn.Dense(3), jn.Dropout(0.5)).always_training
    with raises_text(ArgumentError, "draws random numbers: give apply a key"):
        net.apply(params, X)
    drawn = [net.apply(params, X, key=jax.random.key(n)) for n in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.all(drawn[0] != drawn[2])
    layer = Sampling()
    assert np.all(layer(X) != layer(X))


def test_outside_of_a_call_seeds_are_what_keras_says():
    generator = random.SeedGenerator(3)
    drawn = [random.normal((4,), seed=generator) for _ in range(2)]
    assert np.all(drawn[0] != drawn[1])
    again = random.SeedGenerator.from_config(generator.get_config())
    np.testing.assert_array_equal(random.normal((4,), seed=again), drawn[0])
    jn.utils.set_random_seed(0)
    assert np.all(random.normal((4,)) != random.normal((4,)))
    rows = np.arange(12).reshape(6, 2)
    mixed = random.shuffle(rows, seed=1)
    assert np.any(mixed != rows)
    np.testing.assert_array_equal(mixed[:, 1] - mixed[:, 0], 1)
    kept = random.dropout(X, 0.5, noise_shape=(None, 1), seed=1)
    assert set(np.unique(kept)) == {0.0, 2.0}
    assert np.all(np.ptp(kept, axis=1) == 0.0)
    with raises_text(ArgumentError, "would be the same at each call"):
        jax.jit(lambda x: x + random.normal((3,)))(jnp.ones(3))
    for seed in (-1, 1.5, "one"):
        with raises_text(ArgumentError, "seed must be an integer in [0, 2**32)"):
            random.normal((2,), seed=seed)
    for logits in (np.ones(5), np.ones((5, 5, 5))):
        with raises_text(ArgumentError, f"(rows, classes), not {logits.shape}"):
            random.categorical(logits, 2, seed=1)


MANY = 1_000_000
KEY = jax.random.key(1)
NOISE, DROPOUT = jn.layers.GaussianNoise(1.0), jn.layers.GaussianDropout(0.5)
DRAWN = {
    "normal": (lambda dtype: random.normal(MANY, dtype=dtype, seed=1), 0, 1),
    "truncated": (
        lambda dtype: random.truncated_normal(MANY, dtype=dtype, seed=1),
        0,
        0.87962566,
    ),
    "uniform": (
        lambda dtype: random.uniform(MANY, -1.0, 1.0, dtype=dtype, seed=1),
        0,
        3**-0.5,
    ),
    "gamma": (lambda dtype: random.gamma(MANY, 4.0, dtype=dtype, seed=1), 4, 2),
    "RandomNormal": (
        lambda dtype: initializers.RandomNormal(0.0, 1.0)(KEY, (1000, 1000), dtype),
        0,
        1,
    ),
    "RandomUniform": (
        lambda dtype: initializers.RandomUniform(-1.0, 1.0)(KEY, (1000, 1000), dtype),
        0,
        3**-0.5,
    ),
    "lecun_normal": (
        lambda dtype: initializers.get("lecun_normal")(KEY, (1000, 1000), dtype),
        0,
        1000**-0.5,
    ),
    "he_uniform": (
        lambda dtype: initializers.get("he_uniform")(KEY, (1000, 1000), dtype),
        0,
        500**-0.5,
    ),
    "GaussianNoise": (
        lambda dtype: NOISE.apply({}, jnp.zeros(MANY, dtype), key=KEY, training=True),
        0,
        1,
    ),
    "GaussianDropout": (
        lambda dtype: DROPOUT.apply({}, jnp.ones(MANY, dtype), key=KEY, training=True),
        1,
        1,
    ),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", DRAWN)
def test_numbers_of_few_digits_have_the_moments_asked_for(name):
    """In bfloat16 JAX itself draws one of 128, and their mean is off by a hundredth."""
    draw, mean, deviation = DRAWN[name]
    drawn = draw("bfloat16")
    assert drawn.dtype == jnp.bfloat16
    values = np.asarray(drawn, np.float64)
    assert len(np.unique(values)) > 500
    assert abs(values.mean() - mean) < 5 * deviation / MANY**0.5
    assert values.std() == pytest.approx(deviation, rel=0.01)


def test_rounding_never_gives_the_end_that_is_no_part():
    drawn = np.asarray(random.uniform(MANY, 1.0, 2.0, "bfloat16", seed=1), np.float64)
    assert (drawn.min(), drawn.max()) == (1.0, 2.0 - 2**-7)


@pytest.mark.slow
def test_each_of_many_equal_classes_is_drawn_whatever_the_dtype_of_logits():
    logits = np.zeros((1, 1000), jnp.bfloat16)
    drawn = np.asarray(random.categorical(logits, 20_000, seed=1))
    assert np.mean(drawn < 100) == pytest.approx(0.1, abs=0.01)
    assert np.mean(drawn >= 900) == pytest.approx(0.1, abs=0.01)

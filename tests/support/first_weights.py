"""The weights that Keras's layers begin with, drawn by NumPy.

JAX compiles a program for each shape that Keras draws, a tenth of a second of many
tests; most of them set other weights at once.
"""

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

Shape = tuple[int, ...]


def _array(values: Any, dtype: Any) -> jax.Array:
    return jax.numpy.asarray(np.asarray(values, dtype or "float32"))


def _normal(
    shape: Shape,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | None = None,
) -> jax.Array:
    draw = np.random.default_rng(seed).normal(mean, stddev, shape)
    return _array(draw, dtype)


def _truncated_normal(
    shape: Shape, mean: float, stddev: float, dtype: Any, seed: int
) -> jax.Array:
    """Drawn again where further than two standard deviations from the mean."""
    generator = np.random.default_rng(seed)
    draw = generator.normal(size=shape)
    while np.any(far := abs(draw) > 2.0):
        draw[far] = generator.normal(size=int(far.sum()))
    return _array(mean + stddev * draw, dtype)


def _uniform(
    shape: Shape, minval: float, maxval: float, dtype: Any, seed: int
) -> jax.Array:
    draw = np.random.default_rng(seed).uniform(minval, maxval, shape)
    return _array(draw, dtype)


@contextlib.contextmanager
def drawn_by_numpy() -> Iterator[None]:
    """A block in which Keras's initializers do so, the same of the same seed."""
    from keras.src.initializers import random_initializers

    own: Any = random_initializers.random
    random_initializers.random = types.SimpleNamespace(
        make_default_seed=own.make_default_seed,
        SeedGenerator=own.SeedGenerator,
        normal=_normal,
        truncated_normal=_truncated_normal,
        uniform=_uniform,
    )
    try:
        yield
    finally:
        random_initializers.random = own

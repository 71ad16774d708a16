"""Random numbers by Keras's names: for layers, losses and data of one's own.

A ``seed`` that is a number gives the same numbers at each call, those that Keras gives
on JAX. A `SeedGenerator`, and None, which stands for one that all share, give others at
each call. Within ``call`` of a layer or a model both draw from the key that it is
called with: each step draws anew, and a run that is repeated or resumed draws the same.

Source: https://keras.io/api/random/

>>> from jaxnet_mini import random
>>> random.normal((2,), seed=1).tolist() == random.normal((2,), seed=1).tolist()
True
>>> generator = random.SeedGenerator(1)
>>> first, second = (random.uniform((), seed=generator) for _ in range(2))
>>> bool(first == second)
False
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base import seeds
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.core.types import RandomKey
from jaxnet_mini.errors import ArgumentError

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

_WITHIN: ContextVar[Callable[[], RandomKey] | None] = ContextVar("keys", default=None)


class SeedGenerator:
    """What gives other random numbers at each call, see `jaxnet_mini.random`.

    Args:
        seed: an integer in [0, 2**32); the default seed where there is none.
        name: for whoever reads it.

    Raises:
        ArgumentError: one is none of these.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.seed = None if seed is None else seeds.check_seed(seed)
        self.name = None if name is None else check_word("name", name)

    @functools.cached_property
    def _drawn(self) -> int:  # passed over by what tells layers apart
        return 0

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make such a generator again."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SeedGenerator":
        """Return a generator made of what `get_config` returned."""
        return cls(**config)

    def key(self) -> RandomKey:
        """Return the next key outside of a call."""
        number = vars(self)["_drawn"] = self._drawn + 1
        return _key_of(seeds.or_default(self.seed), number - 1)

    def __repr__(self) -> str:
        return f"SeedGenerator({'' if self.seed is None else self.seed})"


_SHARED = SeedGenerator()


def _key_of(*numbers: int) -> RandomKey:
    """Return the key that Keras makes of a seed and of how many were drawn before."""
    data = jnp.array(numbers, jnp.uint32)
    return jax.random.wrap_key_data(data, impl="threefry2x32")


@contextlib.contextmanager
def drawing(keys: Callable[[], RandomKey]) -> Iterator[None]:
    """Let all that is drawn here come from keys that a function gives."""
    before = _WITHIN.set(keys)
    try:
        yield
    finally:
        _WITHIN.reset(before)


def within() -> RandomKey | None:
    """Return a key of the step that draws, see `drawing`; None outside of one."""
    keys = _WITHIN.get()
    return keys and keys()


def next_key(seed: Any = None) -> RandomKey:
    """Return the key that a ``seed`` stands for.

    Raises:
        ArgumentError: it is none, or the numbers would become constants of a program.
    """
    if not (seed is None or isinstance(seed, SeedGenerator)):
        return _key_of(seeds.check_seed(seed), 0)
    within = _WITHIN.get()
    if within is not None:
        own = getattr(seed, "seed", None)
        return within() if own is None else jax.random.fold_in(within(), own)
    key = (seed or _SHARED).key()
    if isinstance(key, jax.core.Tracer):
        raise ArgumentError(
            "random numbers are drawn in a function that is compiled, and would be the "
            "same at each call of it: draw them in call of a layer of your own, or by "
            "jax.random from a key that is an argument."
        )
    return key


def drawn_as(number: int, key: RandomKey | None, owner: str) -> RandomKey:
    """Return the key of what is drawn in a call as its ``number``-th.

    Raises:
        ArgumentError: ``owner``, which draws, is called without a key.
    """
    if key is None:
        raise ArgumentError(
            f"{owner} draws random numbers: give apply a key, for example "
            "key=jax.random.key(0)."
        )
    return jax.random.fold_in(key, number)


def _dtype(dtype: Any) -> Any:
    return jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return normal numbers of a mean and a standard deviation."""
    kind = _dtype(dtype)
    drawn = jax.random.normal(next_key(seed), tuple(shape), kind)
    return drawn * _as(stddev, kind) + _as(mean, kind)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return normal numbers, none further than 2 ``stddev`` from the mean."""
    kind = _dtype(dtype)
    drawn = jax.random.truncated_normal(next_key(seed), -2.0, 2.0, tuple(shape), kind)
    return drawn * _as(stddev, kind) + _as(mean, kind)


def uniform(
    shape: Any,
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return numbers in [minval, maxval), all as likely."""
    limits = jnp.asarray(minval), jnp.asarray(maxval)
    return jax.random.uniform(next_key(seed), tuple(shape), _dtype(dtype), *limits)


def randint(
    shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None
) -> Array:
    """Return integers in [minval, maxval), all as likely."""
    limits = jnp.asarray(minval), jnp.asarray(maxval)
    return jax.random.randint(next_key(seed), tuple(shape), *limits, _dtype(dtype))


def categorical(
    logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None
) -> Array:
    """Return indices of classes, ``(rows, num_samples)``, of ``(rows, classes)``.

    Raises:
        ArgumentError: the logits have other axes.
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise ArgumentError(
            f"logits must be of shape (rows, classes), not {logits.shape}: a single "
            "row is logits[None]."
        )
    shape = (logits.shape[0], num_samples)
    drawn = jax.random.categorical(next_key(seed), logits[..., None], 1, shape)
    return drawn.astype(_dtype(dtype))


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Return inputs of which a share is 0, and the others are divided by the rest.

    Args:
        inputs: an array.
        rate: the share, in [0, 1).
        noise_shape: 1 for each axis along which all are kept or none.
        seed: see `jaxnet_mini.random`.
    """
    inputs, kept = jnp.asarray(inputs), 1.0 - rate
    asked = noise_shape or inputs.shape
    shape = [own or size for own, size in zip(asked, inputs.shape, strict=True)]
    keep = jax.random.bernoulli(next_key(seed), kept, shape)
    return jnp.where(keep, inputs / kept, jnp.zeros_like(inputs))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Array:
    """Return an array in another order along an axis."""
    return jax.random.permutation(next_key(seed), jnp.asarray(x), axis)


def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Array:
    """Return how many of ``counts`` trials of some probabilities succeed."""
    given = _as(counts, _dtype(dtype)), _as(probabilities, _dtype(dtype))
    return jax.random.binomial(next_key(seed), *given, tuple(shape), _dtype(dtype))


def beta(
    shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None
) -> Array:
    """Return numbers of the beta distribution."""
    given = _as(alpha, _dtype(dtype)), _as(beta, _dtype(dtype))
    return jax.random.beta(next_key(seed), *given, tuple(shape), _dtype(dtype))


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Return numbers of the gamma distribution."""
    own = _as(alpha, _dtype(dtype))
    return jax.random.gamma(next_key(seed), own, tuple(shape), _dtype(dtype))


def _as(value: Any, dtype: Any) -> Array:
    return jnp.asarray(value).astype(dtype)

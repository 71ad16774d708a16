"""Random numbers by Keras's names: for layers, losses and data of one's own.

A ``seed`` that is a number gives the same numbers at each call, those that Keras gives
on JAX; in bfloat16 and float16, of which JAX itself draws few and with another mean,
those of float32, rounded. A `SeedGenerator`, and None, which stands for one that all
share, give others at each call. Within ``call`` of a layer or a model both draw from
the key that it is called with: each step draws anew, and a run that is repeated or
resumed draws the same.

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
import numpy as np
from jax import Array

from jaxnet_mini.base import seeds
from jaxnet_mini.base.arguments import check_count, check_word
from jaxnet_mini.core.draws import rounded, uniform_of
from jaxnet_mini.core.precision import widened
from jaxnet_mini.core.types import RandomKey, as_array, as_dtype, as_sizes
from jaxnet_mini.errors import ArgumentError, short

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


def _numbers(
    argument: str,
    value: Any,
    shape: tuple[int, ...],
    words: str,
    fits: Callable[[Any], Any],
) -> Any:
    """Return a number or an array of them; those of a tracing are not looked at.

    Args:
        argument: what messages call it.
        value: what was given.
        shape: what it is to broadcast with.
        words: what messages say of it.
        fits: whether it, or each of them, is as they say.

    Raises:
        ArgumentError: one does not fit, or they do not broadcast.
    """
    try:
        known = np.asarray(value)
        fit = known.dtype.kind not in "bcOSU" and bool(np.all(fits(known)))
    except jax.errors.TracerArrayConversionError:
        fit = True
    except (TypeError, ValueError):  # rows of several lengths, or no numbers
        fit = False
    if not fit:
        raise ArgumentError(f"{argument} must be {words}, not {short(value)}.")
    try:
        np.broadcast_shapes(np.shape(value), shape)
    except ValueError:
        raise ArgumentError(
            f"{argument} is of shape {np.shape(value)}, and numbers of shape {shape} "
            "are asked for: give one number, or one for each."
        ) from None
    return value


_finite = functools.partial(_numbers, words="finite numbers", fits=np.isfinite)
_above_0 = functools.partial(
    _numbers, words="finite numbers above 0", fits=lambda v: np.isfinite(v) & (v > 0)
)
_not_negative = functools.partial(
    _numbers,
    words="finite numbers of at least 0",
    fits=lambda v: np.isfinite(v) & (v >= 0),
)
_shares = functools.partial(
    _numbers, words="numbers in [0, 1]", fits=lambda v: (v >= 0.0) & (v <= 1.0)
)


def _axes(argument: str, value: Any) -> tuple[int, ...]:
    """Return the shape of an array before anything is computed."""
    try:
        return np.shape(value)
    except ValueError:  # rows of several lengths
        return as_array(argument, value).shape


def _is_share(value: Any) -> bool:
    return bool(value.ndim == 0 and 0.0 <= value <= 1.0)


def _check_limits(minval: Any, maxval: Any, shape: tuple[int, ...], least: int) -> None:
    """Check the bounds of what is drawn, ``least`` apart or more.

    Raises:
        ArgumentError: they are not.
    """
    _finite("minval", minval, shape)
    _finite("maxval", maxval, shape)
    with contextlib.suppress(jax.errors.TracerArrayConversionError):
        if np.any(np.asarray(minval) + least > np.asarray(maxval)):
            raise ArgumentError(
                f"minval is {short(minval)} and maxval {short(maxval)}: give the "
                "smaller one first; maxval itself is never drawn."
            )


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return normal numbers of a mean and a standard deviation."""
    kind, size = as_dtype(dtype), as_sizes(shape)
    width = _not_negative("stddev", stddev, size)
    middle = _finite("mean", mean, size)
    key = next_key(seed)

    def draw(wide: Any) -> Array:
        drawn = jax.random.normal(key, size, wide)
        return drawn * jnp.asarray(width, wide) + jnp.asarray(middle, wide)

    return rounded(draw, kind)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return normal numbers, none further than 2 ``stddev`` from the mean."""
    kind, size = as_dtype(dtype), as_sizes(shape)
    width = _not_negative("stddev", stddev, size)
    middle = _finite("mean", mean, size)
    key = next_key(seed)

    def draw(wide: Any) -> Array:
        drawn = jax.random.truncated_normal(key, -2.0, 2.0, size, wide)
        return drawn * jnp.asarray(width, wide) + jnp.asarray(middle, wide)

    return rounded(draw, kind)


def uniform(
    shape: Any,
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return numbers in [minval, maxval), all as likely."""
    kind, size = as_dtype(dtype), as_sizes(shape)
    _check_limits(minval, maxval, size, 0)
    return uniform_of(next_key(seed), size, kind, minval, maxval)


def randint(
    shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None
) -> Array:
    """Return integers in [minval, maxval), all as likely."""
    kind, size = as_dtype(dtype, jnp.integer), as_sizes(shape)
    _check_limits(minval, maxval, size, 1)
    limits = as_array("minval", minval), as_array("maxval", maxval)
    return jax.random.randint(next_key(seed), size, *limits, kind)


def categorical(
    logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None
) -> Array:
    """Return indices of classes, ``(rows, num_samples)``, of ``(rows, classes)``.

    Raises:
        ArgumentError: the logits have other axes.
    """
    kind, axes = as_dtype(dtype, jnp.integer), _axes("logits", logits)
    if len(axes) != 2:
        raise ArgumentError(
            f"logits must be of shape (rows, classes), not {axes}: a single row is "
            "logits[None]."
        )
    shape = (axes[0], check_count("num_samples", num_samples))
    # In bfloat16 the first of many classes would be drawn far too often.
    given = widened(as_array("logits", logits))
    drawn = jax.random.categorical(next_key(seed), given[..., None], 1, shape)
    return drawn.astype(kind)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Return inputs of which a share is 0, and the others are divided by the rest.

    Args:
        inputs: an array.
        rate: the share, in [0, 1]; 1 leaves zeros alone, as in Keras.
        noise_shape: 1 for each axis along which all are kept or none.
        seed: see `jaxnet_mini.random`.

    Raises:
        ArgumentError: ``rate`` is no such number, or ``noise_shape`` does not fit.
    """
    _numbers("rate", rate, (), "a number in [0, 1]", _is_share)
    kept, axes = 1.0 - rate, _axes("inputs", inputs)
    asked = axes if noise_shape is None else noise_shape
    asked = asked if isinstance(asked, tuple | list) else ()
    pairs = [*zip(asked, axes, strict=False)]
    if len(asked) != len(axes) or any(own not in (1, None, n) for own, n in pairs):
        raise ArgumentError(
            f"noise_shape must have 1 or the whole length for each axis of inputs of "
            f"shape {axes}, not {noise_shape!r}."
        )
    inputs = as_array("inputs", inputs)
    shape = [own or size for own, size in pairs]
    keep = jax.random.bernoulli(next_key(seed), kept, shape)
    return jnp.where(keep, inputs / kept, jnp.zeros_like(inputs))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Array:
    """Return an array in another order along an axis.

    Raises:
        ArgumentError: it has no such axis.
    """
    x = x if isinstance(x, np.ndarray) else as_array("x", x)
    rank = np.ndim(x)  # asked before anything is computed
    if not -rank <= check_count("axis", axis, -rank) < rank:
        raise ArgumentError(f"axis is {axis}, and x has the shape {np.shape(x)}.")
    return jax.random.permutation(next_key(seed), as_array("x", x), axis)


def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Array:
    """Return how many of ``counts`` trials of some probabilities succeed."""
    kind, size = as_dtype(dtype), as_sizes(shape)
    trials = _not_negative("counts", counts, size)
    share = _shares("probabilities", probabilities, size)
    key = next_key(seed)

    def draw(wide: Any) -> Array:
        given = jnp.asarray(trials, wide), jnp.asarray(share, wide)
        return jax.random.binomial(key, *given, size, wide)

    return rounded(draw, kind)


def beta(
    shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None
) -> Array:
    """Return numbers of the beta distribution."""
    kind, size = as_dtype(dtype), as_sizes(shape)
    first = _above_0("alpha", alpha, size)
    second = _above_0("beta", beta, size)
    key = next_key(seed)

    def draw(wide: Any) -> Array:
        given = jnp.asarray(first, wide), jnp.asarray(second, wide)
        return jax.random.beta(key, *given, size, wide)

    return rounded(draw, kind)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Return numbers of the gamma distribution."""
    kind, size = as_dtype(dtype), as_sizes(shape)
    own = _above_0("alpha", alpha, size)
    key = next_key(seed)

    def draw(wide: Any) -> Array:
        return jax.random.gamma(key, jnp.asarray(own, wide), size, wide)

    return rounded(draw, kind)

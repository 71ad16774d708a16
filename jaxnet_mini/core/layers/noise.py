"""Layers that draw random numbers in training and pass their inputs on otherwise.

Inputs and outputs are of one shape, ``(batch, ...)``; ``apply`` takes a ``key`` for
what is drawn.
"""

import abc
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core.draws import rounded
from jaxnet_mini.core.fields import Checked, Newer, NotNegative, Seed
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.types import Params, RandomKey, as_float
from jaxnet_mini.errors import ArgumentError


@dataclass(frozen=True, repr=False)
class RandomLayer(Base, abc.ABC):
    """The base of these layers.

    Args:
        seed: a whole number of at least 0 that is mixed into the ``key``, so that
            layers of different seeds draw different numbers from one; None for none.

    Raises:
        ArgumentError: ``apply`` in training without a ``key``, or ``seed`` is none.
    """

    strength_field: ClassVar[str]
    """The field that is the `strength`."""

    _: KW_ONLY
    seed: Newer[Seed] = None

    @property
    def strength(self) -> float | Array:
        """How much is changed in training; 0.0 for nothing."""
        strength: float | Array = getattr(self, self.strength_field)
        return strength

    @abc.abstractmethod
    def disturb(self, key: RandomKey, x: Array) -> Array:
        """Return float inputs changed at random."""

    def apply(
        self,
        params: Params,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Array:
        # A number that is traced may be 0 in one call of a program and not in another.
        known = is_number(self.strength)
        if not training or (known and self.strength == 0.0):
            return x
        if key is None:
            raise ArgumentError(
                f"{self!r} draws random numbers in training: give apply a key, for "
                "example key=jax.random.key(0)."
            )
        if self.seed is not None:
            key = jax.random.fold_in(key, self.seed)
        return self.disturb(key, as_float(x))


def _check_rate(argument: str, value: Any) -> Any:
    if not is_number(value) or not 0.0 <= value < 1.0:
        raise ArgumentError(
            f"{argument} is the share of inputs to drop, in [0, 1), not {value!r}."
        )
    return value


@dataclass(frozen=True, repr=False)
class Dropout(RandomLayer):
    """Set a share of the inputs to 0 in training and scale the others up.

    Args:
        rate: the share that is dropped, in [0, 1); the rest is divided by 1 - rate.

    Raises:
        ArgumentError: ``rate`` is no number in [0, 1), or ``apply`` in training got no
            ``key``.

    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html

    >>> layer, x = Dropout(0.5), jnp.ones((1, 4))
    >>> layer.apply({}, x)
    Array([[1., 1., 1., 1.]], dtype=float32)
    >>> y = layer.apply({}, x, key=jax.random.key(0), training=True)
    >>> bool(jnp.all((y == 0.0) | (y == 2.0)))
    True
    """

    rate: Annotated[float, Checked(_check_rate)]
    strength_field = "rate"

    def disturb(self, key: RandomKey, x: Array) -> Array:
        keep = jax.random.bernoulli(key, 1.0 - self.rate, x.shape)
        return jnp.where(keep, x / (1.0 - self.rate), jnp.zeros_like(x))


class GaussianDropout(Dropout):
    """Multiply the inputs in training by normal numbers of mean 1.

    Their standard deviation, ``sqrt(rate / (1 - rate))``, is that of what `Dropout` of
    the same rate multiplies by.

    Args:
        rate: in [0, 1).

    Raises:
        ArgumentError: ``rate`` is no number in [0, 1), or ``apply`` in training got no
            ``key``.

    Source: Srivastava et al. 2014, section 10,
    https://jmlr.org/papers/v15/srivastava14a.html

    >>> layer, x = GaussianDropout(0.5), jnp.ones((1, 1000))
    >>> y = layer.apply({}, x, key=jax.random.key(0), training=True)
    >>> round(float(jnp.std(y)), 1)
    1.0
    """

    def disturb(self, key: RandomKey, x: Array) -> Array:
        deviation: float = (self.rate / (1.0 - self.rate)) ** 0.5
        return x * (1.0 + deviation * _normal(key, x))


class AlphaDropout(Dropout):
    """Set a share of the inputs to the limit of SELU, keeping mean and variance.

    For inputs of mean 0 and variance 1, as ``activation="selu"`` with
    ``kernel_initializer="lecun_normal"`` makes them: ``a * x + b`` of what is kept and
    ``a * s + b`` for what is dropped, with ``s = -1.7581``, SELU's limit for small
    inputs, ``a = ((1 - rate) (1 + rate s^2))^(-1/2)`` and ``b = -a s rate``.

    Args:
        rate: the share that is dropped, in [0, 1).

    Raises:
        ArgumentError: ``rate`` is no number in [0, 1), or ``apply`` in training got no
            ``key``.

    Source: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515

    >>> layer = AlphaDropout(0.5)
    >>> x = jax.random.normal(jax.random.key(1), (1, 10_000))
    >>> y = layer.apply({}, x, key=jax.random.key(0), training=True)
    >>> abs(round(float(jnp.mean(y)), 1)), round(float(jnp.std(y)), 1)
    (0.0, 1.0)
    """

    def disturb(self, key: RandomKey, x: Array) -> Array:
        kept = 1.0 - self.rate
        limit = -1.6732632423543772 * 1.0507009873554805
        scale: Any = (kept * (1.0 + self.rate * limit**2)) ** -0.5
        keep = jax.random.bernoulli(key, kept, x.shape)
        y: Array = scale * (jnp.where(keep, x, limit) - limit * self.rate)
        return y


@dataclass(frozen=True, repr=False)
class GaussianNoise(RandomLayer):
    """Add normal numbers of mean 0 to the inputs in training.

    Args:
        stddev: their standard deviation, at least 0.

    Raises:
        ArgumentError: ``stddev`` is no finite number of at least 0, or ``apply`` in
            training got no ``key``.

    Source: https://keras.io/api/layers/regularization_layers/gaussian_noise/

    >>> layer, x = GaussianNoise(0.5), jnp.ones((1, 1000))
    >>> y = layer.apply({}, x, key=jax.random.key(0), training=True)
    >>> round(float(jnp.std(y)), 1)
    0.5
    """

    stddev: NotNegative
    strength_field = "stddev"

    def disturb(self, key: RandomKey, x: Array) -> Array:
        return x + self.stddev * _normal(key, x)


def _normal(key: RandomKey, x: Array) -> Array:
    """Return normal numbers like an array."""
    return rounded(lambda wide: jax.random.normal(key, x.shape, wide), x.dtype)

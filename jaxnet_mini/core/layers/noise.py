"""Layers that draw random numbers in training and pass their inputs on otherwise."""

import abc
import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_number, is_number
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.types import Params, RandomKey, as_float
from jaxnet_mini.errors import ArgumentError


@dataclasses.dataclass(frozen=True, repr=False)
class Random(Base, abc.ABC):
    """The base of these layers.

    Raises:
        ArgumentError: ``apply`` in training without a ``key``.
    """

    @property
    @abc.abstractmethod
    def strength(self) -> float | Array:
        """How much is changed in training; 0.0 for nothing."""

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
        return self.disturb(key, as_float(x))


@dataclasses.dataclass(frozen=True, repr=False)
class Dropout(Random):
    """Set a share of the inputs to 0 in training and scale the others up.

    Args:
        rate: the share that is dropped, in [0, 1); the rest is divided by 1 - rate.

    Raises:
        ArgumentError: ``apply`` in training without a ``key``.

    Source: Srivastava et al. 2014.
    """

    rate: float

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        if not is_number(self.rate) or not 0.0 <= self.rate < 1.0:
            raise ArgumentError(
                f"rate is the share of inputs to drop, in [0, 1), not {self.rate!r}."
            )

    @property
    def strength(self) -> float | Array:
        return self.rate

    def disturb(self, key: RandomKey, x: Array) -> Array:
        keep = jax.random.bernoulli(key, 1.0 - self.rate, x.shape)
        return jnp.where(keep, x / (1.0 - self.rate), jnp.zeros_like(x))


@dataclasses.dataclass(frozen=True, repr=False)
class GaussianDropout(Dropout):
    """Multiply the inputs in training by normal numbers of mean 1.

    Their standard deviation, ``sqrt(rate / (1 - rate))``, is that of what `Dropout` of
    the same rate multiplies by.

    Args:
        rate: in [0, 1).

    Raises:
        ArgumentError: ``apply`` in training without a ``key``.

    Source: Srivastava et al. 2014, section 10.
    """

    def disturb(self, key: RandomKey, x: Array) -> Array:
        deviation: float = (self.rate / (1.0 - self.rate)) ** 0.5
        return x * (1.0 + deviation * jax.random.normal(key, x.shape, x.dtype))


@dataclasses.dataclass(frozen=True, repr=False)
class GaussianNoise(Random):
    """Add normal numbers of mean 0 to the inputs in training.

    Args:
        stddev: their standard deviation, at least 0.

    Raises:
        ArgumentError: ``apply`` in training without a ``key``.

    Source: https://keras.io/api/layers/regularization_layers/gaussian_noise/
    """

    stddev: float

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        check_number("stddev", self.stddev, least=0.0)

    @property
    def strength(self) -> float | Array:
        return self.stddev

    def disturb(self, key: RandomKey, x: Array) -> Array:
        return x + self.stddev * jax.random.normal(key, x.shape, x.dtype)

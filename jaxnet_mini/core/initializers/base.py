"""What initializers share: frozen values that are called with a key and a shape."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
from jax import Array

from jaxnet_mini.core.types import RandomKey, Shape
from jaxnet_mini.core.values import Value

Drawing: TypeAlias = Callable[..., Array]
"""``(key, shape) -> array``, which may take a ``dtype`` besides."""


@dataclasses.dataclass(frozen=True)
class Initializer(Value):
    """The base of the initializers: a frozen, hashable value.

    A subclass defines ``__call__(key, shape, dtype=float)``, which returns an array of
    that shape.
    """

    def __call__(self, key: RandomKey, shape: Shape, dtype: Any = float) -> Array:
        """Return an array of ``shape``.

        Args:
            key: of ``jax.random.key``.
            shape: of what is drawn.
            dtype: a float type, by default JAX's default one.
        """
        raise NotImplementedError


class Random(Initializer):
    """The base of the initializers that draw random numbers.

    Their last field is ``seed``: a whole number of at least 0, from which the same
    numbers are drawn whatever the key; None to draw them from the key that a network
    gives each of its layers.
    """

    seed: int | None

    def __call__(self, key: RandomKey, shape: Shape, dtype: Any = float) -> Array:
        if self.seed is not None:
            key = jax.random.key(self.seed, impl=jax.random.key_impl(key))
        return self.draw(key, tuple(shape), dtype)

    def draw(self, key: RandomKey, shape: Shape, dtype: Any) -> Array:
        """Return random numbers of a shape."""
        raise NotImplementedError

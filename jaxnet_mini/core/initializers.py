"""Initializers: Keras's names and defaults, JAX's functions.

Source: https://keras.io/api/layers/initializers/ and ``jax.nn.initializers``. Each is
called as ``initializer(key, shape)`` and returns an array of JAX's default float type.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import initializers

from jaxnet_mini.base.arguments import check_number, is_function
from jaxnet_mini.core.types import RandomKey, Shape
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError, find

__all__ = [
    "INITIALIZERS",
    "Constant",
    "Initializer",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "zeros",
]


Initializer: TypeAlias = Callable[..., Array]


def random_uniform(key: RandomKey, shape: Shape, dtype: Any = float) -> Array:
    """Draw uniformly from [-0.05, 0.05), Keras's range; JAX's own starts at 0."""
    return jax.random.uniform(key, shape, dtype, minval=-0.05, maxval=0.05)


@dataclasses.dataclass(frozen=True)
class Constant(Value):
    """Give every entry the same value.

    >>> Constant(0.5)(jax.random.key(0), (2,))
    Array([0.5, 0.5], dtype=float32)
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        check_number("Constant: value", self.value)

    def __call__(self, key: RandomKey, shape: Shape, dtype: Any = float) -> Array:
        """Return an array of ``shape``; ``key`` is not used."""
        return jnp.full(shape, self.value, dtype)


glorot_normal = initializers.glorot_normal()
glorot_uniform = initializers.glorot_uniform()
he_normal = initializers.he_normal()
he_uniform = initializers.he_uniform()
lecun_normal = initializers.lecun_normal()
lecun_uniform = initializers.lecun_uniform()
ones = initializers.ones
orthogonal = initializers.orthogonal()
random_normal = initializers.normal(0.05)
truncated_normal = initializers.truncated_normal(0.05)
zeros = initializers.zeros

INITIALIZERS: dict[str, Initializer] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "ones": ones,
    "orthogonal": orthogonal,
    "random_normal": random_normal,
    "random_uniform": random_uniform,
    "truncated_normal": truncated_normal,
    "zeros": zeros,
}


def get(initializer: str | Initializer) -> Initializer:
    """Return the function behind a Keras name; a callable stands for itself.

    Args:
        initializer: a name, or a callable of a key and a shape.

    Raises:
        UnknownNameError: no initializer has this name.
        ArgumentError: neither a name nor a callable.

    >>> get("zeros")(jax.random.key(0), (2,))
    Array([0., 0.], dtype=float32)
    """
    if isinstance(initializer, str):
        return find(INITIALIZERS, initializer, "initializer")
    if is_function(initializer):
        return initializer
    raise ArgumentError(
        f"an initializer must be a name or a callable, not {initializer!r}: "
        'write for example kernel_initializer="he_normal".'
    )

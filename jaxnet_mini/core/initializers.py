"""Initializers: Keras's names and defaults, JAX's functions.

Source: https://keras.io/api/layers/initializers/ and ``jax.nn.initializers``. Each is
called as ``initializer(key, shape)`` and returns an array of JAX's default float type.

A kernel of shape ``(features, units)`` has ``features`` inputs and ``units`` outputs;
of one with more axes each of the others multiplies both. Truncated normal numbers lie
within two standard deviations of the distribution that they are cut from.

- ``glorot_normal``: truncated normal of variance ``2 / (inputs + outputs)``
- ``glorot_uniform``: uniform in ``[-r, r)`` with ``r = sqrt(6 / (inputs + outputs))``
- ``he_normal``: truncated normal of variance ``2 / inputs``
- ``he_uniform``: uniform in ``[-r, r)`` with ``r = sqrt(6 / inputs)``
- ``lecun_normal``: truncated normal of variance ``1 / inputs``
- ``lecun_uniform``: uniform in ``[-r, r)`` with ``r = sqrt(3 / inputs)``
- ``ones``: 1
- ``orthogonal``: orthogonal columns of length 1, or rows where there are fewer
- ``random_normal``: normal of standard deviation 0.05
- ``random_uniform``: uniform in ``[-0.05, 0.05)``
- ``truncated_normal``: normal of standard deviation 0.05 within two of them
- ``zeros``: 0

Sources: Glorot & Bengio 2010, He et al. 2015, LeCun et al. 1998, Saxe et al. 2014.

>>> kernel = glorot_uniform(jax.random.key(0), (2, 1))
>>> kernel.shape, bool(jnp.all(jnp.abs(kernel) <= 2.0 ** 0.5))
((2, 1), True)
"""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import initializers

from jaxnet_mini.base.arguments import check_number, is_function
from jaxnet_mini.core.fields import checked
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
Named: TypeAlias = str | Initializer
"""What `get` takes: a name or the function itself."""


def random_uniform(key: RandomKey, shape: Shape, dtype: Any = float) -> Array:
    """Draw uniformly from [-0.05, 0.05), Keras's range; JAX's own starts at 0.

    Args:
        key: of ``jax.random.key``.
        shape: of what is drawn.
        dtype: a float type, by default JAX's default one.

    >>> bool(jnp.all(jnp.abs(random_uniform(jax.random.key(0), (9,))) <= 0.05))
    True
    """
    return jax.random.uniform(key, shape, dtype, minval=-0.05, maxval=0.05)


@dataclasses.dataclass(frozen=True)
class Constant(Value):
    """Give every entry the same value.

    Args:
        value: a finite number.

    Raises:
        ArgumentError: it is none.

    Source: https://keras.io/api/layers/initializers/

    >>> Constant(0.5)(jax.random.key(0), (2,))
    Array([0.5, 0.5], dtype=float32)
    """

    value: float = dataclasses.field(default=0.0, metadata=checked(check_number))

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
    name: globals()[name] for name in __all__ if name.islower() and name != "get"
}
"""The functions above by their names."""


def get(initializer: Named) -> Initializer:
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

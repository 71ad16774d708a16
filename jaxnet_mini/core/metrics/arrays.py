"""Arrays as sums and results want them: weighted, averaged, of JAX or of NumPy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.core.losses.functions import aligned
from jaxnet_mini.core.types import Float


def zeros(number: int, shape: tuple[int, ...] = ()) -> tuple[Array, ...]:
    """Return ``number`` arrays of JAX's default float, to start sums from."""
    dtype = jax.dtypes.canonicalize_dtype(float)
    return tuple(jnp.zeros(shape, dtype) for _ in range(number))


def numpy_of(array: Any) -> Any:
    """Return ``jax.numpy`` for a JAX array and ``numpy`` for all else.

    Results are computed on the host in float64, and within compiled steps by JAX.
    """
    return jnp if isinstance(array, Array) else np


def over(total: Any, count: Any) -> Any:
    """Return ``total / count``, 0 where ``count`` is 0; of JAX or NumPy arrays."""
    xp = numpy_of(count)
    nothing = count == 0.0
    return xp.where(nothing, 0.0, total / xp.where(nothing, 1.0, count))


def weighed(values: Array, weight: Array) -> Array:
    """Return values times weights of the same shape.

    What counts for nothing may hold anything, infinity too, and 0 times that is NaN.
    """
    return jnp.where(weight == 0.0, 0.0, values) * weight


def spread(y_true: Array, y_pred: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Return targets, outputs and one weight per output, all of one float shape."""
    y_true, y_pred = aligned(y_true, y_pred)
    weight = jnp.expand_dims(weight, tuple(range(weight.ndim, y_pred.ndim)))
    return y_true, y_pred, jnp.broadcast_to(weight, y_pred.shape)


def mean_per_row(values: Array) -> Float[Array, " batch"]:
    """Average every axis but the first."""
    return jnp.mean(values, axis=tuple(range(1, values.ndim)))

"""Draws in dtypes of few digits: from float32, rounded."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.types import RandomKey


def rounded(draw: Callable[[Any], Array], dtype: Any) -> Array:
    """Return what a function draws, in float32 at least, in a dtype.

    In bfloat16 JAX itself draws one of 128 numbers, and their mean is not 0.

    Args:
        draw: called with the dtype to draw in.
        dtype: of what is returned, a float type.
    """
    narrow = jnp.dtype(dtype).itemsize < 4
    return draw(jnp.float32).astype(dtype) if narrow else draw(dtype)


def uniform_of(
    key: RandomKey, shape: tuple[int, ...], dtype: Any, minval: Any, maxval: Any
) -> Array:
    """Return numbers in [minval, maxval) of a key, all as likely, see `rounded`."""
    drawn = rounded(
        lambda wide: jax.random.uniform(key, shape, wide, minval, maxval), dtype
    )
    if jnp.dtype(dtype).itemsize >= 4:
        return drawn
    # Rounding reaches the end that is no part.
    first, end = (jnp.asarray(own, dtype) for own in (minval, maxval))
    return jnp.minimum(drawn, jnp.nextafter(end, first))

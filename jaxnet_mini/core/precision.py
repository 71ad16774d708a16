"""Casts between the dtype of parameters and the one that layers compute in.

A policy is a name of `jaxnet_mini.base.policies`. Parameters stay as they are: what is
cast are copies that live as long as the step, and so gradients, which come back through
the cast, are of the parameters' own dtype.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxnet_mini.base.policies import COMPUTE_DTYPES


def cast(tree: Any, policy: str | None) -> Any:
    """Return arrays, the floats among them in what a policy computes in.

    Whole numbers and keys are never cast.

    >>> cast(jnp.ones(1), "mixed_bfloat16").dtype, cast(jnp.arange(1), None).dtype
    (dtype(bfloat16), dtype('int32'))
    """
    if policy is None:
        return tree
    dtype = jnp.dtype(COMPUTE_DTYPES[policy])
    return jax.tree.map(lambda x: x.astype(dtype) if _is_float(x) else x, tree)


def widened(tree: Any) -> Any:
    """Return arrays, the floats among them in float32 at least, for sums and losses."""

    def wide(x: Any) -> Any:
        return x.astype(jnp.float32) if _is_float(x) and x.dtype.itemsize < 4 else x

    return jax.tree.map(wide, tree)


def _is_float(x: Any) -> bool:
    return bool(jnp.issubdtype(x.dtype, jnp.floating))

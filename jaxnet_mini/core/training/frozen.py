"""Parameters taken apart by whether they are trained, and put together again."""

from typing import Any

import jax

from jaxnet_mini.core.types import Params


def split(params: Params, mask: Any) -> tuple[Params, Params]:
    """Return two trees: what is trained and what is frozen, None for the other's.

    JAX and optax pass over a None, and so the frozen ones have no gradient and no state
    of an optimizer. Where nothing is frozen, the first is ``params`` itself.

    Args:
        params: the parameters.
        mask: a tree like it, of True and False.

    >>> split({"kernel": 1.0, "bias": 2.0}, {"kernel": True, "bias": False})
    ({'bias': None, 'kernel': 1.0}, {'bias': 2.0, 'kernel': None})
    """
    if all(jax.tree.leaves(mask)):
        return params, None
    trained = jax.tree.map(lambda leaf, on: leaf if on else None, params, mask)
    frozen = jax.tree.map(lambda leaf, on: None if on else leaf, params, mask)
    return trained, frozen


def merged(trained: Params, frozen: Params) -> Params:
    """Return the parameters that `split` took apart."""
    if frozen is None:
        return trained

    def either(one: Any, other: Any) -> Any:
        return other if one is None else one

    return jax.tree.map(either, trained, frozen, is_leaf=lambda leaf: leaf is None)

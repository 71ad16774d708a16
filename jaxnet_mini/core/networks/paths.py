"""The leaves of a tree by their paths, such as ``dense/kernel``."""

from typing import Any

import jax


def by_path(tree: Any) -> dict[str, Any]:
    """Return the leaves of a tree by their paths, in JAX's order.

    >>> by_path({"dense": {"kernel": 1, "bias": 2}})
    {'dense/bias': 2, 'dense/kernel': 1}
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }

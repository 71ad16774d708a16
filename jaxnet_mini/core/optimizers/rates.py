"""Learning rates, read and changed in the state of a transformation."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.core.optimizers.base import OptimizerState
from jaxnet_mini.errors import StateError


def get_learning_rate(state: OptimizerState) -> Array:
    """Return the learning rate that ``state`` holds, a float scalar.

    Raises:
        StateError: none is in the state: it was built into the transformation.
    """
    found = optax.tree_utils.tree_get_all_with_path(state, "learning_rate")
    if not found:
        raise StateError(
            "the learning rate is built into this optax transformation: make it with "
            "optax.inject_hyperparams(optax.adam)(learning_rate=...), or give compile "
            "one of jaxnet_mini.optimizers, to read and to change it."
        )
    value: Array = found[0][1]
    return value


def set_learning_rate(state: OptimizerState, value: float | Array) -> OptimizerState:
    """Return ``state`` with another learning rate of the same dtype.

    Raises:
        StateError: none is in the state, see `get_learning_rate`; or a schedule sets
            it at every step.
    """
    held = get_learning_rate(state)
    found = optax.tree_utils.tree_get_all_with_path(state, "learning_rate")
    if any(not hasattr(entry, "dtype") for _, entry in found):
        raise StateError(
            "the learning rate follows a schedule, which sets it at every step: give "
            "the optimizer a number instead of the schedule to change it by hand."
        )
    new = jnp.full_like(held, value)

    # That of optax, tree_set, keeps what it is given until the garbage collector comes.
    def put(path: tuple[Any, ...], leaf: Array) -> Array:
        name = jax.tree_util.keystr(path[-1:], simple=True)
        return new if name == "learning_rate" else leaf

    return jax.tree_util.tree_map_with_path(put, state)

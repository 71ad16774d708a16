"""What layers in Keras's form give to ``add_loss``, on its way to the loss.

It comes out of ``update`` with what a layer remembers, under the name `ADDED`, from
whatever depth, and is taken out where the loss is made.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.types import State

ADDED = "/added"
"""Where a state that comes out of ``update`` has it."""


def without_added(state: State) -> tuple[State, Array | float]:
    """Return what layers remember, and the sum of what they add to the loss.

    The latter is 0.0, a number that is no array, where none does.

    >>> without_added({"a": {ADDED: jnp.array(2.0)}, "b": {"mean": 3.0}})[0]
    {'a': {}, 'b': {'mean': 3.0}}
    """
    if not isinstance(state, dict):
        return state, 0.0
    rest: dict[str, Any] = {}
    total: Array | float = 0.0
    for name, own in state.items():
        if name == ADDED:
            total = total + jnp.sum(own)  # one for each repetition of a layer
        else:
            rest[name], added = without_added(own)
            total = total + added
    return rest, total


def of_real_rows(
    values: Sequence[Array],
    by_row: Callable[[Any], Sequence[Array]],
    x: Any,
    mask: Array,
) -> Array:
    """Return the sum of values of a batch, as they were if it had no padding.

    That is known of sums and of means over the rows. Which of them a value is shows
    where each row is a batch by itself: then all of them add up to it, or to as many
    times it as there are rows. Only a batch with padding is looked at so.

    Args:
        values: of the whole batch, numbers.
        by_row: gives the same values for one row, without the batch axis.
        x: the batch.
        mask: ``(batch,)``, 0 for padding.
    """

    def one_by_one() -> Array:
        total = jnp.zeros_like(sum(values))
        real = mask.astype(total.dtype)
        for value, rows in zip(values, jax.vmap(by_row)(x), strict=True):
            in_all, own = jnp.sum(rows), jnp.sum(jnp.where(real > 0, rows, 0.0))
            is_sum = jnp.abs(value - in_all) < jnp.abs(value - in_all / len(rows))
            total = total + jnp.where(is_sum, own, own / jnp.sum(real))
        return total

    total: Array = jax.lax.cond(jnp.all(mask), lambda: sum(values), one_by_one)
    return total

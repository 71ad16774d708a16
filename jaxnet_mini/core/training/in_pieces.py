"""A step whose batch comes in pieces.

What a piece computes stays in the cache where that of a large batch does not.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import Partial

from jaxnet_mini.core.training.state import Batch, TrainState
from jaxnet_mini.core.training.update import step_key, updated
from jaxnet_mini.core.types import Float, Params, RandomKey
from jaxnet_mini.errors import ArgumentError


def counted(order: Any, last: Any) -> tuple[int, int, int]:
    """Return how many steps an order has, pieces each of them, and rows each of these.

    Args:
        order: see `jaxnet_mini.Trainer.loop`.
        last: the step before which to stop.

    Raises:
        ArgumentError: there is no such step, and it is known before the loop runs.
    """
    steps, rows = order.shape[0], order.shape[-1]
    if isinstance(last, int | np.integer) and last > steps:
        # A slice beyond the end would be the last one, again and again.
        raise ArgumentError(
            f"last={last} is beyond order, which has {steps} steps: give an order of "
            f"more steps, or end at {steps}."
        )
    return steps, order.reshape(steps, -1, rows).shape[1], rows


def step(
    trainer: Any,
    state: TrainState,
    batch: Callable[..., Batch],
    index: Array,
    pieces: int,
) -> tuple[TrainState, Any]:
    """Return the state after a step, and its sums.

    Args:
        trainer: whose step it is.
        state: before it.
        batch: returns a piece by its number, or as many as are asked for.
        index: of the step.
        pieces: how many it has.
    """
    key = step_key(state)
    entire = batch(index, pieces)
    whole: Any = entire.mask, entire.weight

    def piece(number: Array) -> tuple[Batch, RandomKey]:
        return batch(index * pieces + number), jax.random.fold_in(key, number)

    def sums_of(number: Array) -> tuple[Params, Any]:
        # Nothing is remembered: a layer that does looks at its whole batch.
        gradients, totals, _ = trainer.gradients_of(
            state.variables, *piece(number), whole
        )
        return gradients, totals

    def loss(trained: Params) -> Float[Array, ""]:
        def add(number: Array, total: Array) -> Any:
            part, key = piece(number)
            return total + trainer.loss_of(trained, state.variables, part, key, whole)

        none = jnp.zeros((), jax.dtypes.canonicalize_dtype(float))
        total: Array = jax.lax.fori_loop(0, pieces, add, none)
        return total

    gradients, totals = _added_up(sums_of, pieces)
    return updated(trainer, state, gradients, totals, loss), totals


def _added_up(function: Callable[[Array], Any], n: int) -> Any:
    """Return the sum of the trees that a function returns for 0 to ``n - 1``.

    Raises:
        ArgumentError: one has a batch for a metric, which is asked for whole ones.
    """
    like = jax.eval_shape(function, jnp.int32(0))
    for entry in jax.tree.leaves(like, is_leaf=lambda leaf: isinstance(leaf, Partial)):
        if isinstance(entry, Partial):
            folded: Any = entry.func
            raise ArgumentError(
                f"order has {n} pieces a step, and the metric "
                f"{folded.__self__.name!r} goes by whole batches in its update_state: "
                "give order the shape (steps, batch)."
            )
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)

    def add(number: Array, total: Any) -> Any:
        return jax.tree.map(jnp.add, total, function(number))

    return jax.lax.fori_loop(0, n, add, zeros)

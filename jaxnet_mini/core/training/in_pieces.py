"""A step whose batch comes in pieces.

What a piece computes stays in the cache where that of a large batch does not.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.training import own_step
from jaxnet_mini.core.training.state import Batch, TrainState
from jaxnet_mini.core.training.sums import added_up
from jaxnet_mini.core.types import Float, Params, RandomKey


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
    key = jax.random.fold_in(state.key, state.step)
    entire = batch(index, pieces)
    whole: Any = entire.mask, entire.weight

    def piece(number: Array) -> tuple[Batch, RandomKey]:
        return batch(index * pieces + number), jax.random.fold_in(key, number)

    def sums_of(number: Array) -> tuple[Params, Any]:
        # Nothing is remembered: a layer that does looks at its whole batch.
        gradients, totals, _ = trainer._gradients(
            state.variables, *piece(number), whole
        )
        return gradients, totals

    def loss(trained: Params) -> Float[Array, ""]:
        def add(number: Array, total: Array) -> Any:
            part, key = piece(number)
            return total + trainer._loss(trained, state.variables, part, key, whole)

        none = jnp.zeros((), jax.dtypes.canonicalize_dtype(float))
        total: Array = jax.lax.fori_loop(0, pieces, add, none)
        return total

    gradients, totals = added_up(sums_of, pieces)
    return own_step.updated(trainer, state, gradients, totals, loss), totals

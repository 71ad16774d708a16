"""Steps of a user's own: a pure function in place of gradient and update."""

import contextlib
import functools
import inspect
import itertools
from typing import Any, NamedTuple

import jax
from jax import Array

from jaxnet_mini.core import random
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.training.state import Batch, TrainState
from jaxnet_mini.core.training.totals import totals_of
from jaxnet_mini.core.training.update import step_key, updated
from jaxnet_mini.core.types import Float, Params, RandomKey, State
from jaxnet_mini.errors import ArgumentError

FIRST_KEY = 2**31
"""What is folded into a step's key for the first random numbers of its function."""


class Seen(NamedTuple):
    """What computing a loss gives besides, for `Step.update` alone.

    Attributes:
        totals: the sums of which logs are made.
        layer_state: what layers remember next.
        batch: the examples.
    """

    totals: dict[str, Any]
    layer_state: State
    batch: Batch


class Step(NamedTuple):
    """What a ``train_step`` computes with: the parts of the usual step.

    Attributes:
        trainer: whose step it is.
    """

    trainer: Any

    def loss(
        self, params: Params, state: TrainState, batch: Batch
    ) -> tuple[Float[Array, ""], Seen]:
        """Return the loss of a batch, with penalties, and what `update` wants.

        Random numbers are the same each time within a step.

        Args:
            params: at which it is computed, by which it can be differentiated.
            state: all else.
            batch: the examples; padding counts in nothing.
        """
        variables = state.variables._replace(params=params)
        total, rows, totals, remembered = totals_of(
            self.trainer.task, variables, batch, step_key(state), True
        )
        return total / rows, Seen(totals, remembered, batch)

    def update(
        self, state: TrainState, gradients: Params, seen: Seen
    ) -> tuple[TrainState, Seen]:
        """Return the state after the optimizer's step, and what is logged.

        Args:
            state: before it.
            gradients: a tree like ``state.params``.
            seen: of the loss that is to be logged.
        """
        trained, _ = self.trainer.split(gradients)
        loss = functools.partial(
            self.trainer.loss_of,
            variables=state.variables,
            batch=seen.batch,
            key=step_key(state),
        )
        after = updated(self.trainer, state, trained, seen.totals, loss)
        return after._replace(layer_state=seen.layer_state), seen


def check(train_step: Any) -> None:
    """Check that a function can be called as a step is.

    Raises:
        ArgumentError: it cannot.
    """
    if train_step is None:
        return
    try:
        inspect.signature(train_step).bind(None, None, None)
    except (TypeError, ValueError):
        raise ArgumentError(
            "train_step must be a pure function train_step(step, state, batch) that "
            f"returns step.update(state, gradients, seen), not {train_step!r}."
        ) from None


def drawing(key: RandomKey) -> contextlib.AbstractContextManager[None]:
    """Let a function draw random numbers from the key of its step."""
    numbers = itertools.count(FIRST_KEY)
    return random.drawing(lambda: jax.random.fold_in(key, next(numbers)))


def run(trainer: Any, state: TrainState, batch: Batch) -> tuple[TrainState, Any]:
    """Return the next state and the sums of a batch, by the trainer's function."""
    with drawing(step_key(state)):
        made = trainer.train_step(Step(trainer), state, batch)
    good = isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], Seen)
    if not (good and isinstance(made[0], TrainState)):
        raise ArgumentError(
            "train_step must return what step.update(state, gradients, seen) does, "
            f"the next state and what was seen, not {type(made).__name__}."
        )
    after, seen = made
    before, now = by_path(state), by_path(after)
    shapes = ({p: (v.shape, v.dtype) for p, v in of.items()} for of in (before, now))
    first, second = shapes
    if first != second:
        all_of_it = sorted(first.keys() | second.keys())
        path = next(path for path in all_of_it if first.get(path) != second.get(path))
        raise ArgumentError(
            f"train_step makes another kind of state, at {path!r}: keep the names, "
            "shapes and dtypes of the one that it is given."
        )
    return after, seen.totals

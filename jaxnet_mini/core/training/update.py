"""What ends each step: the optimizer's update of what is trained."""

from typing import Any

import jax
import optax

from jaxnet_mini.core import transformations
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.training import frozen
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.transformations import Loss
from jaxnet_mini.core.types import Params, RandomKey


def step_key(state: TrainState) -> RandomKey:
    """Return the key of the random numbers of the step that follows."""
    return jax.random.fold_in(state.key, state.step)


def updated(
    trainer: Any, state: TrainState, gradients: Params, totals: Any, loss: Loss
) -> TrainState:
    """Return a state after the optimizer's step; what layers remember is as it was.

    Args:
        trainer: whose optimizer it is.
        state: before it.
        gradients: of what is trained.
        totals: the sums of the batch.
        loss: of other parameters.
    """
    trained, rest = trainer.split(state.params)
    updates, optimizer_state = transformations.update(
        trainer.transformation,
        gradients,
        state.optimizer_state,
        trained,
        totals["loss"],
        loss,
    )
    new = frozen.merged(optax.apply_updates(trained, updates), rest)
    # What is frozen stays, whatever a layer makes of it.
    trained, _ = trainer.split(protocol.constrain(trainer.net, new))
    return state._replace(
        params=frozen.merged(trained, rest),
        optimizer_state=optimizer_state,
        step=state.step + 1,
    )

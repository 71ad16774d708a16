"""The state at the end of training, as a pure function."""

import jax
import jax.numpy as jnp

from jaxnet_mini.core.optimizers import options
from jaxnet_mini.core.training import frozen
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.trainer import Trainer


def finished(trainer: Trainer, state: TrainState) -> TrainState:
    """Return the state, with the average of the parameters where one is kept.

    Args:
        trainer: what was run.
        state: after the last step.
    """
    average = options.average_of(state.optimizer_state)
    if average is None:
        return state
    trained = trainer.trained(state.params)
    rest = jax.tree.map(
        lambda own, leaf: leaf if own is None else None,
        trained,
        state.params,
        is_leaf=lambda leaf: leaf is None,
    )
    copied = jax.tree.map(jnp.copy, average)  # whoever donates the state has two
    return state._replace(params=frozen.merged(copied, rest))

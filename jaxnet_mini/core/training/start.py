"""The state before the first step, as pure functions of a seed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.transformations import init
from jaxnet_mini.core.types import Layer


def untrained(net: Layer, input_shape: Any, seed: Array | np.uint32) -> TrainState:
    """Return a state that has parameters and no optimizer yet."""
    key = jax.random.key(seed)
    params, remembered = protocol.init(net, key, input_shape)
    return TrainState(params, None, key, jnp.zeros((), jnp.int32), remembered)


def fresh(trainer: Trainer, input_shape: Any, seed: Array | np.uint32) -> TrainState:
    """Return the state before the first step."""
    return trainer.init(jax.random.key(seed), input_shape)


def with_optimizer(trainer: Trainer, state: TrainState) -> TrainState:
    """Return the state with a fresh optimizer."""
    optimizer_state = init(trainer.optimizer, trainer.trained(state.params))
    return state._replace(optimizer_state=optimizer_state)

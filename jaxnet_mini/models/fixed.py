"""What training does not change of a model, handed on to others of the same layers."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxnet_mini.core.layers import Normalization
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.types import Variables
from jaxnet_mini.models import places, subclass
from jaxnet_mini.models.held import Held


def handed_on(held: Held, state: TrainState) -> TrainState:
    """Return a first state with what training does not change of a model.

    These are the weights of frozen layers, and what a `Normalization` was adapted to,
    as far as the model has them: those that were loaded, learned or set, or stand in
    another model that shares them.

    Args:
        held: what the model holds.
        state: of a model of the same layers, with new weights of its own.
    """
    if held.is_new:
        return state
    own: Any = held.state
    if own is None:
        own = places.read(state, held._places, {})
    net, (params, remembered) = held.blueprint.net, state.variables
    mask = protocol.trainable_mask(net, params)
    # Copied, since whoever trains may give a state's memory away.
    params = jax.tree.map(
        lambda new, old, on: new if on else jnp.array(old), params, own.params, mask
    )
    for path, part in subclass.located(held.blueprint):
        layer: Any = part.layer
        if isinstance(layer, Normalization) or not getattr(layer, "trainable", True):
            found = places.at(own.variables, path).state
            if jax.tree.leaves(found):
                copied = jax.tree.map(jnp.array, found)
                remembered = places.put(remembered, path, copied)
    return state.with_variables(Variables(params, remembered))

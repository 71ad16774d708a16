"""Layers that are asked for their weights by themselves, as in Keras.

The weights are those of a model that has the layer. One that stands nowhere is put
into a model of its own, which it keeps alive, and whose weights other models share.
"""

from typing import Any

import jax

from jaxnet_mini.core import random
from jaxnet_mini.core.layers import by_itself
from jaxnet_mini.core.types import Layer
from jaxnet_mini.errors import LayerError, StateError
from jaxnet_mini.models import places
from jaxnet_mini.models.handles import Handle
from jaxnet_mini.models.model import Model
from jaxnet_mini.models.sequential import Sequential


def handle(layer: Layer, input_shape: Any = None) -> Handle:
    """Return a layer as it stands in a model.

    Args:
        layer: which.
        input_shape: of one example, for a model of its own where there is no other.

    Raises:
        StateError: it stands in none, and no shape is given.
        LayerError: it stands in a layer of another kind, or its model is gone.
    """
    layer = places.latest(layer)
    place = places.of(layer)
    if place is None:
        if input_shape is None:
            raise StateError(
                f"{layer!r} has no weights yet: call it on data, layer(x), or put it "
                "into a model."
            )
        seed = int(jax.random.bits(random.next_key()))
        model = Sequential([layer], seed=seed)
        model.build((None, *input_shape))
        vars(layer)["_own_model"] = model
        return Handle(model, layer)
    for held in list(place.holders):
        if place in held._places.values():
            holder = object.__new__(Model)
            holder._held = held
            return Handle(holder, layer)
    raise LayerError(
        f"{layer!r} was the layer {place.name!r} of the model {place.model!r}, which "
        "is gone, or has it within a layer of another kind: its weights are that "
        "model's, model.get_weights()."
    )


by_itself.HANDLE.append(handle)

"""What a `Normalization` is adapted to in the models in which it stands."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jax import Array

from jaxnet_mini.core.types import Layer
from jaxnet_mini.errors import ShapeError
from jaxnet_mini.models import places
from jaxnet_mini.models.places import Path, Place


def adapt(place: Place, layer: Layer) -> bool:
    """Let models that share a layer take what it is adapted to; False if none does."""
    for holder, path in _holder(place):
        holder.adapt(path, layer)
        return True
    return False


def statistics(place: Place) -> Mapping[str, Any] | None:
    """Return what a `Normalization` has in models, None where it has nothing there."""
    for holder, path in _holder(place):
        if holder.state is None:
            layer: Any = dict(places.within(holder.blueprint.net))[path]
            found: Mapping[str, Any] | None = layer.found
            return found
        state: Mapping[str, Any] = places.at(holder.untrained().variables, path).state
        return state
    return None


def _holder(place: Place) -> list[tuple[Any, Path]]:
    """Return a model that has the layer, one with weights if any, and where it is.

    None where no model has it; what one has, all have.
    """
    holders = sorted(place.holders, key=lambda holder: holder.state is None)
    return [
        (holder, next(path for path, own in holder._places.items() if own is place))
        for holder in holders[:1]
    ]


def like(old: Array, new: Any, layer: Layer) -> Any:
    """Return statistics of the shape of others, which they may be broadcast to.

    Raises:
        ShapeError: they may not.
    """
    try:
        return np.broadcast_to(new, old.shape)
    except ValueError:
        raise ShapeError(
            f"{layer!r} was adapted to data with statistics of shape {new.shape}, and "
            f"in the model they are of {old.shape}: adapt it to what comes to it there."
        ) from None

"""Models of a user's own classes within others, as files have them."""

import dataclasses
from typing import Any

from jaxnet_mini.core.networks.graph import Node
from jaxnet_mini.core.networks.serial import Serial


def with_models_as_layers(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with models of a user's own classes as the layers that they are.

    Within another model such a one is a row of one layer, and written as that.

    Args:
        kind: the class of this library that takes the arguments.
        values: the arguments by name.
    """
    if kind is Node and "layer" in values:
        return values | {"layer": _layer(values["layer"])}
    layers = values.get("layers")
    if kind is not Serial or not isinstance(layers, tuple):
        return values
    found = tuple(map(_layer, layers))
    alone = len(found) == 1 and found[0] is not layers[0]
    return values | {"layers": found[0].layers if alone else found}


def _layer(value: Any) -> Any:
    if not hasattr(value, "_held"):
        return value
    return dataclasses.replace(value.net, name=value.name)

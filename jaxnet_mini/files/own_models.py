"""Layers and models of a user's own classes within others, as files have them."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import inspection
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


def as_row(entry: dict[str, Any], own: Collection[str]) -> dict[str, Any]:
    """Return what a file has of a model's only layer, as a row if it is a model itself.

    Alone it would be all of the model, and not a layer of it.

    Args:
        entry: the layer, as `jaxnet_mini.files.config` has it.
        own: the user's own classes, by name.
    """
    kind: Any = own.get(entry["class"]) if isinstance(own, Mapping) else None
    if not hasattr(kind, "net"):
        return entry
    name = entry["config"].get("name") or snake_case(kind.__name__)
    return {"class": "layers.Serial", "config": {"name": name, "layers": [entry]}}


def training_of(name: str | None, own: Collection[str]) -> Any:
    """Return what ``call`` of a class takes for ``training`` where nothing is said.

    Args:
        name: of the class; None for one of the library's.
        own: the user's own classes, by name.
    """
    kind = own.get(name) if isinstance(own, Mapping) else None
    return inspection.default_of(kind, "call", "training")


def _layer(value: Any) -> Any:
    if not hasattr(value, "_held"):
        return value
    return dataclasses.replace(value.net, name=value.name)

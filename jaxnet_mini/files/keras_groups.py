"""Where each weight stands in a file that Keras writes.

The layers of a network stand by class and number, such as ``layers/dense_1``. A layer
or a model of a user's own class has those inside it by its attributes: ``gate/hidden``,
or ``gate/blocks/dense_1`` in a list, the first in the order of the alphabet where one
stands in several; a model has all its layers under ``layers`` besides.

Source: https://github.com/keras-team/keras, ``keras/src/saving/saving_lib.py``.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core.networks import own_layers, weights
from jaxnet_mini.core.networks.graph import Graph
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.files import keras_graphs

COMPOSED: dict[type, str] = {Serial: "sequential", Graph: "functional"}
"""Networks of layers, by the names of Keras's classes."""


class LayerGroup(NamedTuple):
    """The group of a layer in a file, and the paths here of the arrays in it."""

    name: str
    paths: list[str]


def groups(
    outline: Iterable[LayerOutline], within: str = "layers"
) -> Iterator[LayerGroup]:
    """Yield the groups that Keras has for layers: by class and number.

    Those of layers inside others come after that of the other.

    Args:
        outline: of the layers.
        within: the group in which they stand.
    """
    classes: dict[str, int] = {}
    for part in outline:
        yield from _of_layer(part, f"{within}/{_numbered(part.layer, classes)}")


def of_model(outline: Iterable[LayerOutline]) -> Iterator[LayerGroup]:
    """Yield the groups of a whole model."""
    parts = list(outline)
    if len(parts) == 1 and is_model(parts[0].layer):
        return _of_attributes(parts[0], "")
    return groups(parts)


def is_model(layer: Any) -> bool:
    """Tell whether a layer is all that a model of a user's own class computes."""
    return own_layers.is_own(layer) and hasattr(layer, "written_as")


def inner(part: LayerOutline) -> Iterator[LayerOutline]:
    """Yield what is known of the layers inside another, in Keras's order."""
    net: Any = part.layer
    layers = dict(zip(net.names, net.layers, strict=True))
    graph = isinstance(net, Graph)
    for name in keras_graphs.layer_names(net) if graph else net.names:
        yield _part(part, name, layers[name])


def _part(part: LayerOutline, name: str, layer: Any) -> LayerOutline:
    params, state = part.params[name], part.state.get(name, {})
    return LayerOutline(f"{part.name}/{name}", layer, (), (), params, state)


def _numbered(layer: Any, classes: dict[str, int]) -> str:
    """Return the name of a layer by its class, with a number from the second on."""
    layer = alone(layer)
    kind: type = getattr(layer, "written_as", type(layer))
    base = COMPOSED.get(kind) or snake_case(kind.__name__)
    number = classes[base] = classes.get(base, -1) + 1
    return f"{base}_{number}" if number else base


def alone(layer: Any) -> Any:
    """Return what a model of a user's own class is, of the network that it is here."""
    inside = layer.layers if type(layer) is Serial else ()
    return inside[0] if len(inside) == 1 and is_model(inside[0]) else layer


def _of_layer(part: LayerOutline, name: str) -> Iterator[LayerGroup]:
    """Yield the group of a layer, and those of the layers inside it."""
    if alone(part.layer) is not part.layer:
        (part,) = inner(part)
    if own_layers.is_own(part.layer):
        yield from _of_attributes(part, f"{name}/")
    elif type(part.layer) in COMPOSED:
        yield LayerGroup(name, [])
        yield from groups(inner(part), f"{name}/layers")
    else:
        yield LayerGroup(name, list(weights.shapes([part])))


def _of_attributes(part: LayerOutline, within: str) -> Iterator[LayerGroup]:
    """Yield the groups of a layer in Keras's form, whose names begin with something."""
    layer: Any = part.layer
    looked = layer._looked
    specs = sorted(looked.specs.values(), key=lambda spec: not spec.trainable)
    yield LayerGroup(within[:-1], [f"{part.name}/{spec.name}" for spec in specs])
    places = dict(looked.places)
    if is_model(layer):
        places["layers"] = list(looked.parts)
    found: dict[str, str] = {}
    for name in sorted(places, key=lambda name: name.replace("_", "~", name[0] == "_")):
        _find(places[name], within + name, looked.parts, found)
    for name in looked.parts:
        if name in part.params:  # it is called
            yield from _of_layer(_part(part, name, looked.parts[name]), found[name])


def _find(
    value: Any, path: str, parts: Mapping[str, Any], found: dict[str, str]
) -> None:
    """Note where parts stand in an attribute, if they stand in none before."""
    if isinstance(value, str):
        found.setdefault(value, path)
    entries = value.values() if isinstance(value, dict) else value
    numbers: dict[str, int] = {}
    for entry in entries if isinstance(value, list | tuple | dict) else ():
        if isinstance(entry, str):
            found.setdefault(entry, f"{path}/{_numbered(parts[entry], numbers)}")
        elif entry is not None:
            number = numbers["container"] = numbers.get("container", -1) + 1
            own = f"container_{number}" if number else "container"
            _find(entry, f"{path}/{own}", parts, found)

"""Graphs of layers in the form of Keras's Functional, and back.

Keras counts the calls of each layer, its nodes; what a node takes stands beside it as
``[layer, node, 0]``.

Source: https://github.com/keras-team/keras, ``keras/src/models/functional.py``.
"""

import dataclasses
import graphlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks.graph import (
    Graph,
    call_name,
    names_in,
    put_together,
)
from jaxnet_mini.core.networks.order import by_depth, in_keras_order
from jaxnet_mini.core.networks.sources import (
    Arguments,
    Plain,
    Sources,
    arguments,
    encoded,
    filled,
    giver,
)
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.core.types import Shape
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.files import keras_steps
from jaxnet_mini.files.config import to_config
from jaxnet_mini.files.keras_values import is_own


def layer_names(net: Graph) -> list[str]:
    """Return the names of the layers of a graph in the order of Keras's ``layers``."""
    calls = {call.name: call for call in net.calls}
    sources = {name: _givers(call.sources) for name, call in calls.items()}
    layers = {name: call.weights for name, call in calls.items()}
    ends = [giver(name)[0] for name in in_keras_order(net.outputs)]
    order = by_depth(sources, layers, ends)
    return list(dict.fromkeys(layers[name] for name in order))


def functional(
    net: Graph,
    shapes: dict[str, Shape],
    layers: dict[str, dict[str, Json]],
    inputs: Callable[[str, Shape], dict[str, Json]],
) -> dict[str, Json]:
    """Return the arguments of Keras's Functional for a graph.

    Args:
        net: the graph.
        shapes: of its inputs and of what its nodes give, by name.
        layers: its layers as Keras writes them, by name.
        inputs: gives a layer for an input of a name and a shape.
    """
    starts = names_in(net.inputs)
    places: dict[str, list[Json]] = {name: [name, 0] for name in starts}
    nodes: dict[str, list[Json]] = {}

    def history(name: str) -> list[Json]:
        call, place = (name, 0) if name in places else giver(name)
        return [*places[call], place]

    def tensor(name: str) -> Json:
        shape = [None, *shapes[name]]
        config = {"shape": shape, "dtype": "float32", "keras_history": history(name)}
        return {"class_name": "__keras_tensor__", "config": config}

    for call in net.calls:
        own = nodes.setdefault(call.weights, [])
        places[call.name] = [call.weights, len(own)]
        if isinstance(call.layer, Operation):
            taken = [tensor(source) for source in names_in(call.sources)]
            own.append(keras_steps.node(call.layer, taken.__getitem__))
            continue
        args, kwargs = arguments(filled(call.sources, tensor))
        kwargs |= {} if call.training is None else {"training": call.training}
        own.append({"args": [*args], "kwargs": kwargs})
    written = [
        inputs(name, shapes[name]) | {"name": name, "inbound_nodes": []}
        for name in starts
    ]
    for name in layer_names(net):
        more = {"name": name, "inbound_nodes": nodes[name]}
        written.append(layers[name] | more)
    # In the form of Keras 3.4. Before, one tensor stood in a list, which comes back as
    # a list of one there and in the newest versions too, and is no input of a layer.
    return {
        "layers": written,
        "input_layers": put_together(net.inputs, {n: history(n) for n in starts}),
        "output_layers": put_together(
            net.outputs, {name: history(name) for name in names_in(net.outputs)}
        ),
    }


def _givers(names: Any) -> tuple[str, ...]:
    return tuple(giver(name)[0] for name in names_in(names))


def nodes_of(
    config: dict[str, Json],
    layer: Callable[[Json], Json],
    training_of: Callable[[Json], Any],
) -> tuple[list[dict[str, Json]], Json, Json]:
    """Return the nodes of our graph, its inputs and its outputs, of a Functional.

    Args:
        config: the arguments of Functional.
        layer: translates a layer.
        training_of: returns what a layer takes for ``training`` where nothing is said.
            Keras writes that as if it had been said, and ``fit`` goes by none of it.

    Raises:
        ArgumentError: it is none.
    """
    entries = config.get("layers")
    if not isinstance(entries, list) or not entries:
        raise ArgumentError("a Functional has no layers.")
    starts = input_names(config)
    several, ends = _giving_several(config), _places(config, "output_layers")
    calls = {
        call_name(_name(entry), index): (entry, *taken)
        for entry in entries
        for index, taken in enumerate(_calls(entry, several))
    }
    sources = {name: _givers(of) for name, (_, of, _) in calls.items()}
    layers = {name: _name(entry) for name, (entry, *_) in calls.items()}
    _check_order(sources, starts)
    _check_given(ends.values(), calls.keys())
    # Of several calls of a layer the first in order is the one that has it.
    named: dict[str, str] = dict(zip(starts, starts, strict=True))
    numbers: dict[str, int] = {}
    floats = {_name(entry): _is_float(entry) for entry in entries}

    def renamed(name: str) -> str:
        call, place = giver(name)
        return named[call] + (f"/{place}" if call != name else "")

    nodes = []
    for name in by_depth(sources, layers, _givers(tuple(ends.values()))):
        own, (entry, of, training) = layers[name], calls[name]
        index = numbers[own] = numbers.get(own, -1) + 1
        named[name] = call_name(own, index)
        floats[name] = all(floats[source] for source in sources[name])
        if keras_steps.is_step(entry):
            step = keras_steps.read(entry, lambda _: "")[0]
            inside = to_config(dataclasses.replace(step, floats=floats[name]))
            floats[name] = step.gives_floats
        else:
            inside = own if index else layer(entry)
        said = None if training is training_of(entry) else training
        node = {"name": named[name], "layer": inside, "training": said}
        node["sources"] = to_config(encoded(filled(of, renamed), str))
        nodes.append({"class": "layers.Node", "config": node})
    keyed = isinstance(_given(config, "output_layers"), dict)
    found = [*map(renamed, ends.values())]
    pairs = [[key, own] for key, own in zip(ends, found, strict=True)]
    outputs = pairs if keyed else found if len(found) > 1 else found[0]
    by_name = isinstance(_given(config, "input_layers"), dict)
    if by_name and [*_places(config, "input_layers")] != sorted(starts):
        return nodes, [[own, own] for own in starts], outputs
    return nodes, starts if len(starts) > 1 else starts[0], outputs


def _is_float(entry: Json) -> bool:
    """Tell whether the numbers that come to an input are taken as floats."""
    config = entry.get("config") if isinstance(entry, dict) else None
    dtype = config.get("dtype") if isinstance(config, dict) else None
    return "int" not in str(dtype)


def _check_order(sources: dict[str, tuple[str, ...]], starts: list[str]) -> None:
    """Check that there is an order in which each call comes after its sources.

    Raises:
        ArgumentError: there is none.
    """
    try:
        known = {*graphlib.TopologicalSorter(sources).static_order()}
        whole = known <= {*sources, *starts} and all(sources.values())
    except graphlib.CycleError:
        whole = False
    if not whole:
        raise ArgumentError("a Functional takes what none of its layers gives.")


def _name(entry: Json) -> str:
    """Return the name of a layer in a Functional, without spaces."""
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise ArgumentError("a layer of a Functional has no name.")
    return "_".join(name.split())


def _check_given(ends: Iterable[str], calls: Collection[str]) -> None:
    """Check that what a Functional gives is given by a layer of it."""
    for last in ends:
        if giver(last)[0] not in calls:
            raise ArgumentError(
                f"a Functional gives what no layer of it does, {last!r}."
            )


def input_names(config: dict[str, Json]) -> list[str]:
    """Return the names of the inputs of a Functional, in order."""
    return [*_places(config, "input_layers").values()]


def output_names(config: dict[str, Json]) -> list[str]:
    """Return what the outputs of a Functional are called, in order."""
    places = _places(config, "output_layers")
    keyed = isinstance(_given(config, "output_layers"), dict)
    return [*(places if keyed else _givers(tuple(places.values())))]


def by_output(names: Sequence[str], given: Json, where: str) -> Json:
    """Return what is given for several outputs in their order; all else as it is.

    Raises:
        ArgumentError: there is something for an output that is not there.
    """
    if not names or not isinstance(given, dict) or "class_name" in given:
        return given
    if not given.keys() <= {*names}:
        raise ArgumentError(f"{where} names outputs that are not there.")
    return [given.get(name) for name in names]


def _given(config: dict[str, Json], what: str) -> Json:
    """Return inputs or outputs; Keras before 3.4 has a list around a single one."""
    given = config.get(what)
    return [given] if _is_history(given) else given


def _places(config: dict[str, Json], what: str) -> dict[str, str]:
    """Return what inputs or outputs are called, by their keys or places.

    Keras goes through outputs in the order of their keys.
    """
    given = _given(config, what)
    if isinstance(given, dict) and what == "output_layers":
        given = dict(sorted(given.items()))
    if isinstance(given, list):
        given = {f"{number:06}": place for number, place in enumerate(given)}
    if not isinstance(given, dict) or not given:
        raise ArgumentError(f"a Functional has no {what.replace('_', ' ')}.")
    kind = f"{what.replace('_', ' ')} of another kind"
    several = _giving_several(config)
    return {key: _history(own, kind, several) for key, own in given.items()}


def _is_history(given: Json) -> bool:
    return isinstance(given, list) and list(map(type, given)) == [str, int, int]


def _history(given: Json, otherwise: str, several: frozenset[str]) -> str:
    """Return what an array is called that a call gives.

    Args:
        given: what Keras calls it.
        otherwise: what messages call it if Keras does not.
        several: the layers that may give several arrays.
    """
    if not _is_history(given):
        raise ArgumentError(f"a Functional has {otherwise}, which is not supported.")
    name = "_".join(given[0].split())
    if given[2] and name not in several:
        raise ArgumentError(f"{name!r} gives several outputs: that is not supported.")
    own = call_name(name, given[1])
    return f"{own}/{given[2]}" if name in several else own


def _giving_several(config: dict[str, Json]) -> frozenset[str]:
    """Return the names of the layers that may give several arrays."""
    entries = config.get("layers")
    entries = entries if isinstance(entries, list) else []
    return frozenset(_name(entry) for entry in entries if _gives_several(entry))


def _gives_several(entry: Json) -> bool:
    config = entry.get("config") if isinstance(entry, dict) else None
    ends = config.get("output_layers") if isinstance(config, dict) else None
    one = not isinstance(ends, dict | list) or _is_history(ends) or len(ends) == 1
    return is_own(entry) or keras_steps.gives_several(entry) or not one


def _calls(
    entry: Json, several: frozenset[str]
) -> Iterator[tuple[Sources, bool | None]]:
    """Yield for each call of a layer what it takes, by name, and ``training``."""
    if keras_steps.is_step(entry):
        _, names = keras_steps.read(entry, lambda value: _taken(value, several))
        yield names if len(names) > 1 else names[0], None
        return
    nodes = entry.get("inbound_nodes") if isinstance(entry, dict) else None
    for node in nodes if isinstance(nodes, list) else ():
        args: Any = node.get("args") if isinstance(node, dict) else None
        kept = node.get("kwargs") if isinstance(node, dict) else None
        kept = {**kept} if isinstance(kept, dict) else {"": kept}
        training = kept.pop("training", None)
        kept = {name: value for name, value in kept.items() if value is not None}
        odd = type(training) not in (bool, type(None)) or not isinstance(args, list)
        alone = not odd and len(args) == 1 and not any(kept.values())
        if odd or not (alone or is_own(entry)):
            raise ArgumentError(
                f"the layer {_name(entry)!r} is called with more than its inputs, "
                "which is not supported."
            )
        found = [_taken(value, several) for value in args]
        named = {name: _taken(value, several) for name, value in kept.items()}
        taken = found[0] if alone else Arguments(tuple(found), named)
        yield encoded(taken, str), training


def _taken(value: Json, several: frozenset[str]) -> Any:
    """Return what a call takes: names, in lists and dictionaries, and constants."""
    if isinstance(value, list):
        return tuple(_taken(entry, several) for entry in value)
    if not isinstance(value, dict):
        return Plain(value)
    kind, config = value.get("class_name"), value.get("config")
    if kind is None:
        return {name: _taken(entry, several) for name, entry in value.items()}
    config = config if isinstance(config, dict) else {}
    if kind == "__tuple__":
        return _taken(config.get("value"), several)
    return _history(config.get("keras_history"), "inputs of another kind", several)

"""Graphs of what was written by calling layers, see `jaxnet_mini.core.symbols`.

That says which call takes what; here calls are put in order and named.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax

from jaxnet_mini.core.layers import Input
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.graph import Graph, Node, call_name
from jaxnet_mini.core.networks.order import by_depth
from jaxnet_mini.core.networks.serial import unique_names
from jaxnet_mini.core.networks.sources import encoded, results
from jaxnet_mini.core.symbols import Symbol, called, is_symbolic
from jaxnet_mini.core.types import Layer
from jaxnet_mini.errors import ArgumentError

INPUT = "input_layer"
"""What an input without a name of its own is called, numbered from the second on."""


class Written(NamedTuple):
    """A network with what stands for what it takes and gives.

    Attributes:
        net: the layers.
        input_shape: of one example, of several inputs a tuple.
        inputs: the inputs in order.
        outputs: as `Composed.outputs_of` gives them.
        by_name: what each layer gives at its first call, and each input.
    """

    net: Composed
    input_shape: Any
    inputs: list[Symbol]
    outputs: Any
    by_name: dict[str, Any]


def written(net: Composed, input_shape: Any, given: Mapping[str, Any]) -> Written:
    """Return what stands for what the layers of a network take and give.

    Args:
        net: the layers.
        input_shape: of one example, of several inputs a tuple.
        given: each `Input` that there is, by its name.
    """
    inputs = {
        name: (given[name] if name in given else Input(shape, name=name or None)).symbol
        for name, shape in net.named_inputs(input_shape).items()
    }
    values = dict(inputs)
    for call in net.calls:
        values |= results(
            call.name, called(call.layer, call.inputs(values), call.training)
        )
    own = {call.name: values[call.name] for call in net.calls if call.owns} | inputs
    outputs = net.outputs_of(values)
    return Written(net, input_shape, list(inputs.values()), outputs, own)


def graph_of(
    inputs: Any, outputs: Any, latest: Callable[[Layer], Layer] = lambda layer: layer
) -> Written:
    """Return the layers between inputs and outputs as a graph.

    Layers stand in the order of Keras, see `by_depth`. One without a name of its own is
    called by its class in snake case, numbered in this order.

    Args:
        inputs: an `Input`, or what a layer's call returned; several in a list, or in a
            dictionary, whose keys then are their names.
        outputs: what calls of layers returned, likewise.
        latest: gives what stands for a layer now, where it has been exchanged.

    Raises:
        ArgumentError: one is neither, an output takes what is not among the inputs, or
            an input leads to no output.
    """
    if isinstance(outputs, Mapping):  # as in Keras, of lists of losses and targets
        outputs = dict(sorted(outputs.items()))
    ins, outs = _symbols("inputs", inputs), _symbols("outputs", outputs)
    names = _input_names(inputs, ins)
    between = dict(_between(outs, {*names}))

    def source(symbol: Symbol) -> int:
        return symbol.key if symbol.key in names else symbol.step.key

    def name(symbol: Symbol) -> str:
        whole = symbol.place is None or symbol.key in names
        return names[source(symbol)] + ("" if whole else f"/{symbol.place}")

    sources = {
        key: [*map(source, jax.tree.leaves(symbol.sources))]
        for key, symbol in between.items()
    }
    now = {key: latest(symbol.layer) for key, symbol in between.items()}
    layers = {key: id(layer) for key, layer in now.items()}
    order = by_depth(sources, layers, [*map(source, outs)])
    first = {layers[key]: key for key in reversed(order)}
    owners = [key for key in order if first[layers[key]] == key]
    own = unique_names((now[key] for key in owners), names.values())
    of_layers = {layers[key]: name for key, name in zip(owners, own, strict=True)}
    numbers = dict.fromkeys(of_layers, -1)
    nodes = []
    for key in order:
        symbol, layer = between[key], layers[key]
        numbers[layer] += 1
        names[key] = call_name(of_layers[layer], numbers[layer])
        nodes.append(
            Node(
                names[key],
                of_layers[layer] if numbers[layer] else now[key],
                encoded(symbol.sources, name),
                symbol.training,
            )
        )
    start = _like(None, [names[symbol.key] for symbol in ins])
    if isinstance(inputs, Mapping) and [*inputs] != sorted(inputs):
        # In which order a list would have to be, JAX and a reader would not agree.
        start = {name: name for name in inputs}
    net = Graph(tuple(nodes), start, _like(outputs, [*map(name, outs)]))
    by_name: dict[str, Any] = {names[symbol.key]: symbol for symbol in ins}
    by_name |= {names[key]: between[key].given for key in owners}
    shape = _like(None, [symbol.output_shape for symbol in ins])
    return Written(net, shape, ins, _like(outputs, outs), by_name)


def _like(given: Any, values: list[Any]) -> Any:
    """Return values as something was given: one, several or by its keys."""
    if isinstance(given, Mapping):
        return dict(zip(given, values, strict=True))
    return tuple(values) if len(values) > 1 else values[0]


def _symbols(argument: str, given: Any) -> list[Symbol]:
    entries = [*given.values()] if isinstance(given, Mapping) else given
    entries = [*entries] if isinstance(entries, list | tuple) else [entries]
    if not is_symbolic(entries):
        what = "an Input" if argument == "inputs" else "what a layer gives"
        raise ArgumentError(
            f"{argument} must be {what}, or several in a list or a dictionary, as in "
            f"x = Input((4,)); Model(inputs=x, outputs=Dense(1)(x)), not {given!r}."
        )
    return [entry.symbol for entry in entries]


def _input_names(given: Any, symbols: list[Symbol]) -> dict[int, str]:
    """Return the names of inputs by their symbols' keys."""
    names: dict[int, str] = {}
    keys = list(given) if isinstance(given, Mapping) else [None] * len(symbols)
    for own, symbol in zip(keys, symbols, strict=True):
        if not isinstance(own, str | None):
            raise ArgumentError(
                f"the keys of inputs are their names, strings, and {own!r} is none."
            )
        is_input = symbol.sources == ()
        name = own or (getattr(symbol.layer, "name", None) if is_input else None)
        number = 0
        while name is None or (not own and name in names.values() and number):
            name = f"{INPUT}_{number}" if number else INPUT
            number += 1
        if symbol.key in names:
            raise ArgumentError(f"{symbol!r} is among the inputs twice.")
        names[symbol.key] = name
    return names


def _between(outputs: list[Symbol], inputs: set[int]) -> Iterator[tuple[int, Symbol]]:
    """Yield all symbols on the way from the inputs to the outputs, by their keys."""
    for symbol in outputs:
        if symbol.key in inputs:
            raise ArgumentError(
                f"{symbol!r} is an input and an output: let a layer stand between, "
                "such as layers.Identity()(x)."
            )
    seen, waiting = set[int](), list(outputs)
    while waiting:
        symbol = waiting.pop()
        if symbol.key in inputs or symbol.step.key in seen:
            continue
        if symbol.sources == ():
            raise ArgumentError(
                f"the outputs depend on {symbol.layer!r}, which is not among the "
                "inputs: name it there."
            )
        seen.add(symbol.step.key)
        yield symbol.step.key, symbol.step
        waiting += jax.tree.leaves(symbol.sources)

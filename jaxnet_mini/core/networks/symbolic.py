"""Graphs of what was written by calling layers, see `jaxnet_mini.core.layers.symbols`.

That says which call takes what; here calls are put in order and named.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jaxnet_mini.core.layers.symbols import Symbol, is_symbolic
from jaxnet_mini.core.networks.graph import Graph, Node, call_name
from jaxnet_mini.core.networks.order import by_depth
from jaxnet_mini.core.networks.serial import unique_names
from jaxnet_mini.errors import ArgumentError

INPUT = "input_layer"
"""What an input without a name of its own is called, numbered from the second on."""


def graph_of(inputs: Any, outputs: Any) -> tuple[Graph, Any]:
    """Return the layers between inputs and outputs, and the shape of the inputs.

    Layers stand in the order of Keras, see `by_depth`. One without a name of its own is
    called by its class in snake case, numbered in this order.

    Args:
        inputs: an `Input`, or what a layer's call returned; several in a list, or in a
            dictionary, whose keys then are their names.
        outputs: what calls of layers returned, likewise.

    Raises:
        ArgumentError: one is neither, an output takes what is not among the inputs, or
            an input leads to no output.
    """
    ins, outs = _symbols("inputs", inputs), _symbols("outputs", outputs)
    names = _input_names(inputs, ins)
    called = dict(_called(outs, {*names}))
    for symbol in outs:
        if symbol.key in names:
            raise ArgumentError(
                f"{symbol!r} is an input and an output: let a layer stand between, "
                "such as layers.Identity()(x)."
            )
    sources = {key: [s.key for s in _taken(symbol)] for key, symbol in called.items()}
    layers = {key: id(symbol.layer) for key, symbol in called.items()}
    ends = outs  # of a dictionary in Keras's order
    if isinstance(outputs, Mapping):
        ends = _symbols("outputs", dict(sorted(outputs.items())))
    order = by_depth(sources, layers, [symbol.key for symbol in ends])
    first = {layers[key]: key for key in reversed(order)}
    owners = [key for key in order if first[layers[key]] == key]
    own = unique_names((called[key].layer for key in owners), names.values())
    of_layers = {layers[key]: name for key, name in zip(owners, own, strict=True)}
    numbers = dict.fromkeys(of_layers, -1)
    nodes = []
    for key in order:
        symbol, layer = called[key], layers[key]
        numbers[layer] += 1
        names[key] = call_name(of_layers[layer], numbers[layer])
        of = tuple(names[source] for source in sources[key])
        nodes.append(
            Node(
                names[key],
                of_layers[layer] if numbers[layer] else symbol.layer,
                of if isinstance(symbol.sources, tuple) else of[0],
            )
        )
    start = [names[symbol.key] for symbol in ins]
    end = [names[symbol.key] for symbol in outs]
    several = len(ins) > 1
    shapes = tuple(symbol.output_shape for symbol in ins)
    net = Graph(
        tuple(nodes),
        tuple(start) if several else start[0],
        _like(outputs, end),
    )
    return net, shapes if several else shapes[0]


def _like(given: Any, names: list[str]) -> Any:
    """Return names as something was given: one, several or by its keys."""
    if isinstance(given, Mapping):
        return dict(zip(given, names, strict=True))
    return tuple(names) if len(names) > 1 else names[0]


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


def _taken(symbol: Symbol) -> tuple[Symbol, ...]:
    own = symbol.sources
    return own if isinstance(own, tuple) else (own,)


def _input_names(given: Any, symbols: list[Symbol]) -> dict[int, str]:
    """Return the names of inputs by their symbols' keys."""
    names: dict[int, str] = {}
    keys = list(given) if isinstance(given, Mapping) else [None] * len(symbols)
    for own, symbol in zip(keys, symbols, strict=True):
        is_input = not _taken(symbol)
        name = own or (getattr(symbol.layer, "name", None) if is_input else None)
        number = 0
        while name is None or (not own and name in names.values() and number):
            name = f"{INPUT}_{number}" if number else INPUT
            number += 1
        if symbol.key in names:
            raise ArgumentError(f"{symbol!r} is among the inputs twice.")
        names[symbol.key] = name
    return names


def _called(outputs: list[Symbol], inputs: set[int]) -> Iterator[tuple[int, Symbol]]:
    """Yield all symbols on the way from the inputs to the outputs, by their keys."""
    seen, waiting = {*inputs}, list(outputs)
    while waiting:
        symbol = waiting.pop()
        if symbol.key in seen:
            continue
        if not _taken(symbol):
            raise ArgumentError(
                f"the outputs depend on {symbol.layer!r}, which is not among the "
                "inputs: name it there."
            )
        seen.add(symbol.key)
        yield symbol.key, symbol
        waiting += _taken(symbol)

"""Keras's operations on what layers will give, as the layers that do the same.

Where a model of Keras is written with ``x + y`` or ``keras.ops.relu(x)``, its graph has
an operation in place of a layer: without weights, and called with numbers too.

Source: https://keras.io/api/ops/.
"""

import inspect
from collections.abc import Callable
from typing import Any

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import activations
from jaxnet_mini.errors import ArgumentError

MODULE = "keras.src.ops."
"""Where the classes of operations are; a file says so of each."""

MERGING = ("Add", "Maximum", "Minimum", "Multiply", "Subtract")
"""Of two inputs what the layer of the same name is of a list of them."""

WITH_A_NUMBER = {
    ("Add", "xn"): "add",
    ("Add", "nx"): "add",
    ("Divide", "xn"): "truediv",
    ("Multiply", "xn"): "mul",
    ("Multiply", "nx"): "mul",
    ("Subtract", "xn"): "sub",
    ("Subtract", "nx"): "rsub",
    ("TrueDivide", "xn"): "truediv",
}
"""Operators of Python, by their names in Keras and the order of inputs and numbers."""

OF_A_NUMBER: dict[str, Callable[[float], tuple[float, float]]] = {
    "add": lambda number: (1.0, number),
    "mul": lambda number: (number, 0.0),
    "rsub": lambda number: (-1.0, number),
    "sub": lambda number: (1.0, -number),
    "truediv": lambda number: (1.0 / number, 0.0),
}
"""What inputs are multiplied by, and what is added to them."""

WITH_OPTIONS = {"Elu": "ELU", "LeakyRelu": "LeakyReLU", "Softmax": "Softmax"}
"""Layers that take what the operations do."""


def as_layer(entry: Json) -> Json:
    """Return an entry of a Functional; of an operation the layer that does the same.

    Raises:
        ArgumentError: none does.
    """
    if not isinstance(entry, dict) or not str(entry.get("module")).startswith(MODULE):
        return entry
    kind, config, nodes = (
        entry.get(n) for n in ("class_name", "config", "inbound_nodes")
    )
    config = config if isinstance(config, dict) else {}
    options = {name: value for name, value in config.items() if name != "name"}
    node = nodes[0] if isinstance(nodes, list) and len(nodes) == 1 else None
    given = node.get("args") if isinstance(node, dict) else None
    found = None
    if isinstance(given, list) and isinstance(node, dict) and not node.get("kwargs"):
        found = _layer(str(kind), options, [*map(_number, given)])
    if found is None:
        raise ArgumentError(
            f"{entry.get('name')!r} is the operation {kind} of Keras, called in a way "
            "that no layer here has: build the model here, with "
            "layers.Lambda(function)(x) in its place, and call model.load_weights."
        )
    layer, options, taken = found
    arguments = options | {"name": config.get("name")}
    written = {"class_name": layer, "config": arguments, "name": entry.get("name")}
    return written | {"inbound_nodes": [{"args": [taken], "kwargs": {}}]}


def _layer(
    kind: str, options: dict[str, Any], given: list[Any]
) -> tuple[str, dict[str, Any], Any] | None:
    """Return a layer, its arguments and what it takes; None for none."""
    ranks = [*map(_rank, given)]
    form = "".join(
        "n" if is_number(one) else "?" if rank is None else "x"
        for one, rank in zip(given, ranks, strict=True)
    )
    if kind == "Concatenate" and form == "?":
        return kind, options, given[0]
    if kind in MERGING and form == "xx" and ranks[0] == ranks[1]:
        return kind, {}, given  # of fewer axes the layer would fill up others
    if (kind, form) in WITH_A_NUMBER:
        place = form.index("x")
        scaled = OF_A_NUMBER[WITH_A_NUMBER[kind, form]]
        scale, offset = scaled(float(given[1 - place]))
        return "Rescaling", {"scale": scale, "offset": offset}, given[place]
    if form != "x":
        return None
    if kind == "Negative":
        return "Rescaling", {"scale": -1.0}, given[0]
    if kind in WITH_OPTIONS:
        return WITH_OPTIONS[kind], options, given[0]
    function = activations.ACTIVATIONS.get(snake_case(kind))
    taken = inspect.signature(function).parameters if function else {}
    known = all(n in taken and taken[n].default == v for n, v in options.items())
    if function is None or not known:
        return None
    return "Activation", {"activation": snake_case(kind)}, given[0]


def _rank(given: Json) -> int | None:
    """Return the number of axes of what a layer gives, None for all else."""
    if not isinstance(given, dict) or given.get("class_name") != "__keras_tensor__":
        return None
    config = given.get("config")
    shape = config.get("shape") if isinstance(config, dict) else None
    return len(shape) if isinstance(shape, list) else None


def _number(given: Json) -> Any:
    """Return the number that stands in an array without axes; all else as it is."""
    config = given.get("config") if isinstance(given, dict) else None
    value = config.get("value") if isinstance(config, dict) else None
    return value if is_number(value) else given

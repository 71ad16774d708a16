"""The table of a model's layers, as Keras prints it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax

from jaxnet_mini.base.arguments import check_count
from jaxnet_mini.base.text import readable_size
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.graph import names_in
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.sources import giver
from jaxnet_mini.core.training import frozen
from jaxnet_mini.core.types import Shape, is_shape

ROOMY, NARROW = 65, 40
"""How many letters a line needs for the table in its usual widths, and at least."""

CONNECTED, TRAINABLE = "Connected to", "Trainable"

LETTERS = {CONNECTED: 24, TRAINABLE: len(TRAINABLE)}
"""How many the columns need that are not always there."""


def count(params: Any) -> int:
    """Return the number of numbers in a tree of arrays or shapes."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def size(params: Any) -> int:
    """Return the number of bytes in a tree of arrays or shapes."""
    return sum(
        math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(params)
    )


def print_summary(
    name: str,
    parts: Sequence[LayerOutline],
    built: bool,
    print_fn: Callable[[str], Any] | None = None,
    *,
    inputs: Mapping[str, Shape] | None = None,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
) -> None:
    """Print the table, or hand it to ``print_fn`` as one string.

    Args:
        name: the model's name.
        parts: one outline a layer.
        built: whether shapes are known; else they are shown as ``?``.
        print_fn: called once with the whole text.
        inputs: the shapes of a graph's inputs, by name: they are shown, and what each
            layer takes; None for layers in a row.
        line_length: how wide the table is, in letters; None for as wide as it needs to
            be, within the console.
        expand_nested: whether the layers within a layer are shown below it.
        show_trainable: whether a column says in which layers anything is trained.

    Raises:
        ArgumentError: a table cannot be so narrow.
    """
    from rich.console import Console

    if line_length is not None:
        line_length = check_count("line_length", line_length, NARROW)
    console = Console(highlight=False, width=line_length)
    if print_fn is not None:
        width = line_length or max(80, console.width)
        console = Console(highlight=False, width=width, color_system=None)
    shown = {CONNECTED: inputs is not None, TRAINABLE: show_trainable}
    more = [name for name, wanted in shown.items() if wanted]
    table = _table(console.width, line_length, more)
    taken = _connections(parts, inputs or {})
    for layer, *row, trained in _rows(parts, built, expand_nested, inputs or {}):
        cells = {CONNECTED: taken.get(layer, "-"), TRAINABLE: trained}
        table.add_row(*row, *(cells[column] for column in more))
    lines = _totals(parts)
    if print_fn is None:
        _write(console, name, table, lines)
        return
    with console.capture() as captured:
        _write(console, name, table, lines)
    print_fn(captured.get())


def _connections(
    parts: Sequence[LayerOutline], inputs: Mapping[str, Shape]
) -> dict[str, str]:
    """Return what each layer takes, as Keras writes it: which layer, which call of it.

    Args:
        parts: the layers.
        inputs: by name.
    """
    calls: dict[str, tuple[str, int]] = {name: (name, 0) for name in inputs}
    for part in parts:
        called = (part.name, *(again.name for again in part.again))
        calls |= {name: (part.name, number) for number, name in enumerate(called)}
    found = {}
    for part in parts if inputs else ():
        every = (part.sources, *(again.sources for again in part.again))
        names = (name for sources in every for name in names_in(sources))
        taken = ((name, 0) if name in inputs else giver(name) for name in names)
        found[part.name] = ",\n".join(
            "{}[{}][{}]".format(*calls[name], place) for name, place in taken
        )
    return found


def _table(width: int, line_length: int | None, more: Sequence[str]) -> Any:
    from rich.table import Table

    # Where there is no room for these, names and shapes are folded; no column is lost.
    roomy = width >= ROOMY + sum(LETTERS[name] + 3 for name in more)
    table = Table(header_style="bold", width=line_length)
    table.add_column("Layer (type)", overflow="fold", min_width=24 if roomy else None)
    table.add_column("Output Shape", overflow="fold", min_width=18 if roomy else None)
    table.add_column(
        "Param #", justify="right", min_width=13 if roomy else None, no_wrap=not roomy
    )
    for name in more:
        justify: Any = "center" if name == TRAINABLE else "left"
        table.add_column(name, justify=justify, overflow="fold")
    return table


def _rows(
    parts: Sequence[LayerOutline],
    built: bool,
    nested: bool,
    inputs: Mapping[str, Shape],
    level: int = 0,
) -> Iterator[tuple[Any, ...]]:
    """Yield name and columns of each layer, and of those within it.

    Args:
        parts: the layers.
        built: whether their shapes are known.
        nested: whether those within others are shown.
        inputs: of the graph, which come first.
        level: how many layers these are within.
    """
    from rich.text import Text

    prefix = f"{'   ' * level}\N{BOX DRAWINGS LIGHT UP AND RIGHT} " if level else ""
    for name, size in inputs.items():
        label = Text.assemble(name, " (", ("InputLayer", "cyan"), ")")
        yield name, label, _shown(size), "0", "-"
    for part in parts:
        kind = part.class_name
        number = f"{count(part.variables):,}"
        trained = built and any(jax.tree.leaves(_mask(part)))
        yield (
            "" if level else part.name,
            Text.assemble(prefix, part.name, " (", (kind, "cyan"), ")"),
            _shown(part.output_shape) if built else "?",
            number if built else "0 (unbuilt)",
            ("Y" if trained else "N") if jax.tree.leaves(part.variables) else "-",
        )
        if nested and isinstance(part.layer, Composed):
            inner = outlines.inside(part.layer, part.input_shape if built else None)
            yield from _rows(inner, built, nested, {}, level + 1)


def _shown(shape: Any) -> str:
    if is_shape(shape):
        return f"({', '.join(['None', *map(str, shape)])})"
    return f"[{', '.join(map(_shown, jax.tree.leaves(shape, is_leaf=is_shape)))}]"


def _mask(part: LayerOutline) -> Any:
    """Return which parameters of a layer are trained; none where nothing is built."""
    if not jax.tree.leaves(part.params):
        return part.params
    return protocol.trainable_mask(part.layer, part.params)


def _totals(parts: Sequence[LayerOutline]) -> list[str]:
    variables = outlines.variables(parts)
    masks = {part.name: _mask(part) for part in parts}
    trained, fixed = frozen.split(variables.params, masks)
    return [
        f" {kind} params: {count(tree):,} ({readable_size(size(tree))})"
        for kind, tree in (
            ("Total", variables),
            ("Trainable", trained),
            ("Non-trainable", (fixed, variables.state)),
        )
    ]


def _write(console: Any, name: str, table: Any, lines: list[str]) -> None:
    from rich.text import Text

    console.print(Text(f'Model: "{name}"', "bold"))
    console.print(table)
    for line in lines:
        console.print(Text(line))

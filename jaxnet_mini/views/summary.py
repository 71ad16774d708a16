"""The table of a model's layers, as Keras prints it."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from jaxnet_mini.base.arguments import check_count
from jaxnet_mini.base.text import readable_size
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.training import frozen

ROOMY, NARROW = 65, 40
"""How many letters a line needs for the table in its usual widths, and at least."""

TRAINABLE = "Trainable"


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
    table = _table(console.width, line_length, show_trainable)
    for row in _rows(parts, built, expand_nested):
        table.add_row(*row[: len(table.columns)])
    lines = _totals(parts)
    if print_fn is None:
        _write(console, name, table, lines)
        return
    with console.capture() as captured:
        _write(console, name, table, lines)
    print_fn(captured.get())


def _table(width: int, line_length: int | None, show_trainable: bool) -> Any:
    from rich.table import Table

    # Where there is no room for these, names and shapes are folded; no column is lost.
    roomy = width >= ROOMY + (len(TRAINABLE) + 3) * show_trainable
    table = Table(header_style="bold", width=line_length)
    table.add_column("Layer (type)", overflow="fold", min_width=24 if roomy else None)
    table.add_column("Output Shape", overflow="fold", min_width=18 if roomy else None)
    table.add_column(
        "Param #", justify="right", min_width=13 if roomy else None, no_wrap=not roomy
    )
    if show_trainable:
        table.add_column(TRAINABLE, justify="center", overflow="fold")
    return table


def _rows(
    parts: Sequence[LayerOutline],
    built: bool,
    nested: bool,
    level: int = 0,
) -> Iterator[tuple[Any, ...]]:
    """Yield what stands in the columns for each layer, and for those within it.

    Args:
        parts: the layers.
        built: whether their shapes are known.
        nested: whether those within others are shown.
        level: how many layers these are within.
    """
    from rich.text import Text

    prefix = f"{'   ' * level}\N{BOX DRAWINGS LIGHT UP AND RIGHT} " if level else ""
    for part in parts:
        kind = type(part.layer).__name__
        shape = f"({', '.join(['None', *map(str, part.output_shape)])})"
        number = f"{count(part.variables):,}"
        trained = built and any(jax.tree.leaves(_mask(part)))
        yield (
            Text.assemble(prefix, part.name, " (", (kind, "cyan"), ")"),
            shape if built else "?",
            number if built else "0 (unbuilt)",
            ("Y" if trained else "N") if jax.tree.leaves(part.variables) else "-",
        )
        if nested and isinstance(part.layer, Composed):
            inner = (
                outlines.outline(part.layer, part.input_shape)
                if built
                else outlines.unbuilt_outline(part.layer)
            )
            yield from _rows(inner, built, nested, level + 1)


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

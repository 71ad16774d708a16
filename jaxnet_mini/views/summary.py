"""The table of a model's layers, as Keras prints it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxnet_mini.base.text import readable_size
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.training import frozen

ROOMY = 65
"""How many letters a line needs for the table in its usual widths."""


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
) -> None:
    """Print the table, or hand it to ``print_fn`` as one string.

    Args:
        name: the model's name.
        parts: one outline a layer.
        built: whether shapes are known; else they are shown as ``?``.
        print_fn: called once with the whole text.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if print_fn is not None:
        width = max(80, console.width)
        console = Console(highlight=False, width=width, color_system=None)
    # Where there is no room for these, names and shapes are folded; no column is lost.
    roomy = console.width >= ROOMY
    table = Table(header_style="bold")
    table.add_column("Layer (type)", overflow="fold", min_width=24 if roomy else None)
    table.add_column("Output Shape", overflow="fold", min_width=18 if roomy else None)
    table.add_column(
        "Param #", justify="right", min_width=13 if roomy else None, no_wrap=not roomy
    )
    for part in parts:
        kind = type(part.layer).__name__
        shape = f"({', '.join(['None', *map(str, part.output_shape)])})"
        number = f"{count(part.variables):,}"
        label = Text.assemble(part.name, " (", (kind, "cyan"), ")")
        table.add_row(
            label, shape if built else "?", number if built else "0 (unbuilt)"
        )
    variables = outlines.variables(parts)
    masks = {
        part.name: protocol.trainable_mask(part.layer, part.params) for part in parts
    }
    trained, fixed = frozen.split(variables.params, masks)
    lines = [
        f" {kind} params: {count(tree):,} ({readable_size(size(tree))})"
        for kind, tree in (
            ("Total", variables),
            ("Trainable", trained),
            ("Non-trainable", (fixed, variables.state)),
        )
    ]
    if print_fn is None:
        _write(console, name, table, lines)
        return
    with console.capture() as captured:
        _write(console, name, table, lines)
    print_fn(captured.get())


def _write(console: Any, name: str, table: Any, lines: list[str]) -> None:
    from rich.text import Text

    console.print(Text(f'Model: "{name}"', "bold"))
    console.print(table)
    for line in lines:
        console.print(Text(line))

"""A drawing of a model in SVG, and what notebooks show of it; needs nothing else."""

import base64
import functools
import html
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import jax

from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks.graph import names_in
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.types import is_shape
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.views.summary import count

# Heads of layers with parameters and without; white text is readable on both.
BLUE, GREY = "#0072B2", "#595959"
INK, PAPER, BORDER = "#1A1A1A", "#FFFFFF", "#B0B0B0"

# In pixels. A column is that of the widest common monospaced fonts.
FONT_SIZE = 13
COLUMN = 0.61 * FONT_SIZE
LINE = 20
PADDING = 12.0
ARROW = 30
MOST_COLUMNS = 44


def svg(model: Any) -> str:
    """Draw a model as SVG: a box a layer, from the inputs down to the outputs.

    Each box holds the layer's name, class, activation, output shape and number of
    parameters; the last two are left out until the model is built. Where layers stand
    in no row there are no arrows, and each box says what its layer takes; of a model
    with a ``call`` that is not known.

    Args:
        model: a `Sequential`.

    Returns:
        A whole document, with a background of its own, ``<title>`` and ``<desc>``.

    Raises:
        ArgumentError: ``model`` is no model.

    >>> from jaxnet_mini import Dense, Sequential
    >>> text = svg(Sequential([Dense(8, "relu", input_dim=9), Dense(1, "sigmoid")]))
    >>> "89 parameters in all" in text
    True
    """
    parts = parts_of(model)
    in_a_row = outlines.in_a_row(parts)
    boxes = [_lines(part, model.built, in_a_row) for part in parts]
    title, above = _folded(model.name), []
    total = "no shapes yet: not built" if parts else "no layers yet"
    if model.built:
        above = _folded(f"input: {', '.join(_inputs(model))}")
        total = f"{_parameters([part.variables for part in parts])} in all"
    texts = [line for head, body in boxes for line in (*head, *body)]
    widest = max(map(_columns, [*title, *above, *texts, total]))

    page = _Page(widest * COLUMN + 4 * PADDING)
    page.write(title, INK, bold=True)
    page.write(above, INK)
    for number, (part, (head, body)) in enumerate(zip(parts, boxes, strict=True)):
        if in_a_row and (number or above):
            page.arrow()
        else:
            page.y += PADDING / 2
        page.box(head, body, BLUE if count(part.variables) else GREY)
    page.y += PADDING
    page.write([total], INK)
    told = "; ".join(" ".join([*head, *body]) for head, body in boxes)
    return page.document(f"Model {model.name}", f"{told}; {total}")


def _inputs(model: Any) -> list[str]:
    """Return the shapes that a model takes, each of several with its name."""
    several = model._held.blueprint.inputs_of_graph or {}
    if len(several) > 1:
        return [f"{name} {shape_text(shape)}" for name, shape in several.items()]
    shape = model.input_shape
    return [*map(str, shape)] if isinstance(shape, list) else [str(shape)]


class _Page:
    """What is drawn so far, and how far down."""

    def __init__(self, width: float) -> None:
        self.width = width
        self.y = PADDING
        self.drawn: list[str] = []

    def write(
        self,
        lines: Sequence[str],
        colour: str,
        bold: bool = False,
        left: float | None = None,
    ) -> None:
        """Write lines from ``left`` on, or in the middle."""
        place = f'x="{self.width / 2:.1f}" text-anchor="middle"'
        if left is not None:
            place = f'x="{left:.1f}"'
        weight = ' font-weight="bold"' if bold else ""
        for line in lines:
            self.drawn.append(
                f'<text {place} y="{self.y + 0.7 * LINE:.1f}" fill="{colour}"{weight}>'
                f"{escaped(line)}</text>"
            )
            self.y += LINE

    def arrow(self) -> None:
        """Point from what is above to what comes next."""
        middle = f"M{self.width / 2:.1f} "
        self.drawn.append(
            f'<path d="{middle}{self.y + 4:.1f}v{ARROW - 14}" stroke="{INK}"/>'
            f'<path d="{middle}{self.y + ARROW - 3:.1f}l-5 -9h10z" fill="{INK}"/>'
        )
        self.y += ARROW

    def box(self, head: Sequence[str], body: Sequence[str], colour: str) -> None:
        """Draw a box with a coloured head."""
        head_height = len(head) * LINE + 8
        height = head_height + (len(body) * LINE + 8 if body else 0)
        place = f'x="{PADDING}" y="{self.y:.1f}" width="{self.width - 2 * PADDING:.1f}"'
        self.drawn.append(
            f'<rect {place} height="{head_height}" fill="{colour}"/>'
            f'<rect {place} height="{height}" fill="none" stroke="{BORDER}"/>'
        )
        end = self.y + height
        self.y += 4
        self.write(head, PAPER, bold=True, left=2 * PADDING)
        self.y += 8
        self.write(body, INK, left=2 * PADDING)
        self.y = end

    def document(self, title: str, description: str) -> str:
        """Return all of it, for eyes and for screen readers."""
        width, height = f"{self.width:.0f}", f"{self.y + PADDING:.0f}"
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" '
                f'height="{height}" viewBox="0 0 {width} {height}" '
                'font-family="Menlo, Consolas, DejaVu Sans Mono, monospace" '
                f'font-size="{FONT_SIZE}">',
                f"<title>{escaped(title)}</title>",
                f"<desc>{escaped(description)}</desc>",
                f'<rect width="100%" height="100%" fill="{PAPER}"/>',
                *self.drawn,
                "</svg>\n",
            ]
        )


def to_html(model: Any) -> str:
    """Return what a notebook shows of a model: the table of its layers beside `svg`.

    The drawing is embedded as an image, which pages that clean HTML let pass.

    Raises:
        ArgumentError: ``model`` is no model.
    """
    parts, name = parts_of(model), escaped(model.name)
    rows, to_the_right = [], '<td style="text-align: right">'
    for part in parts:
        shape = shape_text(part.output_shape) if model.built else "?"
        number = f"{count(part.variables):,}" if model.built else "0 (unbuilt)"
        rows.append(
            f"<td>{escaped(part.name)} ({escaped(part.class_name)})</td>"
            f"<td>{shape}</td>{to_the_right}{number}</td>"
        )
    total = f"{count([part.variables for part in parts]):,}"
    rows.append(f'<td colspan="2"><b>Total params</b></td>{to_the_right}{total}</td>')
    table = "\n".join(f"<tr>{row}</tr>" for row in rows)
    image = base64.b64encode(svg(model).encode()).decode()
    return (
        '<div style="display: flex; flex-wrap: wrap; gap: 2em; '
        'align-items: flex-start">\n'
        f"<table>\n<caption>Model: {name}</caption>\n"
        "<tr><th>Layer (type)</th><th>Output Shape</th><th>Param #</th></tr>\n"
        f"{table}\n</table>\n"
        f'<img alt="Drawing of the model {name}" '
        f'src="data:image/svg+xml;base64,{image}"/>\n</div>'
    )


def parts_of(model: Any) -> tuple[LayerOutline, ...]:
    """Return the outline of a model.

    Raises:
        ArgumentError: it is none.
    """
    parts = getattr(model, "outline", None)
    if not isinstance(parts, tuple):
        raise ArgumentError(
            f"model must be a Sequential, not {type(model).__name__}: put layers into "
            "Sequential([...]) first."
        )
    return parts


def shape_text(shape: Any) -> str:
    """Return a shape as Keras shows it, None standing for the batch axis."""
    if is_shape(shape):
        return str((None, *shape))
    shapes = jax.tree.leaves(shape, is_leaf=is_shape)
    return f"[{', '.join(map(shape_text, shapes))}]"


def activation_name(layer: Any) -> str | None:
    """Return the name of a layer's activation; None where it has no such thing.

    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> activation_name(Dense(1)), activation_name(Flatten())
    ('linear', None)
    """
    if not hasattr(layer, "activation"):
        return None
    function = "linear" if layer.activation is None else layer.activation
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, str):
        return function
    return getattr(function, "__name__", type(function).__name__)


def escaped(text: str) -> str:
    """Escape for XML; characters that it forbids become replacement characters."""
    forbidden = r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]"
    return html.escape(re.sub(forbidden, "\N{REPLACEMENT CHARACTER}", text))


def _lines(
    part: LayerOutline, built: bool, in_a_row: bool
) -> tuple[list[str], list[str]]:
    """Return what stands in the head of a layer's box, and what below.

    Where layers stand in no row the box says what its layer takes, call by call.
    """
    body = []
    calls: tuple[Any, ...] = () if in_a_row else (part, *part.again)
    for call in calls if part.sources else ():
        body += _folded(f"takes: {', '.join(names_in(call.sources))}")
    activation = activation_name(part.layer)
    if activation is not None:
        body += _folded(f"activation: {activation}")
    if built:
        body += _folded(f"output: {shape_text(part.output_shape)}")
        body.append(_parameters(part.variables))
    return _folded(f"{part.name} ({part.class_name})"), body


def _parameters(params: Any) -> str:
    number = count(params)
    return f"{number:,} parameter{'' if number == 1 else 's'}"


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, MOST_COLUMNS)


def _columns(text: str) -> int:
    """Return how many columns of a monospaced font a text takes."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)

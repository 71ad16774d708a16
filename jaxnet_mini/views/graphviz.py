"""Drawings by Graphviz, through pydot (the extra ``draw``), as Keras makes them.

Source: https://keras.io/api/utils/model_plotting_utils/
"""

import importlib.util
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jaxnet_mini.base import arguments
from jaxnet_mini.core.layers import Input
from jaxnet_mini.core.networks import outline, protocol, serial
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.repeat import Repeat
from jaxnet_mini.core.networks.sources import filled, results
from jaxnet_mini.core.types import Params, State, is_shape
from jaxnet_mini.errors import ArgumentError, MissingExtraError, find, import_extra
from jaxnet_mini.views.summary import count
from jaxnet_mini.views.svg import (
    BLUE,
    BORDER,
    GREY,
    PAPER,
    activation_name,
    escaped,
    parts_of,
    shape_text,
    svg,
)

if TYPE_CHECKING:
    import pydot

DIRECTIONS = {direction: direction for direction in ("TB", "LR", "BT", "RL")}


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> "pydot.Dot":
    """Return a model as a graph of pydot, a node a layer.

    Edges show what takes what. Of a model with a ``call`` that is not known, and its
    layers stand side by side. Where Graphviz is installed,
    ``.create(prog="dot", format="svg")`` draws it.

    Args:
        model: any; its shapes are ``?`` until it is built.
        show_shapes: whether to show the shapes of inputs and outputs and the number of
            parameters.
        show_dtype: whether to show the dtype of the outputs for floats.
        show_layer_names: whether to show names beside classes.
        rankdir: ``"TB"`` from top to bottom, ``"LR"`` from left to right, ``"BT"`` and
            ``"RL"`` the other way round.
        expand_nested: whether to draw the layers within a `serial`, `graph`, `repeat`
            or another model too.
        dpi: dots an inch, of images.
        show_layer_activations: whether to show activations.
        show_trainable: whether to mark the layers that have parameters to train.

    Raises:
        MissingExtraError: pydot is not installed.
        ArgumentError: ``model`` is no model, or ``dpi`` no positive integer.
        UnknownNameError: ``rankdir`` is none of the four.
    """
    library = import_extra("pydot", "draw")
    parts = parts_of(model)
    graph: pydot.Dot = library.Dot(
        rankdir=find(DIRECTIONS, rankdir, "rankdir"),
        dpi=arguments.check_count("dpi", dpi),
    )
    graph.set_node_defaults(shape="plain", fontname="Helvetica")
    shown = {
        "names": show_layer_names,
        "activations": show_layer_activations,
        "shapes": show_shapes,
        "dtype": show_dtype,
        "trainable": show_trainable,
        "nested": expand_nested,
    }
    edges: dict[tuple[str, str], None] = {}
    if parts and parts[0].sources != ():
        shapes = model._held.blueprint.inputs_of_graph or {}
        inputs = [LayerOutline(n, Input(s), s, s, {}) for n, s in shapes.items()]
        _add_nodes(graph, "input", inputs, True, shown)
        given = {name: f"input_{number}" for number, name in enumerate(shapes)}
        _connect(model.net, parts, "layer", given, shown, edges)
    _add_nodes(graph, "layer", parts, model.built, shown)
    for ends in edges:
        graph.add_edge(library.Edge(*ends))
    return graph


def plot_model(
    model: Any,
    to_file: str | Path = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """Write a drawing of a model to a file.

    Graphviz draws it, with pydot. Without them a ``.svg`` file is the library's own
    drawing, `drawing.svg`, which always shows everything, from top to bottom.

    Args:
        model: any.
        to_file: ends in ``.png``, ``.svg``, ``.pdf`` or ``.dot``.
        show_shapes: this and all others as in `model_to_dot`.
        show_dtype: likewise.
        show_layer_names: likewise.
        rankdir: likewise.
        expand_nested: likewise.
        dpi: likewise.
        show_layer_activations: likewise.
        show_trainable: likewise.

    Returns:
        In a notebook what shows the drawing there, for ``.png`` and ``.svg``; else
        None.

    Raises:
        MissingExtraError: Graphviz or pydot is not installed and the file no ``.svg``.
        ArgumentError: another ending, or as `model_to_dot`.
    """
    path = Path(arguments.check_path("to_file", to_file))
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf", "dot"):
        raise ArgumentError(
            f"to_file must end in .png, .svg, .pdf or .dot, not {path.name!r}."
        )
    drawn_here = shutil.which("dot") is not None
    if not drawn_here and kind in ("png", "pdf"):
        raise MissingExtraError(
            f"a .{kind} file is drawn by Graphviz, which is not installed: install it "
            "(https://graphviz.org/download/), or give to_file='model.svg', which "
            "needs neither Graphviz nor pydot."
        )
    if kind == "svg" and not (drawn_here and importlib.util.find_spec("pydot")):
        path.write_text(svg(model), "utf-8")
    else:
        drawn = show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi
        graph: Any = model_to_dot(model, *drawn, show_layer_activations, show_trainable)
        if kind == "dot":
            path.write_text(graph.to_string(), "utf-8")
        else:
            path.write_bytes(graph.create(prog="dot", format=kind))
    # Loaded by every notebook, and by nothing else that could show a picture.
    display = sys.modules.get("IPython.display")
    if display is None or kind not in ("png", "svg"):
        return None
    shown = display.Image if kind == "png" else display.SVG
    return shown(filename=str(path))


def _add_nodes(
    graph: Any,
    prefix: str,
    parts: Sequence[LayerOutline],
    built: bool,
    shown: Mapping[str, bool],
) -> None:
    """Add a node a layer, numbered in their order."""
    library = import_extra("pydot", "draw")
    for number, part in enumerate(parts):
        name, label = f"{prefix}_{number}", part.name
        opened = _opened(part, built, shown)
        if opened is None:
            graph.add_node(library.Node(name, label=_label(part, built, shown)))
            continue
        if isinstance(part.layer, Repeat):
            label = f"{label}, {part.layer.n} times"
        cluster = library.Cluster(
            name,
            label=f"<{escaped(label)}>",
            fontname="Helvetica",
            style="dashed",
            labeljust="l",
        )
        _add_nodes(cluster, name, opened[1], built, shown)
        graph.add_subgraph(cluster)


def _opened(
    part: LayerOutline, built: bool, shown: Mapping[str, bool]
) -> tuple[Composed, Sequence[LayerOutline]] | None:
    """Return what is drawn in place of a layer, where that is the layers within it."""
    layer = part.layer
    if isinstance(layer, Repeat):
        layer = serial.serial(layer.layer)
    if not (shown["nested"] and isinstance(layer, Composed) and layer.layers):
        return None
    return layer, outline.inside(layer, part.input_shape if built else None)


def _connect(
    net: Composed,
    parts: Sequence[LayerOutline],
    prefix: str,
    given: dict[str, Any],
    shown: Mapping[str, bool],
    edges: dict[tuple[str, str], None],
) -> Any:
    """Note the edges between the nodes of `_add_nodes`, each once.

    Args:
        net: the layers.
        parts: their outline.
        prefix: of their nodes.
        given: the node that gives each input, by name; ``{}`` where none is drawn.
        shown: what is.
        edges: taken in here.

    Returns:
        The nodes that give the outputs, in the structure of these.
    """
    places = {part.name: (f"{prefix}_{n}", part) for n, part in enumerate(parts)}
    values = dict(given)
    for call in net.calls:
        place, part = places[call.weights]
        taken = filled(call.sources, values.get)
        sources = jax.tree.leaves(taken)
        opened = _opened(part, bool(part.output_shape), shown)
        if opened is None:
            y = jax.tree.map(
                lambda _, own=place: own, part.output_shape, is_leaf=is_shape
            )
            edges |= dict.fromkeys((source, place) for source in sources)
        else:
            inputs = opened[0].named_inputs(taken) if sources else {}
            y = _connect(*opened, place, inputs, shown, edges)
        values |= results(call.name, y)
    return net.outputs_of(values)


def _label(part: LayerOutline, built: bool, shown: Mapping[str, bool]) -> str:
    """Return a table in Graphviz's likeness of HTML: a head and a row a fact."""
    head = f"<b>{escaped(part.class_name)}</b>"
    if shown["names"]:
        head = f"<b>{escaped(part.name)}</b> ({escaped(part.class_name)})"
    facts = []
    activation = activation_name(part.layer)
    if shown["activations"] and activation is not None:
        facts.append(("Activation", activation))
    if shown["shapes"]:
        facts += [
            ("Input shape", shape_text(part.input_shape) if built else "?"),
            ("Output shape", shape_text(part.output_shape) if built else "?"),
            ("Parameters", f"{count(part.variables):,}" if built else "?"),
        ]
    if shown["dtype"]:
        facts.append(("Output dtype", _output_dtype(part) if built else "?"))
    if shown["trainable"] and count(part.params):
        mask = jax.tree.leaves(protocol.trainable_mask(part.layer, part.params))
        facts.append(
            ("Trainable", "yes" if all(mask) else "partly" if any(mask) else "no")
        )
    colour = BLUE if count(part.variables) else GREY
    rows = "".join(
        f'<tr><td align="left">{name}</td><td align="left">{escaped(value)}</td></tr>'
        for name, value in facts
    )
    return (
        f'<<table border="0" cellborder="1" cellspacing="0" cellpadding="6" '
        f'color="{BORDER}"><tr><td colspan="2" bgcolor="{colour}">'
        f'<font color="{PAPER}">{head}</font></td></tr>{rows}</table>>'
    )


def _output_dtype(part: LayerOutline) -> str:
    """Return the dtype of a layer's outputs for floats, without computing any."""
    x = jax.tree.map(
        lambda own: jax.ShapeDtypeStruct((1, *own), jnp.result_type(float)),
        part.input_shape,
        is_leaf=is_shape,
    )

    def outputs(params: Params, state: State, x: Any) -> Any:
        key = jax.random.key(0)  # of what draws in predictions too
        return protocol.run(part.layer, params, state, x, key=key)[0]

    given = jax.tree.leaves(jax.eval_shape(outputs, *part.variables, x))
    return ", ".join(dict.fromkeys(str(own.dtype) for own in given))

"""Which layers stand in a model: each that has parameters stands there once.

A layer is its settings alone, and its weights are the model's. One that is taken from a
model brings them with it, as in Keras: both models then share a cell, see `cells`.
Where that cannot be, it would silently begin with new ones, and is refused: within a
layer of another kind, twice in a row, or where it is unclear which model is meant.
Another object with equal settings is another layer, and what has no parameters may
stand anywhere.

Where a layer stands is kept for as long as the layer is there, by its identity and not
in it: the value compares, prints and is saved as before.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax

from jaxnet_mini.core.layers import Base
from jaxnet_mini.core.networks import holding, protocol
from jaxnet_mini.core.networks.graph import NETWORKS
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.protocol import OWN_LAYERS
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.types import Layer, Variables
from jaxnet_mini.errors import LayerError, ShapeError
from jaxnet_mini.models import cells
from jaxnet_mini.models.cells import Cell, Path

WITH = frozenset(kind.init for kind in OWN_LAYERS) - {Base.init}
"""The ``init`` of layers that surely have parameters; the base's makes none."""

ANEW = (
    "For new weights write the layer anew where it stands, or give "
    "copy.deepcopy(layer)."
)


class Place(NamedTuple):
    """Where a layer stands.

    Attributes:
        family: what a model shares with its copies; None for a model of layers from
            several.
        model: the name of the model.
        layer: the name of the layer in it.
        cell: its weights there; None within a layer of another kind.
        shapes: of these weights, once they are known.
        now: what was put in place of the layer, see `move`.
    """

    family: object
    model: str
    layer: str = ""
    cell: Cell | None = None
    shapes: Any = None
    now: Layer | None = None


_PLACES: dict[int, tuple[Callable[[], Any], Place]] = {}


def check(
    outline: Sequence[LayerOutline],
    shapes: bool,
    here: Place,
    *,
    added: int,
    seen: int = 0,
    copy: bool = False,
) -> None:
    """Check that no layer with parameters stands elsewhere, or twice.

    Args:
        outline: all layers of a model, as they are to be.
        shapes: whether it has their parameters.
        here: the model.
        added: how many layers it has already; the others are added to it.
        seen: how many of these have been checked before, with their parameters.
        copy: whether the first ``added`` have weights of their own, whatever has them.

    Raises:
        LayerError: one does; the message names it, and says what to do.
    """
    first: dict[int, LayerOutline] = {}
    own, brought = _own(outline), set[int]()
    for index, part in enumerate(outline[seen:], seen):
        for layer in _parametric(part.layer, part.variables if shapes else None):
            if first.setdefault(id(layer), part) is not part:
                raise LayerError(_twice(first[id(layer)].name, here, layer))
            place = _place(layer)
            if place is None or (
                index < added and (copy or here.family is place.family)
            ):
                continue
            if place.family is not here.family:
                if id(layer) not in brought:
                    _check_shared(place, layer, own)
                    if type(layer) not in NETWORKS:
                        brought |= {id(inner) for inner in holding.within(layer)}
                continue
            for other in outline[:added]:
                if any(layer is held for held in holding.within(other.layer)):
                    raise LayerError(_twice(other.name, here, layer))
            raise LayerError(_popped(place, layer))


def mark(
    outline: Sequence[LayerOutline], shapes: bool, here: Place, held: Any, copy: bool
) -> dict[Path, Cell]:
    """Keep in mind where the layers of a model stand; see `check`.

    Args:
        outline: all layers of a model.
        shapes: whether it has their parameters.
        here: the model.
        held: what it holds, which is to share weights.
        copy: whether its layers have weights of their own, wherever else they stand.

    Returns:
        The cells of its layers; none of a copy.
    """
    own, found = _own(outline), dict[Path, Cell]()
    for part in outline:
        for layer in _parametric(part.layer, part.variables if shapes else None):
            path, variables = own.get(id(layer), ((), None))
            new = _place(layer) is None
            if new:
                cell = Cell() if path else None
                _put(layer, here._replace(layer=part.name, cell=cell))
            place = _place(layer)
            if not path or place is None or place.cell is None:
                continue
            if shapes and place.shapes is None:
                _put(layer, place._replace(shapes=_shapes(variables)))
            if copy and not new and held not in place.cell.holders:
                place.cell.copies.add(held)
            else:
                found[path] = place.cell
    return found


def move(old: Layer, new: Layer) -> None:
    """Let a layer stand where another stood, with its weights."""
    place = _place(old)
    if place is not None:
        _put(new, place._replace(now=None))
        _put(old, place._replace(now=new))


def latest(layer: Layer) -> Layer:
    """Return what stands in the place of a layer now."""
    place = _place(layer)
    while place is not None and place.now is not None:
        layer = place.now
        place = _place(layer)
    return layer


def _own(outline: Sequence[LayerOutline]) -> dict[int, tuple[Path, Any]]:
    """Return where each layer stands, and its variables, by its identity."""
    found: dict[int, tuple[Path, Any]] = {}
    net = Serial(tuple(part.layer for part in outline))
    parts = dict(zip(net.names, outline, strict=True))
    for (first, *rest), layer in cells.paths(net):
        part = parts[first]
        own = cells.at(part.variables, tuple(rest))
        found[id(layer)] = (part.name, *rest), own
    return found


def _shapes(variables: Any) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), variables)


def _check_shared(place: Place, layer: Layer, own: dict[int, tuple[Path, Any]]) -> None:
    """Check that a layer of another model can share its weights.

    Raises:
        LayerError: it cannot.
        ShapeError: they would be of other shapes here.
    """
    if type(layer) in NETWORKS:
        return  # the layers within it are looked at
    path, variables = own.get(id(layer), ((), None))
    if not path or place.cell is None or place.cell.lost:
        raise LayerError(_elsewhere(place, layer))
    if place.cell.copies:
        raise LayerError(_several(place, layer))
    here = _shapes(variables)
    if place.shapes is not None and jax.tree.leaves(here) and here != place.shapes:
        raise ShapeError(
            f"{layer!r} is the layer {place.layer!r} of the model {place.model!r} and "
            f"would share its weights, of the shapes {place.shapes[0]}; here they "
            f"would be {here[0]}: give it inputs of the same shape. {ANEW}"
        )


def _put(layer: Layer, place: Place) -> None:
    number = id(layer)

    # By default, since at exit the names of a module may be gone.
    def forget(dead: Any, places: dict[int, Any] = _PLACES) -> None:
        if number in places and places[number][0] is dead:
            del places[number]

    try:
        found: Callable[[], Any] = weakref.ref(layer, forget)
    except TypeError:  # it has slots, and so is kept itself
        found = lambda: layer  # noqa: E731
    _PLACES[number] = found, place


def _place(layer: Layer) -> Place | None:
    found, place = _PLACES.get(id(layer), (None, None))
    return place if found is not None and found() is layer else None


def _parametric(layer: Layer, variables: Variables | None) -> Iterator[Layer]:
    """Yield a layer and those that it holds, as far as they are known to have weights.

    Args:
        layer: the outermost.
        variables: its parameters and what it remembers, or their shapes; None where
            they are not known.
    """
    init = getattr(type(layer), "init", None)
    if variables is not None and not jax.tree.leaves(variables):
        return
    if init is Base.init and not protocol.has_state(layer):
        return
    if variables is not None or init in WITH or _place(layer) is not None:
        yield layer
    if type(layer) in NETWORKS:
        net: Any = layer
        for name, inner in zip(net.names, net.layers, strict=True):
            own = variables and Variables(
                variables.params[name], variables.state.get(name, {})
            )
            yield from _parametric(inner, own)
    else:
        for _, inner in holding.held(layer):
            yield from _parametric(inner, None)


def _elsewhere(place: Place, layer: Layer) -> str:
    return (
        f"{layer!r} is the layer {place.layer!r} of the model {place.model!r}, and "
        "brings its weights with it only from a model that is still there, and only "
        "into a model, or a network in it. To keep the trained ones change a copy of "
        "that model: new = jn.models.clone_model(model); new.set_weights("
        f"model.get_weights()); then new.pop() and new.add(...). {ANEW}"
    )


def _several(place: Place, layer: Layer) -> str:
    return (
        f"{layer!r} is the layer {place.layer!r} of the model {place.model!r}, and of "
        "a copy of it with other weights, and which are meant is not clear. Make new "
        f"models of the layers of copy.deepcopy(model). {ANEW}"
    )


def _twice(name: str, here: Place, layer: Layer) -> str:
    return (
        f"{layer!r} is the layer {name!r} of the model {here.model!r} and stands in it "
        "twice. In Keras both places would share one set of weights, which layers "
        f"here cannot. {ANEW}"
    )


def _popped(place: Place, layer: Layer) -> str:
    return (
        f"{layer!r} was the layer {place.layer!r} of this model until pop() took it "
        "away, and its weights with it; in Keras it would bring them back. To keep "
        "them, take layers away from a copy: new = jn.models.clone_model(model); "
        f"new.set_weights(model.get_weights()); new.pop(). {ANEW}"
    )

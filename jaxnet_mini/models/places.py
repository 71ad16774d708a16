"""Which layers stand in a model: each that has parameters stands once, in one model.

A layer is its settings alone, and its weights are the model's. In Keras a layer that
is taken from a trained model brings its weights with it, and one that stands in two
places has the same weights in both; here it would silently begin with new ones. So
the second place of one object is refused. Another object with equal settings is
another layer, and what has no parameters may stand anywhere.

Where a layer stands is kept for as long as the layer is there, by its identity and not
in it: the value compares, prints and is saved as before.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax

from jaxnet_mini.core.layers import Base
from jaxnet_mini.core.networks import holding, protocol
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.protocol import OWN_LAYERS
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.types import Layer, Variables
from jaxnet_mini.errors import LayerError

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
    """

    family: object
    model: str
    layer: str = ""


_PLACES: dict[int, tuple[Callable[[], Any], Place]] = {}


def check(
    outline: Sequence[LayerOutline],
    shapes: bool,
    here: Place,
    *,
    added: int,
    seen: int = 0,
) -> None:
    """Check that no layer with parameters stands elsewhere, or twice.

    Args:
        outline: all layers of a model, as they are to be.
        shapes: whether it has their parameters.
        here: the model.
        added: how many layers it has already; the others are added to it.
        seen: how many of these have been checked before, with their parameters.

    Raises:
        LayerError: one does; the message names it, and says what to do.
    """
    first: dict[int, LayerOutline] = {}
    for index, part in enumerate(outline[seen:], seen):
        for layer in _parametric(part.layer, part.variables if shapes else None):
            if first.setdefault(id(layer), part) is not part:
                raise LayerError(_twice(first[id(layer)].name, here, layer))
            place = _place(layer)
            if place is None or (index < added and here.family in (None, place.family)):
                continue
            if place.family is not here.family:
                raise LayerError(_elsewhere(place, layer))
            for other in outline[:added]:
                if any(layer is held for held in holding.within(other.layer)):
                    raise LayerError(_twice(other.name, here, layer))
            raise LayerError(_popped(place, layer))


def mark(outline: Sequence[LayerOutline], shapes: bool, here: Place) -> None:
    """Keep in mind where the layers of a model stand; see `check`."""
    for part in outline:
        for layer in _parametric(part.layer, part.variables if shapes else None):
            if _place(layer) is None:
                _put(layer, here._replace(layer=part.name))


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
    if type(layer) is Serial:
        for name, inner in zip(layer.names, layer.layers, strict=True):
            own = variables and Variables(
                variables.params[name], variables.state.get(name, {})
            )
            yield from _parametric(inner, own)
    else:
        for _, inner in holding.held(layer):
            yield from _parametric(inner, None)


def _elsewhere(place: Place, layer: Layer) -> str:
    return (
        f"{layer!r} is the layer {place.layer!r} of the model {place.model!r}, and a "
        "layer does not bring its weights with it, as it does in Keras, where both "
        "models would share them. To keep the trained ones change a copy of that "
        "model: new = jn.models.clone_model(model); new.set_weights("
        f"model.get_weights()); then new.pop() and new.add(...). {ANEW}"
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

"""Which layers stand in a model: each that has parameters stands there once.

A layer that is taken from a model brings its weights with it, as in Keras: both models
then share its place, see `places`. Where that cannot be, it would silently begin with
new ones, and is refused: within a layer of another kind, or where it is unclear which
model is meant. Another object with equal settings is another layer, and
what has no parameters may stand anywhere.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from jaxnet_mini.core.layers import Base
from jaxnet_mini.core.networks import holding, protocol
from jaxnet_mini.core.networks.graph import NETWORKS
from jaxnet_mini.core.networks.protocol import OWN_LAYERS
from jaxnet_mini.core.types import Layer, Variables
from jaxnet_mini.errors import LayerError, ShapeError
from jaxnet_mini.models import places
from jaxnet_mini.models.places import Path, Place

WITH = frozenset(kind.init for kind in OWN_LAYERS) - {Base.init}
"""The ``init`` of layers that surely have parameters; the base's makes none."""

ANEW = (
    "For new weights write the layer anew where it stands, or give "
    "copy.deepcopy(layer)."
)


class Standing(NamedTuple):
    """A layer that is known to have weights, as it stands in a model.

    Attributes:
        layer: which.
        name: of the layer of the model that it is, or is within.
        path: of its weights; () of a network, and within a layer of another kind.
        shapes: of these weights; None where they are not known.
    """

    layer: Layer
    name: str
    path: Path
    shapes: Variables | None


def check(blueprint: Any, added: int, seen: int = 0) -> None:
    """Check that no layer with parameters stands elsewhere, or twice.

    Args:
        blueprint: of a model as it is to be.
        added: how many layers it has already; the others are added to it. Those of a
            copy have weights of their own, whatever has them.
        seen: how many of these have been checked before, with their parameters.

    Raises:
        LayerError: one does; the message names it, and says what to do.
        ShapeError: its weights would be of other shapes here.
    """
    here = blueprint.outline[:added]
    names = {part.name for part in here}
    found = [*_found(blueprint, seen)]
    own = {id(one.layer): one for one in found if one.path}
    first, brought = dict[int, str](), set[int]()
    for layer, name, *_ in found:
        if first.setdefault(id(layer), name) != name:
            raise LayerError(_twice(first[id(layer)], blueprint, layer))
        place = places.of(layer)
        if place is None:
            continue
        for other in here if name not in names else ():
            if any(layer is held for held in holding.within(other.layer)):
                raise LayerError(_twice(other.name, blueprint, layer))
        if place.family is not blueprint.family:
            if id(layer) not in brought and not (blueprint.is_copy and name in names):
                _check_shared(place, layer, own.get(id(layer)))
                if type(layer) not in NETWORKS:
                    brought |= {id(inner) for inner in holding.within(layer)}
        elif name not in names:
            raise LayerError(_popped(place, layer))


def mark(blueprint: Any, held: Any) -> dict[Path, Place]:
    """Keep in mind where the layers of a model stand; see `check`.

    Args:
        blueprint: of the model.
        held: what it holds, which is to share weights.

    Returns:
        The places that it shares; of a copy with what was copied with it alone.
    """
    shared: dict[Path, Place] = {}
    for layer, name, path, shapes in [*_found(blueprint)]:
        place, new = places.of(layer), False
        if place is None:
            place = Place(blueprint.family, blueprint.name, name, bool(path))
            place.together = held.together
            places.keep(layer, place)
            new = True
        if not path or not place.is_own:
            continue
        if shapes is not None and place.shapes is None:
            place.shapes = _shapes(shapes)
        beside = held.together is not None and held.together is place.together
        known = new or beside or held in place.holders
        if blueprint.is_copy and not known:
            place.copies.add(held)
        else:
            shared[path] = place
    return shared


def _found(blueprint: Any, seen: int = 0) -> Iterator[Standing]:
    """Yield the layers of a model that are known to have weights, and all in them."""
    for part in blueprint.outline[seen:]:
        shapes = part.variables if blueprint.built else None
        yield from _parametric(Standing(part.layer, part.name, (part.name,), shapes))


def _parametric(one: Standing) -> Iterator[Standing]:
    """Yield a layer and those that it holds, as far as they are known to have weights.

    Args:
        one: the outermost, which may have none.
    """
    layer: Any
    layer, name, path, shapes = one
    init = getattr(type(layer), "init", None)
    if shapes is not None and not jax.tree.leaves(shapes):
        return
    if init is Base.init and not protocol.has_state(layer):
        return
    is_network = type(layer) in NETWORKS
    if shapes is not None or init in WITH or places.of(layer) is not None:
        yield one._replace(path=()) if is_network else one
    if not is_network:
        for _, inner in holding.held(layer):
            yield from _parametric(Standing(inner, name, (), None))
        return
    for within, inner in zip(layer.names, layer.layers, strict=True):
        own = shapes and places.at(shapes, (within,))
        yield from _parametric(Standing(inner, name, path and (*path, within), own))


def _shapes(variables: Any) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), variables)


def _check_shared(place: Place, layer: Layer, own: Standing | None) -> None:
    """Check that a layer of another model can share its weights.

    Args:
        place: where it stands.
        layer: which.
        own: how it stands here with a path of its own, if it does.

    Raises:
        LayerError: it cannot.
        ShapeError: they would be of other shapes here.
    """
    if type(layer) in NETWORKS:
        return  # the layers within it are looked at
    which = f"{layer!r} is the layer {place.name!r} of the model {place.model!r}"
    if own is None or not place.is_own or place.is_lost:
        raise LayerError(
            f"{which}, and brings its weights with it only from a model that is still "
            "there, and only into a model, or a network in it. To keep the trained "
            "ones change a copy of that model: new = jn.models.clone_model(model); "
            "new.set_weights(model.get_weights()); then new.pop() and new.add(...). "
            f"{ANEW}"
        )
    if place.copies:
        raise LayerError(
            f"{which}, and of a copy of it with other weights, and which are meant is "
            f"not clear. Make new models of the layers of copy.deepcopy(model). {ANEW}"
        )
    here = _shapes(own.shapes)
    if place.shapes is not None and jax.tree.leaves(here) and here != place.shapes:
        raise ShapeError(
            f"{which} and would share its weights, of the shapes {place.shapes[0]}; "
            f"here they would be {here[0]}: give it inputs of the same shape. {ANEW}"
        )


def _twice(name: str, blueprint: Any, layer: Layer) -> str:
    return (
        f"{layer!r} is the layer {name!r} of the model {blueprint.name!r} and stands "
        "in it twice. In Keras both places would share one set of weights, which "
        f"layers here cannot. {ANEW}"
    )


def _popped(place: Place, layer: Layer) -> str:
    return (
        f"{layer!r} was the layer {place.name!r} of this model until pop() took it "
        "away, and its weights with it; in Keras it would bring them back. To keep "
        "them, take layers away from a copy: new = jn.models.clone_model(model); "
        f"new.set_weights(model.get_weights()); new.pop(). {ANEW}"
    )

"""Where a layer stands, and its weights as far as several models have them.

A layer is its settings alone, and its weights are the model's. Where one stands in
several models, what trains in one of them is trained in all, as in Keras. Each model
has a state of its own, of which the compiled programs make the next one; the weights
are handed on through the layer's place: a model that has put another state writes
them there, and one that is asked for its state reads what is newer.

A place is kept for as long as the layer is there, by its identity and not in it: the
value compares, prints and is saved as before.
"""

import dataclasses
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import jax

from jaxnet_mini.core.networks.graph import NETWORKS, Graph
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.types import Layer, Variables

Path: TypeAlias = tuple[str, ...]


@dataclasses.dataclass(eq=False)
class Place:
    """Where a layer stands, and the weights that it has there.

    Attributes:
        family: what a model shares with its copies; None for a model of layers from
            several.
        model: the name of the model.
        name: of the layer in it.
        is_own: whether other models can share the weights; not within a layer of
            another kind.
        shapes: of these weights, once they are known.
        value: the parameters and what is remembered, where several models have them;
            None until one has any.
        version: how many times they were written.
        begun: whether a model ever had weights for it, shared or not.
        together: what the models were copied at once with that share it, if they were.
        holders: the models that share it.
        copies: copies of a model with the same layer and weights of their own.
    """

    family: object
    model: str
    name: str
    is_own: bool
    shapes: Any = None
    value: Variables | None = None
    version: int = 0
    begun: bool = False
    together: object = None
    holders: Any = dataclasses.field(default_factory=weakref.WeakSet)
    copies: Any = dataclasses.field(default_factory=weakref.WeakSet)

    @property
    def is_shared(self) -> bool:
        """Whether it may hold something that another model has written."""
        return self.value is not None or len(self.holders) > 1

    @property
    def is_lost(self) -> bool:
        """Whether there were weights, and the model that had them is gone."""
        return self.begun and self.value is None and not self.holders


_PLACES: dict[int, tuple[Callable[[], Any], Place | None, Layer | None]] = {}
"""By identity: the layer, its place, and what was put there instead of it."""


def of(layer: Layer) -> Place | None:
    """Return where a layer stands; None for one that stands nowhere."""
    return _found(layer)[0]


def keep(layer: Layer, place: Place | None, now: Layer | None = None) -> None:
    """Keep in mind where a layer stands, and what was put there instead of it.

    One without weights stands nowhere.
    """
    number = id(layer)

    # By default, since at exit the names of a module may be gone.
    def forget(dead: Any, places: dict[int, Any] = _PLACES) -> None:
        if number in places and places[number][0] is dead:
            del places[number]

    try:
        found: Callable[[], Any] = weakref.ref(layer, forget)
    except TypeError:  # it has slots, and so is kept itself
        found = lambda: layer  # noqa: E731
    _PLACES[number] = found, place, now


def move(old: Layer, new: Layer) -> None:
    """Let a layer stand where another stood, with its weights."""
    old = latest(old)
    place = of(old)
    if old is not new:
        if place is not None:
            keep(new, place)
        keep(old, place, new)


def latest(layer: Layer) -> Layer:
    """Return what stands in the place of a layer now."""
    now = _found(layer)[1]
    return layer if now is None else latest(now)


def _found(layer: Layer) -> tuple[Place | None, Layer | None]:
    found, place, now = _PLACES.get(id(layer), (None, None, None))
    return (place, now) if found is not None and found() is layer else (None, None)


# The layers of networks, and their part of a state


def within(net: Any, prefix: Path = ()) -> Iterator[tuple[Path, Layer]]:
    """Yield the layers of a network, those within networks too, by their paths."""
    for name, layer in zip(net.names, net.layers, strict=True):
        if type(layer) in NETWORKS:
            yield from within(layer, (*prefix, name))
        else:
            yield (*prefix, name), layer


def exchanged(
    net: Any,
    new: Mapping[int, Layer],
    note: Callable[[Any, Any], None] = lambda *_: None,
) -> Any:
    """Return a network with other layers in place of some.

    Args:
        net: the network.
        new: the layers, by the identity of those in whose place they come.
        note: called with each network that changes, and with what becomes of it.
    """
    layers = [
        exchanged(layer, new, note)
        if type(layer) in NETWORKS
        else new.get(id(layer), layer)
        for layer in net.layers
    ]
    pairs = zip(net.layers, layers, strict=True)
    if not any(id(old) in new or one is not old for old, one in pairs):
        return net
    if isinstance(net, Graph):
        named = dict(zip(net.names, layers, strict=True))
        nodes = (
            dataclasses.replace(node, layer=named.get(node.name, node.layer))
            for node in net.nodes
        )
        changed = dataclasses.replace(net, nodes=tuple(nodes))
    else:
        changed = dataclasses.replace(net, layers=tuple(layers))
    note(net, changed)
    return changed


def at(variables: Variables, path: Path) -> Variables:
    """Return the part of one layer in the variables of a model."""
    params, state = variables
    for name in path:
        params, state = params.get(name, {}), state.get(name, {})
    return Variables(params, state)


def read(state: TrainState, places: dict[Path, Place], seen: dict[Path, int]) -> Any:
    """Return a state with what is newer in places.

    Args:
        state: of a model.
        places: those of its layers.
        seen: the versions that are in the state, which are brought up to date.
    """
    params, remembered = state.variables
    for path, place in places.items():
        if place.value is None or seen.get(path) == place.version:
            continue
        params = put(params, path, place.value.params)
        if jax.tree.leaves(place.value.state):
            remembered = put(remembered, path, place.value.state)
        seen[path] = place.version
    if params is state.params:
        return state
    return state.with_variables(Variables(params, remembered))


def write(state: TrainState, places: dict[Path, Place], seen: dict[Path, int]) -> None:
    """Put into the places that are shared what a state has; arguments as `read`."""
    for path, place in places.items():
        place.begun = True
        if place.is_shared:
            place.value = at(state.variables, path)
            place.version += 1
            seen[path] = place.version


def put(tree: Any, path: Path, value: Any) -> Any:
    """Return a tree of dictionaries with another value at a path."""
    if not path:
        return value
    first, *rest = path
    return tree | {first: put(tree.get(first, {}), tuple(rest), value)}

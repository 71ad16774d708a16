"""Weights that several models share, since a layer of one stands in another too.

As in Keras, what trains in one of them is trained in all. Each model has a state of its
own, of which the compiled programs make the next one; where a layer stands in several,
its weights are handed on through a cell: a model that has put another state writes it,
and one that is asked for its state reads what is newer there.
"""

import dataclasses
import weakref
from collections.abc import Iterator
from typing import Any, TypeAlias

import jax

from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.graph import NETWORKS, Graph
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.types import Layer, Variables

Path: TypeAlias = tuple[str, ...]


@dataclasses.dataclass(eq=False)
class Cell:
    """The weights of one layer, as far as several models have it.

    Attributes:
        value: its parameters and what it remembers; None until a model has any.
        version: how many times they were written.
        begun: whether a model ever had weights for it, shared or not.
        holders: the models that share it.
        copies: copies of a model with the same layer and weights of their own.
    """

    value: Variables | None = None
    version: int = 0
    begun: bool = False
    holders: Any = dataclasses.field(default_factory=weakref.WeakSet)
    copies: Any = dataclasses.field(default_factory=weakref.WeakSet)

    @property
    def shared(self) -> bool:
        """Whether it may hold something that another model has written."""
        return self.value is not None or len(self.holders) > 1

    @property
    def lost(self) -> bool:
        """Whether there were weights, and the model that had them is gone."""
        return self.begun and self.value is None and not self.holders


def paths(net: Composed, prefix: Path = ()) -> Iterator[tuple[Path, Layer]]:
    """Yield the layers of a network, those within networks too, by their paths."""
    for name, layer in zip(net.names, net.layers, strict=True):
        if isinstance(layer, Composed) and type(layer) in NETWORKS:
            yield from paths(layer, (*prefix, name))
        else:
            yield (*prefix, name), layer


def exchanged(net: Any, path: Path, layer: Layer) -> Any:
    """Return a network with another layer at a path."""
    first, *rest = path
    own = dict(zip(net.names, net.layers, strict=True))
    new = exchanged(own[first], tuple(rest), layer) if rest else layer
    if isinstance(net, Graph):
        nodes = tuple(
            dataclasses.replace(node, layer=new) if node.name == first else node
            for node in net.nodes
        )
        return dataclasses.replace(net, nodes=nodes)
    own[first] = new
    return dataclasses.replace(net, layers=tuple(own.values()))


def read(state: TrainState, cells: dict[Path, Cell], seen: dict[Path, int]) -> Any:
    """Return a state with what is newer in cells.

    Args:
        state: of a model.
        cells: those of its layers.
        seen: the versions that are in the state, which are brought up to date.
    """
    params, remembered = state.variables
    for path, cell in cells.items():
        if cell.value is None or seen.get(path) == cell.version:
            continue
        params = _put(params, path, cell.value.params)
        if jax.tree.leaves(cell.value.state):
            remembered = _put(remembered, path, cell.value.state)
        seen[path] = cell.version
    if params is state.params:
        return state
    return state.with_variables(Variables(params, remembered))


def write(state: TrainState, cells: dict[Path, Cell], seen: dict[Path, int]) -> None:
    """Put into the cells that are shared what a state has; arguments as `read`."""
    for path, cell in cells.items():
        cell.begun = True
        if cell.shared:
            cell.value = at(state.variables, path)
            cell.version += 1
            seen[path] = cell.version


def at(variables: Variables, path: Path) -> Variables:
    """Return the part of one layer, or of its shapes, in those of a model."""
    params, state = variables
    for name in path:
        params, state = params.get(name, {}), state.get(name, {})
    return Variables(params, state)


def _put(tree: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    first, *rest = path
    return tree | {first: _put(tree.get(first, {}), tuple(rest), value)}

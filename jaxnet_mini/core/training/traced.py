"""Numbers of layers that a compiled program takes as arguments.

A dropout rate is a constant of its program, as layers are frozen values: another rate
is another program. A `Traced` trainer has some of these numbers taken out, and all
that differ in these alone share one program.
"""

import copy
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.core import regularizers
from jaxnet_mini.core.layers.noise import RandomLayer
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.graph import NETWORKS, Graph
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Layer

Place: TypeAlias = tuple[str | int, ...]
"""Where a number stands in a network: fields of layers, and indices of tuples."""

_OF_REGULARIZERS = (regularizers.L1, regularizers.L2, regularizers.L1L2)


def places(net: Composed) -> dict[str, Place]:
    """Return where the numbers stand that can be traced, by path.

    >>> from jaxnet_mini.core.networks.serial import serial
    >>> from jaxnet_mini.layers import Dense, Dropout
    >>> places(serial(Dense(8, kernel_regularizer="l2"), Dropout(0.5)))
    {'dense/kernel_regularizer/l2': ('layers', 0, 'kernel_regularizer', 'l2'), \
'dropout/rate': ('layers', 1, 'rate')}
    """
    if isinstance(net, Graph):
        nodes = enumerate(net.nodes)
        where: dict[str, Place] = {
            node.name: ("nodes", i, "layer") for i, node in nodes
        }
    else:
        where = {name: ("layers", index) for index, name in enumerate(net.names)}
    return {
        f"{name}/{path}": (*where[name], *place)
        for name, layer in zip(net.names, net.layers, strict=True)
        for path, place in _of_layer(layer).items()
    }


def _of_layer(layer: Layer) -> dict[str, Place]:
    if isinstance(layer, Composed) and type(layer) in NETWORKS:
        return places(layer)
    found: dict[str, Place] = {}
    if isinstance(layer, RandomLayer) and attributes.is_ours(type(layer)):
        found[layer.strength_field] = (layer.strength_field,)
    if dataclasses.is_dataclass(layer):
        names = [f.name for f in dataclasses.fields(layer)]
        for name in (name for name in names if name.endswith("_regularizer")):
            regularizer = regularizers.get(getattr(layer, name))
            if isinstance(regularizer, _OF_REGULARIZERS):
                for own in dataclasses.fields(regularizer):
                    found[f"{name}/{own.name}"] = (name, own.name)
    return found


def replaced(
    net: Any,
    places: Sequence[Place],
    numbers: Sequence[Any],
    replace: Callable[..., Any] = dataclasses.replace,
) -> Any:
    """Return the network with other numbers, checked by the layers themselves.

    Args:
        net: the network.
        places: where the numbers stand.
        numbers: what is to stand there.
        replace: makes a layer with other fields of one; see `_unchecked`.

    Raises:
        ArgumentError: a number is none that its layer takes.
    """
    for place, number in zip(places, numbers, strict=True):
        net = _put(net, place, number, replace)
    return net


def _put(value: Any, place: Place, number: Any, replace: Callable[..., Any]) -> Any:
    if not place:
        return number
    first, *rest = place
    if isinstance(first, int):
        inner = _put(value[first], tuple(rest), number, replace)
        return (*value[:first], inner, *value[first + 1 :])
    inner = getattr(value, first)
    if isinstance(inner, str):
        inner = regularizers.get(inner)
    return replace(value, **{first: _put(inner, tuple(rest), number, replace)})


def _unchecked(value: Any, **changes: Any) -> Any:
    """Return the same with numbers that nobody can check: those of a tracing."""
    changed = copy.copy(value)
    for name, new in changes.items():
        object.__setattr__(changed, name, new)
    return changed


@jax.tree_util.register_pytree_node_class
@dataclasses.dataclass(frozen=True)
class Traced(Trainer):
    """A trainer whose programs take some numbers of its layers as arguments.

    As a pytree it has these as leaves: under ``jax.vmap`` many train at once.

    Args:
        places: where the numbers stand in ``net``.
        numbers: what stands there in place of what ``net`` has.
    """

    places: tuple[Place, ...] = ()
    numbers: tuple[Any, ...] = ()

    @functools.cached_property
    def _program(self) -> Trainer:
        return dataclasses.replace(self, optimizer=self.transformation)

    @functools.cached_property
    def _template(self) -> "Traced":
        """All but the numbers, the same for all that share a program."""
        return dataclasses.replace(self, numbers=())

    def tree_flatten(self) -> tuple[tuple[Any, ...], "Traced"]:
        """Return the numbers, and the rest."""
        return self.numbers, self._template

    @classmethod
    def tree_unflatten(cls, template: "Traced", numbers: Sequence[Any]) -> "Traced":
        """Return the trainer with numbers that may be tracers."""
        places, task = template.places, template.task
        filled: Traced = _unchecked(
            template,
            net=replaced(template.net, places, numbers, _unchecked),
            numbers=tuple(numbers),
        )
        # Layers with tracers cannot be taken apart, as they cannot be hashed.
        vars(filled)["task"] = task._replace(
            net=filled.net, bare=replaced(task.bare, places, numbers, _unchecked)
        )
        vars(filled)["_template"] = template
        return filled

"""What a model is made of, asked for one by one: layers, penalties, metrics."""

from collections.abc import Mapping
from typing import Any

from jax import Array

from jaxnet_mini.base import notices
from jaxnet_mini.core.metrics import Mean
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.graph import (
    names_are_given,
    names_in,
    outputs_are_keyed,
)
from jaxnet_mini.core.networks.order import by_depth, in_keras_order
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.sources import giver
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.devices import transfers
from jaxnet_mini.models import subclass
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.held import Held


class Listed(list[Any]):
    """The layers of a model in a list of its own: to change it changes no model."""

    def append(self, layer: Any) -> None:
        """Say so, and put a layer at the end of the list."""
        _tell()
        super().append(layer)

    def extend(self, layers: Any) -> None:
        """Likewise with several."""
        _tell()
        super().extend(layers)

    def insert(self, place: Any, layer: Any) -> None:
        """Likewise, somewhere else."""
        _tell()
        super().insert(place, layer)

    def pop(self, place: Any = -1) -> Any:
        """Say so, and take a layer from the list."""
        _tell()
        return super().pop(place)

    def __reduce_ex__(self, _: Any) -> Any:
        return list, (list(self),)


def _tell() -> None:
    notices.warn(
        "model.layers is a new list each time, and changing it changes no model: "
        "model.add(layer) and model.pop() do, and a new model may be made of "
        "list(model.layers)."
    )


def listed(blueprint: Blueprint) -> list[LayerOutline]:
    """Return those of a model's layers that `Model.layers` has, in Keras's order.

    Each `Input` is among them where layers were called on it, and what functions of
    `jaxnet_mini.ops` compute is not.
    """
    inputs, net = blueprint.inputs, blueprint.net
    parts = [*inputs, *subclass.expanded(blueprint.outline)]
    named = {part.name: part for part in parts if not isinstance(part.layer, Operation)}
    if not inputs:
        return [*named.values()]
    layers = _called(blueprint)
    sources: dict[str, list[str]] = {part.name: [] for part in inputs}
    for call in net.calls:
        sources[call.name] = [_giver(own, layers) for own in names_in(call.sources)]
    order = by_depth(sources, layers, _ends(blueprint, layers))
    return [named[name] for name in order if name in named]


def _called(blueprint: Blueprint) -> dict[str, str]:
    """Return which layer each call of a graph is of, by their names; inputs too."""
    layers = {part.name: part.name for part in blueprint.inputs}
    return layers | {call.name: call.weights for call in blueprint.net.calls}


def _giver(name: str, calls: Mapping[str, Any]) -> str:
    """Return which call gives an array: one may give several."""
    return name if name in calls else giver(name)[0]


def _ends(blueprint: Blueprint, calls: Mapping[str, Any]) -> list[str]:
    net: Any = blueprint.net
    return [_giver(name, calls) for name in in_keras_order(net.outputs)]


def output_names(blueprint: Blueprint) -> list[str]:
    """Return what `Model.output_names` does.

    Raises:
        AttributeError: the model is not written by calling layers.
    """
    if not blueprint.inputs:
        raise AttributeError(
            "only models that are written by calling layers have output_names, as in "
            "x = Input((4,)); Model(inputs=x, outputs=Dense(1)(x))."
        )
    layers = _called(blueprint)
    return [layers[name] for name in _ends(blueprint, layers)]


def penalties(held: Held) -> list[Array]:
    """Return what each layer adds to the loss, of those that add to it."""
    params = held.untrained().params
    with transfers.meant():
        found = [
            protocol.penalty(part.layer, params[part.name])
            for part in held.blueprint.shapes
        ]
    return [value for value in found if isinstance(value, Array)]


def metrics(held: Held) -> list[Any]:
    """Return what `evaluate` returns, in its order; nothing before ``compile``."""
    if held.trainer is None and not (held.is_compiled and held.blueprint.built):
        return []
    trainer = held.compiled()
    counted = trainer.all_metrics
    of_loss, *of_outputs = trainer.loss_names
    given = getattr(held.make, "keywords", {}).get("loss")
    if isinstance(given, Mapping) and outputs_are_keyed(trainer.net):
        own = [f"{name}_loss" for name in given]  # as in Keras in this order
        of_outputs.sort(key=own.index)
    total, *others = (Mean(name=name) for name in (of_loss, *of_outputs))
    if not names_are_given(trainer.net):
        return [total, *counted, *others]
    if trainer.outputs:
        counted = tuple(sorted(counted, key=lambda metric: metric.name))
    return [total, *others, *counted]

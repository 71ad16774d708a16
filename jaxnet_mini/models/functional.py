"""Models that are written by calling layers."""

import dataclasses
from typing import Any

import jax

from jaxnet_mini.base import policies, seeds
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.core import symbols
from jaxnet_mini.core.networks import symbolic
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.sources import as_inputs
from jaxnet_mini.core.networks.symbolic import Written
from jaxnet_mini.core.types import is_shape
from jaxnet_mini.data.arrays import check_by_name
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.models import places
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.held import Held


def as_layer(held: Held) -> Composed:
    """Return the layers of a model as one, by the model's name, for another model.

    Raises:
        StateError: there are none.
    """
    blueprint = held.blueprint
    blueprint.check_layers()
    known = blueprint.input_shape if is_shape(blueprint.input_shape) else None
    return dataclasses.replace(blueprint.net, name=blueprint.name, input_shape=known)


def build(held: Held, shape: Any) -> None:
    """Let a model take a shape of the inputs; of a class with a ``call`` also several.

    Raises:
        ShapeError: a layer cannot take what comes to it, or another shape is known.
    """
    layers: Any = held.blueprint.net.layers
    if is_shape(shape) or not (layers and hasattr(layers[0], "graph_for")):
        held.build(held.blueprint.for_inputs(shape))
        return
    net, shapes = layers[0].graph_for(shape)
    held.build(held.blueprint.for_inputs(shapes, net))


def called(held: Held, x: Any, training: bool | None) -> Any:
    """Return what a model will give, as a layer of another one; see `Model.__call__`.

    The model takes the shape that comes where it has none. It is the same layer at each
    call, so that in a model that calls it twice it stands once.
    """
    if not held.blueprint.built:
        symbols.called(as_layer(held), x, training)  # an error before it is built
        shape = jax.tree.map(lambda own: own.symbol.output_shape, as_inputs(x))
        held.build(held.blueprint.for_inputs(shape))
    check_by_name(held.blueprint.net, "inputs", x)
    if held.called is None or held.called[0] is not held.blueprint:
        held.called = held.blueprint, as_layer(held)
    return symbols.called(held.called[1], x, training)


def written(held: Held) -> Written:
    """Return what stands for what a model takes and gives, the same at each call.

    Raises:
        StateError: the input shape is not known yet.
    """
    if held.written is None or held.written.net is not held.blueprint.net:
        blueprint = held.blueprint
        shape = blueprint.known_shape
        held.written = symbolic.written(blueprint.net, shape, blueprint.declared)
    return held.written


def held_of(inputs: Any, outputs: Any, name: str | None, seed: int | None) -> Held:
    """Return what a model of the layers between inputs and outputs holds, see `Model`.

    Raises:
        ArgumentError, LayerError, ShapeError: there is no such model.
    """
    if inputs is None or outputs is None:
        raise ArgumentError(
            "Model takes inputs and outputs, as in x = Input((4,)); "
            "Model(inputs=x, outputs=Dense(1)(x)): give both."
        )
    seed = seeds.or_default(seed)
    name = "functional" if name is None else check_word("name", name)
    own = symbolic.graph_of(inputs, outputs, places.latest)
    if policies.chosen() is not None:
        own = own._replace(net=dataclasses.replace(own.net, dtype=policies.chosen()))
    given = [symbol.layer for symbol in own.inputs]
    blueprint = Blueprint(name, seed).with_net(own.net, own.input_shape, given)
    return Held(blueprint, written=own)

"""A network without its last activation, for a loss of the logits."""

import dataclasses

from jaxnet_mini.core import activations
from jaxnet_mini.core.layers import Activation, Base, Identity, Softmax
from jaxnet_mini.core.layers.dense import Dense
from jaxnet_mini.core.networks.graph import Graph, names_in
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.networks.sources import giver
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.core.types import Layer

_OF_UNITS = ((), (("axis", -1),))
"""What such a function of `ops` is called with besides its input."""


def without_last_activation(layer: Layer) -> tuple[Layer, activations.Activation]:
    """Split off the activation that a network ends with.

    Returns:
        The network up to it, with the same parameters, and the function; ``linear``
        where it ends with none.

    >>> import jaxnet_mini as jn
    >>> without_last_activation(jn.serial(jn.Dense(3, activation="softmax")))[0]
    serial(Dense(3))
    """
    if type(layer) is Serial and layer.layers:
        *first, last = layer.layers
        bare, activation = without_last_activation(last)
        if isinstance(bare, Identity) and bare is not last:
            # Parameters go by the names of layers, and this one's came from its class.
            bare = dataclasses.replace(bare, name=layer.names[-1])
        return dataclasses.replace(layer, layers=(*first, bare)), activation
    if type(layer) is Graph and isinstance(layer.outputs, str):
        return without_activation_of(layer, layer.outputs)
    # What is penalized is what the activation gives.
    if getattr(layer, "activity_regularizer", None) is not None:
        return layer, activations.linear
    # A subclass may do more after the activation, and so keeps it.
    if type(layer) is Dense or type(layer) is Activation:
        activation = activations.get(layer.activation)
        return dataclasses.replace(layer, activation=None), activation
    kind = "softmax" if type(layer) is Softmax else None
    if type(layer) is Operation and layer.arguments == ("{0}",):
        kind = layer.function if layer.options in _OF_UNITS else None
    if kind in ("sigmoid", "softmax") and isinstance(layer, Base):
        place = Identity(input_shape=layer.input_shape, name=layer.name)
        return place, activations.get(kind)
    return layer, activations.linear


def without_activation_at(
    net: Layer, place: int
) -> tuple[Layer, activations.Activation]:
    """Split off the activation of the output at a place, the first of one alone."""
    if type(net) is Graph and not isinstance(net.outputs, str):
        return without_activation_of(net, names_in(net.outputs)[place])
    return without_last_activation(net)


def without_activation_of(
    net: Graph, name: str
) -> tuple[Graph, activations.Activation]:
    """Split off the activation of a node that gives one output and nothing else.

    Returns:
        The graph without it, and the function; the same graph and ``linear`` where the
        node's layer or what it gives is used elsewhere too.
    """
    used = [giver(s)[0] for node in net.nodes for s in names_in(node.sources)]
    used += [node.layer for node in net.nodes if isinstance(node.layer, str)]
    at = [node.name for node in net.nodes].index(giver(name)[0])
    end = net.nodes[at]
    if isinstance(end.layer, str) or end.name in used or end.name != name:
        return net, activations.linear
    bare, activation = without_last_activation(end.layer)
    end = dataclasses.replace(end, layer=bare)
    nodes = (*net.nodes[:at], end, *net.nodes[at + 1 :])
    return dataclasses.replace(net, nodes=nodes), activation

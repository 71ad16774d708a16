"""A network without its last activation, for a loss of the logits."""

import dataclasses

from jaxnet_mini.core import activations
from jaxnet_mini.core.layers import Activation, Identity, Softmax
from jaxnet_mini.core.layers.dense import Dense
from jaxnet_mini.core.networks.graph import Graph
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.types import Layer


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
    if type(layer) is Graph and _ends_once(layer):
        *before, end = layer.nodes
        bare, activation = without_last_activation(end.layer)
        nodes = (*before, dataclasses.replace(end, layer=bare))
        return dataclasses.replace(layer, nodes=nodes), activation
    # What is penalized is what the activation gives.
    if getattr(layer, "activity_regularizer", None) is not None:
        return layer, activations.linear
    # A subclass may do more after the activation, and so keeps it.
    if type(layer) is Dense or type(layer) is Activation:
        activation = activations.get(layer.activation)
        return dataclasses.replace(layer, activation=None), activation
    if type(layer) is Softmax:
        place = Identity(input_shape=layer.input_shape, name=layer.name)
        return place, activations.softmax
    return layer, activations.linear


def _ends_once(net: Graph) -> bool:
    """Tell whether a graph has one output, by a layer that is called there alone."""
    end = net.nodes[-1]
    shared = [node.layer for node in net.nodes if isinstance(node.layer, str)]
    return end.name == net.outputs and not {end.name, end.layer}.intersection(shared)

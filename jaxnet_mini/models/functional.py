"""Models that are written by calling layers."""

from typing import Any

from jaxnet_mini.base import seeds
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.core.networks.symbolic import graph_of
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.models.blueprint import Blueprint


def blueprint_of(
    inputs: Any, outputs: Any, name: str | None, seed: int | None
) -> Blueprint:
    """Return the blueprint of the layers between inputs and outputs, see `Model`.

    Raises:
        ArgumentError, LayerError, ShapeError: there is no such model.
    """
    if inputs is None or outputs is None:
        raise ArgumentError(
            "Model takes inputs and outputs, as in x = Input((4,)); "
            "Model(inputs=x, outputs=Dense(1)(x)): give both."
        )
    seed = seeds.default_seed() if seed is None else seeds.check_seed(seed)
    name = "functional" if name is None else check_word("name", name)
    net, shape = graph_of(inputs, outputs)
    return Blueprint(name, seed).with_net(net, shape)

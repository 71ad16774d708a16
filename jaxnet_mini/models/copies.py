"""Models of layers that stand in others, with weights of their own."""

from typing import Any

from jaxnet_mini.base import seeds
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.models import held as holding
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.model import Model
from jaxnet_mini.models.sequential import Sequential


def of_copied(
    net: Composed, shape: Any, name: str, seed: int | None, like: Any
) -> Model:
    """Return a model of layers that stand in others: a `Sequential` of those in a row.

    Args:
        net: the layers.
        shape: of the inputs; None where it is not known.
        name: shown by `summary`.
        seed: of its weights; None for the default.
        like: the model that it is a copy of; None where it is one of several.
    """
    family = None if like is None else holding.of(like).blueprint
    seed = seeds.or_default(seed)
    kind = Sequential if type(net) is Serial else Model
    return kind.of_blueprint(Blueprint(name, seed).of_copied(net, shape, family))

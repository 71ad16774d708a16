"""``predict`` of some rows by the shortest way: a model is asked once, not each time.

Code that acts on each prediction asks for one row at a time, and a small network takes
less for it than all the questions of the general way (`jaxnet_mini.models.inference`).
Here they are asked of each new blueprint. What is left to the general way, errors too,
is what has to be looked at more closely; both ways end in the same program.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.composed import indexed
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.data.stacks import single_batch
from jaxnet_mini.devices.at_once import Weights
from jaxnet_mini.loops.predict import predict_batch
from jaxnet_mini.models.blueprint import Blueprint

MOST_ROWS = 1024
"""With more, what is not a product counts, too: copies, functions of each number."""


class FewRows:
    """What predictions of some rows know of the model that holds this.

    A copy of the model finds it out for itself.

    Attributes:
        weights: where a program takes them soonest.
    """

    def __init__(self) -> None:
        self.weights = Weights()
        self._asked: tuple[Blueprint | None, Any] = None, None

    def __reduce__(self) -> tuple[type["FewRows"], tuple[()]]:
        return FewRows, ()

    def predicted(
        self, blueprint: Blueprint, untrained: Callable[[], TrainState], x: Any
    ) -> Any:
        """Return the outputs for rows of an array; None where the general way is due.

        Args:
            blueprint: of the model.
            untrained: returns its state, see `jaxnet_mini.models.held.Held`.
            x: what the model was given.

        Raises:
            DataError: see `jaxnet_mini.data.casting.fill`.
        """
        if self._asked[0] is not blueprint:
            self._asked = blueprint, _plain_shape(blueprint)
        shape = self._asked[1]
        if shape is None or type(x) is not np.ndarray or x.shape[1:] != shape:
            return None
        rows = len(x)
        if not 0 < rows <= MOST_ROWS or x.dtype.kind not in "fiu":
            return None
        known = untrained().variables
        variables = self.weights.of(known, rows)
        if variables is known:
            return None
        batch = single_batch(x, MOST_ROWS)
        return predict_batch(blueprint.traced, variables, batch, rows, None)


def _plain_shape(blueprint: Blueprint) -> Any:
    """Return the shape of an input of which nothing is to be asked but that, or None.

    There is one, no layer takes it as categories, each row is computed by itself, and
    nothing is drawn at random.
    """
    net = blueprint.net
    if not blueprint.built or isinstance(blueprint.input_shape, dict):
        return None
    if not protocol.acts_by_row(net) or protocol.always_training(net):
        return None
    shape: Any = blueprint.input_shape
    several = any(True for _ in indexed(net, net.named_inputs(shape)))
    return None if several else shape

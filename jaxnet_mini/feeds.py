"""Examples on their way into the compiled loop, piece by piece."""

import functools
from collections.abc import Generator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

from jaxnet_mini.data import Data
from jaxnet_mini.placement import Placement
from jaxnet_mini.plans import Plan


class Piece(NamedTuple):
    """What one call of the compiled loop may run through, on the device.

    Args:
        examples: rows.
        order: which of them goes where, see `jaxnet_mini.data.order`.
        first: the first step to take of that order.
        last: the step before which to stop.
    """

    examples: Data
    order: Any
    first: int
    last: int


@runtime_checkable
class Feed(Protocol):
    """Where the examples of training come from."""

    def shapes(self, plan: Plan) -> tuple[Any, Any]:
        """Return examples and order of a piece, or their shapes, to compile for."""

    def empty(self, plan: Plan) -> tuple[Data, Any]:
        """Return examples and order on the device, for a loop of no steps."""

    def pieces(
        self, plan: Plan, epoch: int, done: int = 0
    ) -> Generator[Piece, None, None]:
        """Yield the pieces of an epoch, without its first ``done`` steps."""


class Resident:
    """Examples that lie on the device as a whole, put there when first used.

    Args:
        examples: all rows on the host, see `jaxnet_mini.data.resident`.
        placement: where to put them.
    """

    def __init__(self, examples: Data, placement: Placement) -> None:
        self._host = examples
        self._placement = placement

    @functools.cached_property
    def _device(self) -> Data:
        placed: Data = self._placement.everywhere(self._host)
        return placed

    def shapes(self, plan: Plan) -> tuple[Any, Any]:
        """Return their shapes and that of an order."""
        shapes = jax.tree.map(_shape, (self._host, plan.no_order))
        return self._placement.everywhere(shapes[0]), self._placement.order(shapes[1])

    def empty(self, plan: Plan) -> tuple[Data, Any]:
        """Return all examples, and an order of nothing."""
        return self._device, self._placement.order(plan.no_order)

    def pieces(
        self, plan: Plan, epoch: int, done: int = 0
    ) -> Generator[Piece, None, None]:
        """Yield all examples for each pass, with its order."""
        for number, first, last in plan.pieces(epoch, done):
            order = self._placement.order(plan.order(number))
            yield Piece(self._device, order, first, last)


def _shape(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(array), array.dtype)

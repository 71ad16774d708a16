"""Examples on their way into the compiled loop, piece by piece."""

import copy
import functools
from collections.abc import Generator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.training.state import NO_ROW, Data, length
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices import placement, transfers
from jaxnet_mini.devices.placement import Placement


class Piece(NamedTuple):
    """What one call of the compiled loop may run through, on the device.

    Args:
        examples: rows.
        order: which of them goes where, see `jaxnet_mini.data.epoch_order`.
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

    def at(self, place: Placement) -> "Feed":
        """Return the same examples on their way to another device of this CPU."""


class Resident:
    """Examples that lie on the device as a whole, put there when first used.

    Args:
        examples: all rows on the host, see `jaxnet_mini.data.resident`.
        place: where to put them.
    """

    def __init__(self, examples: Data, place: Placement) -> None:
        self._host: Any = examples
        self._shapes = jax.tree.map(_shape, examples)
        self._placement = place

    @functools.cached_property
    def _device(self) -> Data:
        placed: Data = self._placement.put(self._placement.everywhere(self._taken()))
        return placed

    def _taken(self) -> Any:
        """Return them from the host, which need not have what is on the device."""
        taken, self._host = self._host, None
        return taken

    def at(self, place: Placement) -> "Resident":
        """Return the same examples for another device of this CPU, which shares them.

        XLA's memory is aligned as it has to be for that.
        """
        other = copy.copy(self)
        other._placement = place
        other._device = place.put(jax.tree.map(transfers.to_host, self._device))
        return other

    def shapes(self, plan: Plan) -> tuple[Any, Any]:
        """Return their shapes and that of an order."""
        order = self._placement.order(_shape(plan.no_order))
        return self._placement.everywhere(self._shapes), order

    def empty(self, plan: Plan) -> tuple[Data, Any]:
        """Return all examples, and an order of nothing."""
        return self._device, self._placement.order(plan.no_order)

    def pieces(
        self, plan: Plan, epoch: int, done: int = 0
    ) -> Generator[Piece, None, None]:
        """Yield all examples for each pass, with its order."""
        for number, first, last in plan.pieces(epoch, done):
            order = self._placement.order(self._order(plan, number))
            yield Piece(
                self._device, self._placement.put_on_its_own(order), first, last
            )

    def _order(self, plan: Plan, number: int) -> NDArray[Any]:
        return plan.order(number)


class Shared(Resident):
    """Examples of which each process has a share; all devices are given all of them.

    The order is that of one process that has all rows, those of the first process
    first.

    Args:
        examples: this process's share, padded to as many rows in each.
        rows: how many rows each process has.
        place: where to put them.
    """

    def __init__(self, examples: Data, rows: NDArray[Any], place: Placement) -> None:
        super().__init__(examples, place)
        capacity = length(examples.x)
        starts = np.arange(len(rows), dtype=np.int32) * capacity
        own = [start + np.arange(n) for start, n in zip(starts, rows, strict=True)]
        # The last entry is where NO_ROW, -1, leads.
        self._places = np.append(np.concatenate(own), NO_ROW).astype(np.int32)
        self._shares = len(rows)

    @functools.cached_property
    def _device(self) -> Data:
        x, y, weight, rows = self._taken()
        x, y, weight = placement.shared((x, y, weight), self._placement)
        return Data(x, y, weight, self._placement.everywhere(rows))

    def shapes(self, plan: Plan) -> tuple[Any, Any]:
        """Return their shapes and that of an order."""

        def whole(shape: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
            if not shape.shape:
                return shape
            rows, *rest = shape.shape
            return jax.ShapeDtypeStruct((rows * self._shares, *rest), shape.dtype)

        examples = jax.tree.map(whole, self._shapes)
        order = self._placement.order(_shape(plan.no_order))
        return self._placement.everywhere(examples), order

    def _order(self, plan: Plan, number: int) -> NDArray[Any]:
        moved: NDArray[Any] = self._places[plan.order(number)]
        return moved


def _shape(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(array), array.dtype)

"""Stacks of batches, for an evaluation or a prediction: of arrays, or as they come."""

import dataclasses
import functools
from collections.abc import Callable, Generator, Iterator
from threading import Event
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.ahead import ahead
from jaxnet_mini.core.training.state import Data, length
from jaxnet_mini.data import fit_arguments
from jaxnet_mini.data.buffers import Buffers, Gathered
from jaxnet_mini.data.casting import (
    check_block,
    device_dtype,
    fill,
    row_bytes,
)
from jaxnet_mini.data.checked_batches import CheckedBatches, grown
from jaxnet_mini.data.checks import NAMES, Examples
from jaxnet_mini.data.epoch_order import rounded_steps, steps_for


class BatchStacks:
    """What `Stacks` is of arrays: each batch is a stack of its own.

    So loss and metrics see the batches that the user knows. A batch is padded to the
    size of the first, or of a larger one that came before it.

    Args:
        checked: where the batches come from.

    Attributes:
        batches: how many an evaluation has; None where nobody knows it.
        rows: how many examples these have; where nobody knows it, one of them.
        begun: how many times they were run through.
        first: the first batch.
    """

    def __init__(self, checked: CheckedBatches) -> None:
        self._checked = checked
        self._buffers = Buffers()
        self.first = checked.first
        self._size = self.first.length
        self.batches = checked.steps
        self.rows = (self.batches or 1) * self._size
        self.begun = 0

    def stack(self, number: int) -> Data:
        """Return a stack that looks like all others, whatever its number."""
        del number
        return self._stack(self.first, self._size)

    def runs(self, stepwise: bool) -> Generator[tuple[Data, int, int], None, None]:
        """Yield each batch as a stack, with the steps to run of it.

        Raises:
            ArgumentError, DataError, ShapeError: a batch is bad or does not come.
        """
        del stepwise  # each is a step
        begun, self.begun = self.begun, self.begun + 1

        def made(ended: Event) -> Iterator[tuple[Data, int, int]]:
            for _ in self._checked.go_to(begun, 0):
                if ended.is_set():
                    return
            size, left = self._size, self.batches
            while left is None or left:
                batch = self._checked.next()
                if batch is None:
                    return
                size = grown(size, batch.length)
                with self._checked.named():
                    # Copied before the next one comes: many refill one buffer.
                    stack = self._stack(batch, size)
                yield stack, 0, 1
                left = None if left is None else left - 1

        with self._checked.epoch():
            yield from ahead(made)

    def _stack(self, batch: Examples, size: int) -> Data:
        gathered = Gathered(self.first, size, self._buffers)
        gathered.put(0, batch)
        x, y, weight, rows = gathered.done()
        x, y, weight = jax.tree.map(lambda array: array[None], (x, y, weight))
        return Data(x, y, weight, rows)


ROWS_AT_ONCE = 256
"""What an evaluation or a prediction computes at a time, unless told otherwise: with
784 features 32 rows at a time take twice as long, and more than 256 gain nothing."""


STACK_STEPS = 64


STACK_ROWS = 2048


STACK_BYTES = 64 << 20
"""What an evaluation or a prediction puts on the device at a time: at most so many
batches, and of these one, or as many as keep to so many rows and bytes."""


def single_batch(x: Any, batch_size: int) -> Any:
    """Return inputs of at most ``batch_size`` rows as they go to the device.

    They are padded to a power of two, so that few sizes share all programs. What
    needs neither padding nor another dtype is not copied.

    Raises:
        DataError: see `fill`.
    """
    capacity = min(batch_size, 1 << (length(x) - 1).bit_length())

    def ready(name: str, x: NDArray[Any]) -> NDArray[Any]:
        whole = len(x) == capacity and x.flags.c_contiguous
        if whole and device_dtype(x.dtype) == x.dtype:
            check_block(x, x, 0, name)
            return x
        return fill(x, capacity, name)

    if isinstance(x, np.ndarray):
        return ready(NAMES[0], x)
    return Examples(x, None, None).mapped(ready).x


@dataclasses.dataclass(frozen=True)
class Stacks:
    """Examples cut into stacks of batches, all of one shape.

    Args:
        rows: how many examples there are.
        batch_size: examples in a batch.
        steps: batches in a stack.
        stack: a function that returns the stack of a number from 0 on, with arrays of
            shape ``(steps, batch_size, ...)``.
    """

    rows: int
    batch_size: int
    steps: int
    stack: Callable[[int], Data]

    def __len__(self) -> int:
        """Return the number of stacks."""
        return steps_for(self.rows, self.steps * self.batch_size)

    @property
    def batches(self) -> int:
        """The number of batches that hold rows."""
        return steps_for(self.rows, self.batch_size)

    def runs(self, stepwise: bool) -> Generator[tuple[Data, int, int], None, None]:
        """Yield a stack with the batches to run: all with rows, or one at a time."""
        for number in range(len(self)):
            stack = self.stack(number)
            last = min(self.steps, self.batches - number * self.steps)
            if stepwise:
                yield from ((stack, step, step + 1) for step in range(last))
            else:
                yield stack, 0, last

    def placed(self, put: Callable[[Data], Data] = jax.device_put) -> "PlacedStacks":
        """Return the same with each stack made once, and put on the device."""
        made = functools.cache(lambda number: put(self.stack(number)))
        return PlacedStacks(self.rows, self.batch_size, self.steps, made)


class PlacedStacks(Stacks):
    """Stacks that stay once they are made."""

    def make(self) -> None:
        """Make all of them."""
        for number in range(len(self)):
            self.stack(number)


def cut(
    x: Any,
    y: Any,
    weight: Any,
    batch_size: int,
    prefix: str = "",
    first_row: int = 0,
) -> Stacks:
    """Cut examples into stacks, each copied and checked when it is asked for.

    One stack is computed while the next is copied, and however many rows there are, one
    program runs over all: more rows are more stacks, not larger ones.

    Args:
        x: inputs.
        y: targets, or None.
        weight: weights of the examples, or None.
        batch_size: examples in a batch.
        prefix: what a message puts before ``x``, ``y`` and ``sample_weight``.
        first_row: see `fill`, which tells what a stack may raise.
    """
    examples = Examples(x, y, weight)
    rows = examples.length
    row = max(1, row_bytes(x))
    limit = min(STACK_ROWS // batch_size, STACK_BYTES // (row * batch_size))
    limit = min(STACK_STEPS, 1 << (max(1, limit).bit_length() - 1))
    steps = min(limit, rounded_steps(steps_for(rows, batch_size)))
    capacity = steps * batch_size

    def stack(number: int) -> Data:
        first = number * capacity
        last = min(first + capacity, rows)

        def stacked(argument: str, array: NDArray[Any]) -> NDArray[Any]:
            filled = fill(array, capacity, prefix + argument, first_row + first)
            return filled.reshape(steps, batch_size, *array.shape[1:])

        stacks = examples.rows(first, last).mapped(stacked)
        return Data(*stacks, rows=np.int32(last - first))

    return Stacks(rows, batch_size, steps, stack)


def rows_at_once(
    value: int | None,
    by_row: bool,
    watched: bool,
    shards: int,
    usual: int = fit_arguments.BATCH_SIZE,
) -> int:
    """Return how many examples to compute at a time where nothing is learned.

    Args:
        value: what the user says, checked; None leaves it to us.
        by_row: whether each example is known to be treated by itself, so that the
            number changes nothing but rounding.
        watched: whether callbacks are called at each batch.
        shards: how many devices share a batch.
        usual: what None stands for where the number can be seen.
    """
    size = ROWS_AT_ONCE if by_row and not watched else usual
    if value is not None:
        size = value
    # What the devices do not divide is computed as a whole on each of them.
    return size + -size % shards if by_row and not watched else size

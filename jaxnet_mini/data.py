"""Data on their way to the device: padding, stacks, order.

Everything here runs on the host, in NumPy, before anything is compiled.
"""

import dataclasses
import math
from collections.abc import Callable, Generator, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.casting import check_block, device_dtype, fill
from jaxnet_mini.checks import NAMES, Examples
from jaxnet_mini.core.training.state import NO_ROW, Data

PIECE_ROWS = 2048
"""What a CPU computes of a batch at a time, at most: measured with 784 features, a step
of 8,192 rows takes 1.4 times as long as its four pieces, which stay in the cache."""

ROWS_AT_ONCE = 256
"""What an evaluation or a prediction computes at a time, unless told otherwise: with
784 features 32 rows at a time take twice as long, and more than 256 gain nothing."""

STACK_STEPS = 64
STACK_ROWS = 2048
STACK_BYTES = 64 << 20
"""What an evaluation or a prediction puts on the device at a time: at most so many
batches, and of these one, or as many as keep to so many rows and bytes."""


def steps_for(rows: int, batch_size: int) -> int:
    """Return the number of batches; the last may be ragged."""
    return -(-rows // batch_size)


def rounded_steps(steps: int) -> int:
    """Round up so that data sets of nearly equal size share a compiled program.

    To a power of two up to 64, beyond that to one of eight sizes per doubling: at
    most an eighth is padding, and padding is never computed.

    >>> [rounded_steps(steps) for steps in (1, 3, 47, 65, 1875)]
    [1, 4, 64, 72, 1920]
    """
    magnitude = (steps - 1).bit_length()
    if magnitude <= 6:
        return int(1 << magnitude)
    unit = 1 << (magnitude - 4)
    return int(-(-steps // unit) * unit)


def padded_rows(rows: int, batch_size: int) -> int:
    """Return how many rows `resident` makes of them."""
    return rounded_steps(steps_for(rows, batch_size)) * batch_size


def resident_bytes(examples: Examples, batch_size: int) -> int:
    """Return what `resident` takes on the device."""
    return nbytes(examples, padded_rows(len(examples.x), batch_size))


def nbytes(examples: Examples, rows: int) -> int:
    """Return what so many rows like these take on the device."""
    return sum(
        rows * math.prod(array.shape[1:]) * device_dtype(array.dtype).itemsize
        for array in examples
        if array is not None
    )


def resident(examples: Examples, batch_size: int) -> Data:
    """Return all examples as they go to the device, padded to a rounded size."""
    return padded(examples, padded_rows(len(examples.x), batch_size))


def padded(examples: Examples, capacity: int) -> Data:
    """Return examples as they go to the device, of so many rows; see `fill`."""
    x, y, weight = (
        None if array is None else fill(array, capacity, name)
        for array, name in zip(examples, NAMES, strict=True)
    )
    return Data(x, y, weight, np.int32(len(examples.x)))


def single_batch(x: NDArray[Any], batch_size: int) -> NDArray[Any]:
    """Return inputs of at most ``batch_size`` rows as they go to the device.

    They are padded to a power of two, so that few sizes share all programs. What
    needs neither padding nor another dtype is not copied.

    Raises:
        DataError: see `fill`.
    """
    capacity = min(batch_size, 1 << (len(x) - 1).bit_length())
    ready = len(x) == capacity and x.flags.c_contiguous
    if ready and device_dtype(x.dtype) == x.dtype:
        check_block(x, x, 0, "x")
        return x
    return fill(x, capacity, "x")


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

    def placed(self, put: Callable[[Data], Data] = jax.device_put) -> "Stacks":
        """Return the same with all stacks made, once, and put on the device."""
        stacks = [put(self.stack(number)) for number in range(len(self))]
        return dataclasses.replace(self, stack=stacks.__getitem__)


def batches(
    x: NDArray[Any],
    y: NDArray[Any] | None,
    weight: NDArray[Any] | None,
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
    rows = len(x)
    row_bytes = max(1, math.prod(x.shape[1:])) * device_dtype(x.dtype).itemsize
    limit = min(STACK_ROWS // batch_size, STACK_BYTES // (row_bytes * batch_size))
    limit = min(STACK_STEPS, 1 << (max(1, limit).bit_length() - 1))
    steps = min(limit, rounded_steps(steps_for(rows, batch_size)))
    capacity = steps * batch_size

    def stack(number: int) -> Data:
        first = number * capacity
        last = min(first + capacity, rows)

        def stacked(array: NDArray[Any], argument: str) -> NDArray[Any]:
            own = prefix + argument
            filled = fill(array[first:last], capacity, own, first_row + first)
            return filled.reshape(steps, batch_size, *array.shape[1:])

        return Data(
            x=stacked(x, "x"),
            y=None if y is None else stacked(y, "y"),
            weight=None if weight is None else stacked(weight, "sample_weight"),
            rows=np.int32(last - first),
        )

    return Stacks(rows, batch_size, steps, stack)


def pieces_of(batch_size: int) -> int:
    """Return in how many equal pieces of at most `PIECE_ROWS` to compute a batch.

    A batch without such a divisor stays whole.

    >>> [pieces_of(size) for size in (32, 2048, 8192, 6000, 2053)]
    [1, 1, 4, 3, 1]
    """
    least = -(-batch_size // PIECE_ROWS)
    divisors = (
        number for number in range(least, 2 * least) if batch_size % number == 0
    )
    return next(divisors, 1)


def order(
    seed: Sequence[int],
    epoch: int,
    rows: int,
    batch_size: int,
    shuffle: bool = True,
    pieces: int = 1,
) -> NDArray[Any]:
    """Return which row goes where in an epoch, ``(steps, batch)`` of ``int32``.

    It depends on the seed and the epoch only. Places without a row hold `NO_ROW`. With
    several pieces the shape is ``(steps, pieces, batch // pieces)``.

    >>> order([0], epoch=0, rows=3, batch_size=2, shuffle=False)
    array([[ 0,  1],
           [ 2, -1]], dtype=int32)
    """
    shape = order_shape(rows, batch_size, pieces)
    places = np.full(math.prod(shape), NO_ROW, np.int32)
    places[:rows] = np.arange(rows, dtype=np.int32)
    if shuffle:
        # NumPy's permutation takes a thirtieth of the time of jax.random's.
        # Its length makes (3,) in epoch 4 another seed than (3, 4) in epoch 0.
        generator = np.random.default_rng([len(seed), *seed, epoch])
        generator.shuffle(places[:rows])
    return places.reshape(shape)


def order_shape(rows: int, batch_size: int, pieces: int = 1) -> tuple[int, ...]:
    """Return the shape of an `order`."""
    steps = rounded_steps(steps_for(rows, batch_size))
    return pieces_shape(steps, batch_size, pieces)


def pieces_shape(steps: int, batch_size: int, pieces: int) -> tuple[int, ...]:
    """Return the shape of an order of so many steps."""
    if pieces == 1:
        return steps, batch_size
    return steps, pieces, batch_size // pieces

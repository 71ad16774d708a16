"""Which row goes where in an epoch, and in how many steps and pieces."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.training.state import NO_ROW

PIECE_ROWS = 2048
"""What a CPU computes of a batch at a time, at most: measured with 784 features, a step
of 8,192 rows takes 1.4 times as long as its four pieces, which stay in the cache."""


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
    several pieces the shape is ``(steps, pieces, batch // pieces)``. The seed of
    `Model.fit` is ``(model.seed, steps taken before)``, or ``(seed,)`` where it is
    given one.

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

"""Data on their way to the device: rows padded so that sizes share a program.

Everything here runs on the host, in NumPy, before anything is compiled.
"""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.training.state import Data
from jaxnet_mini.data import in_place
from jaxnet_mini.data.casting import check, fill, row_bytes
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.epoch_order import rounded_steps, steps_for


def padded_rows(rows: int, batch_size: int) -> int:
    """Return how many rows `resident` makes of them."""
    return rounded_steps(steps_for(rows, batch_size)) * batch_size


def resident_bytes(examples: Examples, batch_size: int, shared: bool = False) -> int:
    """Return what `resident` takes on the device besides what is there already."""
    arrays: Any = tuple(examples)
    if shared:
        arrays = [a for a in jax.tree.leaves(arrays) if not in_place.fits(a)]
    return padded_rows(examples.length, batch_size) * row_bytes(arrays)


def nbytes(examples: Examples, rows: int) -> int:
    """Return what so many rows like these take on the device."""
    return rows * row_bytes(tuple(examples))


def resident(examples: Examples, batch_size: int, shared: bool = False) -> Data:
    """Return all examples as they go to the device, padded to a rounded size.

    Args:
        examples: all of them.
        batch_size: examples in a step.
        shared: whether the device may read large arrays where they lie: what is
            written into them while it does is what it learns from.

    Raises:
        DataError: see `fill`.
    """
    capacity = padded_rows(examples.length, batch_size)

    def ready(name: str, array: NDArray[Any]) -> Any:
        if not (shared and in_place.fits(array)):
            return fill(array, capacity, name)
        check(array, name)
        return in_place.flat_rows(array)

    return Data(*examples.mapped(ready), np.int32(examples.length))


def padded(examples: Examples, capacity: int) -> Data:
    """Return examples as they go to the device, of so many rows; see `fill`."""
    filled = examples.mapped(lambda name, array: fill(array, capacity, name))
    return Data(*filled, np.int32(examples.length))

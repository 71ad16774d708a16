"""Data on their way to the device: rows padded so that sizes share a program.

Everything here runs on the host, in NumPy, before anything is compiled.
"""

import numpy as np

from jaxnet_mini.core.training.state import Data
from jaxnet_mini.data.casting import fill, row_bytes
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.epoch_order import rounded_steps, steps_for


def padded_rows(rows: int, batch_size: int) -> int:
    """Return how many rows `resident` makes of them."""
    return rounded_steps(steps_for(rows, batch_size)) * batch_size


def resident_bytes(examples: Examples, batch_size: int) -> int:
    """Return what `resident` takes on the device."""
    return nbytes(examples, padded_rows(examples.length, batch_size))


def nbytes(examples: Examples, rows: int) -> int:
    """Return what so many rows like these take on the device."""
    return rows * row_bytes(tuple(examples))


def resident(examples: Examples, batch_size: int) -> Data:
    """Return all examples as they go to the device, padded to a rounded size."""
    return padded(examples, padded_rows(examples.length, batch_size))


def padded(examples: Examples, capacity: int) -> Data:
    """Return examples as they go to the device, of so many rows; see `fill`."""
    filled = examples.mapped(lambda name, array: fill(array, capacity, name))
    return Data(*filled, np.int32(examples.length))

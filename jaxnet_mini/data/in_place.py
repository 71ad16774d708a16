"""Large arrays that a CPU reads where they lie, so that they are not there twice.

JAX takes over memory that begins at a multiple of `ALIGNMENT`, and large arrays of
NumPy begin 16 bytes behind one. So what is handed over begins up to 63 bytes before the
array, on the same page of memory, and `FlatRows` says where the rows are.
"""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.training.state import FlatRows
from jaxnet_mini.data.casting import ALIGNMENT, device_dtype

LEAST_BYTES = 64 << 20
"""Smaller arrays are copied, and rounded to sizes that share a compiled program; those
that stay where they lie have one for each number of rows."""

MOST_NUMBERS = np.iinfo(np.int32).max - ALIGNMENT
"""The compiled loop counts in ``int32``."""


def are_large(arrays: Any) -> bool:
    """Tell whether arrays together take as much as one that is not copied."""
    total: int = sum(array.nbytes for array in jax.tree.leaves(arrays))
    return total >= LEAST_BYTES


def fits(array: NDArray[Any]) -> bool:
    """Tell whether an array is large, and as the device would have it."""
    return bool(
        array.nbytes >= LEAST_BYTES
        and array.size <= MOST_NUMBERS
        and array.flags.c_contiguous
        and array.ctypes.data % array.itemsize == 0
        and device_dtype(array.dtype) == array.dtype
    )


def flat_rows(array: NDArray[Any]) -> FlatRows:
    """Return the rows of an array that `fits`, in its own memory."""
    memory = _Memory(array)
    return FlatRows(np.asarray(memory), memory.start, array.shape[1:])


class _Memory:
    """What NumPy makes an array of: the array's memory, and what is before it."""

    def __init__(self, array: NDArray[Any]) -> None:
        before = array.ctypes.data % ALIGNMENT
        self.start = before // array.itemsize
        self.array = array  # which lives as long as its memory is looked at
        self.__array_interface__ = {
            "version": 3,
            "shape": (self.start + array.size,),
            "typestr": array.dtype.str,
            "data": (array.ctypes.data - before, True),  # to be read only
        }

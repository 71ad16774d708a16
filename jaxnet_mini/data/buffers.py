"""Memory of the host that is used again once nothing looks at it any more."""

import math
import weakref
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.training.state import Data
from jaxnet_mini.data import casting
from jaxnet_mini.data.checks import Examples


class Buffers:
    """Gives out arrays, and takes their memory back when they have gone.

    The system clears memory that it hands out, which takes as long as a copy into it.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[NDArray[Any]]] = {}

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array of any content that JAX takes over on a CPU as it is.

        Its memory is used again when it and all that shares it, views of NumPy and
        arrays of JAX, have gone.
        """
        size = math.prod(shape) * dtype.itemsize
        if not size:
            return np.empty(shape, dtype)
        free = self._free.setdefault(size, [])
        memory = (
            free.pop() if free else casting.without_copy((size,), np.dtype(np.uint8))
        )
        # Not a view of an array: views of a view would keep alive what is below it, and
        # so they keep this one.
        whole = np.frombuffer(memory.data, np.uint8)
        weakref.finalize(whole, free.append, memory).atexit = False
        return whole.view(dtype).reshape(shape)


class Gathered:
    """Examples that are copied as they come, see `casting.Filling`.

    Args:
        like: examples of their dtypes and shapes.
        capacity: the rows of all arrays.
        buffers: gives them their memory.
    """

    def __init__(self, like: Examples, capacity: int, buffers: Buffers) -> None:
        self._parts = like.mapped(
            lambda name, a: casting.Filling(a, capacity, name, buffers.empty)
        )
        self._rows = 0

    def put(self, place: int, examples: Examples, first_row: int = 0) -> None:
        """Copy examples to a row behind all that are filled.

        Raises:
            DataError: see `casting.fill`; the examples then count as not put.
        """
        jax.tree.map(
            lambda part, array: part.put(place, array, first_row),
            self._parts,
            examples,
        )
        self._rows = place + examples.length

    def done(self) -> Data:
        """Return them on the host; rows without a value are 0."""
        done: Examples = jax.tree.map(lambda part: part.done(), self._parts)
        return Data(*done, np.int32(self._rows))

"""Memory of the host that is used again once nothing looks at it any more."""

import math
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.casting import aligned


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
        memory = free.pop() if free else aligned((size,), np.dtype(np.uint8))
        # Not a view of an array: views of a view would keep alive what is below it, and
        # so they keep this one.
        whole = np.frombuffer(memory.data, np.uint8)
        weakref.finalize(whole, free.append, memory).atexit = False
        return whole.view(dtype).reshape(shape)

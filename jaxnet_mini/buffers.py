"""Memory of the host that is used again once nothing looks at it any more."""

import math
import mmap
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Buffers:
    """Gives out arrays, and takes their memory back when they have gone.

    The system clears memory that it hands out, which takes as long as a copy into it.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[mmap.mmap]] = {}

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array of any content that JAX takes over on a CPU as it is.

        Its memory is used again when it and all that shares it, views of NumPy and
        arrays of JAX, have gone.
        """
        size = math.prod(shape) * dtype.itemsize
        free = self._free.setdefault(size, [])
        # Pages are aligned as JAX needs it.
        memory = free.pop() if free else mmap.mmap(-1, max(1, size))
        # Views keep this very array alive: it is the first that is not one of another.
        whole = np.frombuffer(memory, np.uint8)
        weakref.finalize(whole, free.append, memory).atexit = False
        return whole[:size].view(dtype).reshape(shape)

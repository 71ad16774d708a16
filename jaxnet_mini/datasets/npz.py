"""Reading npz archives, those with rows of different lengths too.

Such rows are an array of objects, which NumPy writes as a pickle, and a pickle may ask
for any function to be called. Here none is, not even NumPy's: a pickle is read with
stand-ins for the three names that an array needs, which do nothing but keep what they
are given. So nothing in a file is run, even where its sum had been checked against the
wrong one.
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import DataError

Rows = list[list[int]]
"""Rows of different lengths."""


class StandIn:
    """What a pickle makes in place of arrays and dtypes; it keeps what one would hold.

    Attributes:
        state: of an array version, shape, dtype, order and values.
    """

    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        """Take what an array would be made of, and make none."""

    def __setstate__(self, state: Any) -> None:
        self.state = state


NAMES = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}
"""What the pickle of an array asks for; the last two are one, by NumPy's version."""


class Reader(pickle.Unpickler):
    """Reads lists, tuples, numbers and strings, and stand-ins for arrays of them."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in.

        Raises:
            DataError: for anything else.
        """
        if (module, name) in NAMES:
            return StandIn
        raise DataError(
            f"expected rows of integers, came a pickle that asks for {module}.{name}, "
            "which was not run. The file is not the published one: fetch it again."
        )


def read(content: bytes, *keys: str) -> list[Any]:
    """Return arrays of an npz archive; those of objects as lists of lists of integers.

    Args:
        content: the whole archive.
        keys: the names of the arrays.

    Raises:
        DataError: an array of objects is anything else.

    >>> file, rows = io.BytesIO(), np.empty(2, object)
    >>> rows[:] = [1, 2], [3]
    >>> np.savez(file, x=rows, y=np.array([0, 1]))
    >>> read(file.getvalue(), "x", "y")
    [[[1, 2], [3]], array([0, 1])]
    """
    with np.load(io.BytesIO(content)) as archive:
        return [_read(archive, key) for key in keys]


def _read(archive: Any, key: str) -> NDArray[Any] | Rows:
    with archive.zip.open(f"{key}.npy") as stream:
        first = np.lib.format.read_magic(stream) == (1, 0)
        header = "read_array_header_1_0" if first else "read_array_header_2_0"
        shape, _, dtype = getattr(np.lib.format, header)(stream)
        if dtype.hasobject:
            return _rows(stream, shape)
    values: NDArray[Any] = archive[key]
    return values


def _rows(stream: Any, shape: tuple[int, ...]) -> Rows:
    state = getattr(Reader(stream).load(), "state", None)
    rows: Any = state[-1] if isinstance(state, tuple) else None
    listed = isinstance(rows, list) and (len(rows),) == shape
    if not listed or not all(map(_is_of_integers, rows)):
        raise DataError(
            "expected rows of integers, came other objects. The file is not the "
            "published one: fetch it again."
        )
    return list(rows)


def _is_of_integers(row: Any) -> bool:
    return isinstance(row, list) and set(map(type, row)) <= {int}

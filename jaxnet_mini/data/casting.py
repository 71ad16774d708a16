"""Arrays cast to the dtypes of the device, copied and checked, on the host in NumPy."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import interrupts
from jaxnet_mini.data.arrays import position
from jaxnet_mini.errors import DataError

BLOCK_BYTES = 1 << 20
"""Arrays are cast and checked in pieces that stay in a core's cache."""

ALIGNMENT = 64


def device_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype on the device: at most JAX's default width, at least float32.

    Integers of up to 32 bits and booleans stay as they are, so that images in
    ``uint8`` take a quarter of the memory; layers cast them when they compute.
    """
    if dtype == np.float32:  # by far the usual case; a prediction of one row waits here
        return dtype
    if dtype.kind not in "biu" and dtype.itemsize < 4:
        return np.dtype(np.float32)
    if dtype.kind == "f" and dtype.itemsize > 8:
        dtype = np.dtype(np.float64)
    native = dtype.newbyteorder("=")
    return np.dtype(jax.dtypes.canonicalize_dtype(native))


def on_device(rows: int, arrays: Any) -> Any:
    """Return shapes and dtypes that so many rows have on the device."""

    def of_one(array: NDArray[Any]) -> jax.ShapeDtypeStruct:
        dtype = device_dtype(array.dtype)
        return jax.ShapeDtypeStruct((rows, *array.shape[1:]), dtype)

    return jax.tree.map(of_one, arrays)


def row_bytes(tree: Any) -> int:
    """Return what a row of one array or several takes on the device."""
    return sum(
        math.prod(array.shape[1:]) * device_dtype(array.dtype).itemsize
        for array in jax.tree.leaves(tree)
    )


def check_block(
    source: NDArray[Any], cast: NDArray[Any], first_row: int, argument: str
) -> None:
    """Raise a DataError where a value was lost by the cast, or is not finite."""
    if cast.dtype.kind == "f":
        flat = cast.reshape(-1)
        # One dot product is the fastest way to see a NaN or an infinity; squares that
        # overflow are looked at a second time below.
        with np.errstate(over="ignore", invalid="ignore"):
            square = np.dot(flat, flat)
        if np.isfinite(square):
            return
        bad = ~np.isfinite(cast)
    elif cast.dtype != source.dtype:
        bad = cast != source
    else:
        return
    if not bad.any():
        return
    where, value = position(source, bad, first_row)
    if np.isfinite(value):
        raise DataError(
            f"{argument} holds {value} at {where}, which does not fit {cast.dtype}: "
            "rescale it, or switch 64-bit on with jax.config.update("
            "'jax_enable_x64', True)."
        )
    raise DataError(
        f"{argument} holds {value} at {where}: remove or replace NaN and infinity, for "
        "example with np.nan_to_num."
    )


def without_copy(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a new array that JAX takes over on a CPU as it is, without a copy."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def fill(
    array: NDArray[Any], capacity: int, argument: str, first_row: int = 0
) -> NDArray[Any]:
    """Copy ``array`` into a new one of ``capacity`` rows and the device's dtype.

    Rows beyond the given ones are 0.

    Args:
        array: what to copy.
        capacity: the rows of the result.
        argument: what a message calls the array.
        first_row: where it starts within what the user gave, for the message.

    Raises:
        DataError: a value is NaN, infinite, or does not fit the device's dtype.
    """
    filling = Filling(array, capacity, argument)
    filling.put(0, array, first_row)
    return filling.done()


class Filling:
    """A new array that takes over others as they come, see `fill`.

    Args:
        like: an array of their dtype and shape, whatever its rows.
        capacity: the rows of the new one.
        argument: what a message calls them.
        new: returns an array of a shape and a dtype.
    """

    def __init__(
        self,
        like: NDArray[Any],
        capacity: int,
        argument: str,
        new: Callable[[tuple[int, ...], np.dtype[Any]], NDArray[Any]] = without_copy,
    ) -> None:
        self._argument = argument
        self._array = new((capacity, *like.shape[1:]), device_dtype(like.dtype))
        self._end = 0

    def put(self, place: int, array: NDArray[Any], first_row: int = 0) -> None:
        """Copy an array to a row behind all that are filled.

        Raises:
            DataError: see `fill`; the array then counts as not put.
        """
        end = place + len(array)
        _copy(array, self._array[place:end], self._argument, first_row)
        # Only these: zeros for all would be written once more where memory is used
        # again.
        self._array[self._end : place] = 0
        self._end = end

    def done(self) -> NDArray[Any]:
        """Return the array; rows without a value are 0."""
        self._array[self._end :] = 0
        return self._array


def _copy(
    array: NDArray[Any], filled: NDArray[Any], argument: str, first_row: int
) -> None:
    for first, source in _blocks(array):
        cast = filled[first : first + len(source)]
        with np.errstate(over="ignore", invalid="ignore"):
            cast[...] = source
        check_block(source, cast, first_row + first, argument)


def check(array: NDArray[Any], argument: str, first_row: int = 0) -> None:
    """Raise a DataError where `fill` would, and copy no more than a block."""
    dtype = device_dtype(array.dtype)
    for first, source in _blocks(array):
        with np.errstate(over="ignore", invalid="ignore"):
            cast = source.astype(dtype, copy=False)
        check_block(source, cast, first_row + first, argument)


def _blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the rows of an array in blocks, each with the index of its first row."""
    row_bytes = max(1, array.itemsize * math.prod(array.shape[1:]))
    block = max(1, BLOCK_BYTES // row_bytes)
    for first in range(0, len(array), block):
        interrupts.let_in()
        yield first, array[first : first + block]

"""Data on their way in: checks, dtypes, order, padding, placement on the device.

Everything here runs on the host, in NumPy, before anything is compiled. JAX itself
would let most of these mistakes pass: labels out of range, shapes that broadcast,
integers that wrap.
"""

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int

from jaxnet_mini.errors import ArgumentError, DataError, ShapeError
from jaxnet_mini.losses import Loss
from jaxnet_mini.types import Shape

BLOCK_BYTES = 1 << 20
"""Arrays are cast and checked in pieces that stay in a core's cache."""


class Data(NamedTuple):
    """Examples, a pytree: on the device as a whole, or stacked as batches.

    ``x`` is ``(rows, ...)`` or ``(steps, batch, ...)``, ``y`` and ``weight`` likewise
    or None. The first ``rows`` examples count, in this order; the rest is padding.
    """

    x: Array
    y: Array | None
    weight: Array | None
    rows: Int[Array, ""]


def as_array(value: Any, argument: str) -> np.ndarray:
    """Return ``value`` as a numeric array with at least one row.

    Raises:
        DataError: it is None, ragged, masked, empty, or of no numeric dtype.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(
            f"{argument} is a masked array, and the mask would be lost: fill it with "
            f"{argument}.filled(value) or drop the masked rows."
        )
    if value is None:
        raise DataError(f"{argument} is None: give an array with one row per example.")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"{argument} is no rectangular array ({error}): all rows need one shape."
        ) from None
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise DataError(
            f"{argument} has dtype {array.dtype}, and numbers are expected: convert "
            f"it, for example with {argument}.astype('float32')."
        )
    if array.ndim == 0:
        raise DataError(f"{argument} is a single number: give one row per example.")
    if array.size == 0:
        raise DataError(
            f"{argument} is empty (shape {array.shape}): give at least one row."
        )
    return array


def device_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype on the device: at most JAX's default width, at least float32.

    Integers of up to 32 bits and booleans stay as they are, so that images in
    ``uint8`` take a quarter of the memory; layers cast them when they compute.
    """
    if dtype.kind not in "biu" and dtype.itemsize < 4:
        return np.dtype(np.float32)
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype))


def _position(array: np.ndarray, bad: np.ndarray) -> tuple[str, Any]:
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
    where = f"row {index[0]}"
    if len(index) > 1:
        where += f", position {index[1:] if len(index) > 2 else index[1]}"
    return where, array[index]


def _check_block(
    source: np.ndarray, cast: np.ndarray, first_row: int, argument: str
) -> None:
    if cast.dtype.kind == "f":
        flat = cast.reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            # One dot product is the fastest way to see a NaN or an infinity; squares
            # that overflow are looked at a second time below.
            if np.isfinite(np.dot(flat, flat)):
                return
        bad = ~np.isfinite(cast)
    elif cast.dtype != source.dtype:
        bad = cast != source
    else:
        return
    if not bad.any():
        return
    where, value = _position(source, bad)
    row = int(where.split(",")[0].removeprefix("row ")) + first_row
    where = where.replace(where.split(",")[0], f"row {row}", 1)
    if np.isfinite(value):
        raise DataError(
            f"{argument} holds {value!r} at {where}, which does not fit {cast.dtype}: "
            "rescale it, or switch 64-bit on with jax.config.update("
            "'jax_enable_x64', True)."
        )
    raise DataError(
        f"{argument} holds {value} at {where}: remove or replace NaN and infinity, for "
        "example with np.nan_to_num."
    )


def fill(array: np.ndarray, capacity: int, argument: str) -> np.ndarray:
    """Copy ``array`` into a new one of ``capacity`` rows and the device's dtype.

    Rows beyond the given ones are 0.

    Raises:
        DataError: a value is NaN, infinite, or does not fit the device's dtype.
    """
    dtype = device_dtype(array.dtype)
    filled = np.zeros((capacity, *array.shape[1:]), dtype)
    row_bytes = max(1, array.itemsize * math.prod(array.shape[1:]))
    block = max(1, BLOCK_BYTES // row_bytes)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(array), block):
            source = array[first : first + block]
            cast = filled[first : first + len(source)]
            cast[...] = source
            _check_block(source, cast, first, argument)
    return filled


def check_rows(rows: int, array: np.ndarray, argument: str, of: str = "x") -> None:
    """Raise a DataError where ``array`` has not one row per row of ``x``."""
    if len(array) != rows:
        raise DataError(
            f"{argument} has {len(array)} rows and {of} has {rows}: give one row of "
            f"{argument} for each row of {of}."
        )


def as_targets(
    value: Any, loss: Loss, output_shape: Shape, argument: str = "y"
) -> np.ndarray:
    """Return targets that fit the loss and the outputs; classes as ``int32``.

    Raises:
        ShapeError: their shape is not that of the outputs (without its last axis for
            integer classes).
        DataError: a class is no integer or out of range, a probability outside [0, 1].
    """
    array = as_array(value, argument)
    shape = array.shape[1:]
    if loss.targets == "anything":
        if {shape, output_shape} == {(), (1,)}:
            raise _shape_error(array, output_shape, argument)
        return array
    if loss.targets == "classes":
        return _as_classes(array, output_shape, argument)
    if shape != output_shape:
        raise _shape_error(array, output_shape, argument)
    if loss.targets == "probabilities":
        bad = ~((array >= 0) & (array <= 1))
        if bad.any():
            where, bad_value = _position(array, bad)
            raise DataError(
                f"{argument} holds {bad_value} at {where}, and {type(loss).__name__} "
                "expects targets from 0 to 1: use 0 and 1 for the two classes."
            )
    return array


def _shape_error(array: np.ndarray, output_shape: Shape, argument: str) -> ShapeError:
    rows = array.shape[0]
    expected = (rows, *output_shape)
    advice = "change the last layer's units, or the loss."
    if array.size == math.prod(expected):
        advice = f"use {argument}.reshape{expected}."
    elif array.ndim == 1:
        advice = (
            "for integer classes use loss='sparse_categorical_crossentropy', for "
            "values let the last layer have one unit."
        )
    return ShapeError(
        f"{argument} has shape {array.shape} and the outputs have shape {expected}, "
        f"which would not match row by row: {advice}"
    )


def _as_classes(array: np.ndarray, output_shape: Shape, argument: str) -> np.ndarray:
    classes = output_shape[-1] if output_shape else 0
    expected = output_shape[:-1]
    if array.shape[1:] not in (expected, (*expected, 1)):
        advice = "change the layers or the targets so that the shapes agree."
        if array.shape[1:] == output_shape:
            advice = "for one-hot targets use loss='categorical_crossentropy'."
        elif output_shape[1:] and not array.shape[1:]:
            advice = "the outputs have several axes: add Flatten() before Dense."
        raise ShapeError(
            f"{argument} has shape {array.shape} and the outputs have shape "
            f"{(array.shape[0], *output_shape)}: integer classes need shape "
            f"{(array.shape[0], *expected)}; {advice}"
        )
    if array.dtype.kind == "f":
        bad = array != np.floor(array)
        if bad.any():
            where, value = _position(array, bad)
            raise DataError(
                f"{argument} holds {value} at {where}, and classes are integers: "
                "use whole numbers, or a loss for values such as "
                "'mean_squared_error'."
            )
    low, high = array.min(), array.max()
    if low < 0 or high >= classes:
        where, value = _position(array, (array < 0) | (array >= classes))
        raise DataError(
            f"{argument} holds the class {value} at {where}, and the network has "
            f"{classes} outputs, for classes 0 to {classes - 1}: "
            + (
                "number the classes from 0."
                if value < 0
                else f"give the last layer at least {int(high) + 1} units."
            )
        )
    return array.astype(np.int32)


def as_weights(value: Any, rows: int, argument: str = "sample_weight") -> np.ndarray:
    """Return weights of shape ``(rows,)``.

    Raises:
        ShapeError: their shape is another.
        DataError: no numbers.
    """
    array = as_array(value, argument)
    if array.shape != (rows,):
        raise ShapeError(
            f"{argument} has shape {array.shape}: expected one number per example, "
            f"shape ({rows},)."
        )
    return array.astype(np.float64)


def class_weights(
    targets: np.ndarray, weights: Mapping[int, float], output_shape: Shape
) -> np.ndarray:
    """Return one weight per example from a weight per class; 1 for classes not named.

    One-hot targets count as the class of their largest value.

    Raises:
        ArgumentError: a class or a weight is none.
    """
    classes = targets
    if targets.ndim > 1:
        single = targets.shape[-1] == 1
        classes = targets[..., 0] if single else np.argmax(targets, axis=-1)
    if classes.ndim != 1:
        raise ArgumentError(
            f"class_weight needs one class per example; y has shape {targets.shape}."
        )
    outputs = max(2, output_shape[-1])
    table = np.ones(outputs)
    for key, weight in weights.items():
        whole = isinstance(key, numbers.Integral) and 0 <= key < outputs
        if not whole or not math.isfinite(weight):
            raise ArgumentError(
                "class_weight maps classes to finite numbers, such as "
                f"{{0: 1.0, 1: 2.5}}; {key!r}: {weight!r} is none, with classes 0 to "
                f"{outputs - 1}."
            )
        table[key] = weight
    return table[np.round(classes).astype(np.int64)]


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


def order(
    seed: Sequence[int], epoch: int, rows: int, batch_size: int, shuffle: bool = True
) -> np.ndarray:
    """Return which row goes where in an epoch, ``(steps, batch)`` of ``int32``.

    It depends on the seed and the epoch only. Places beyond the last row hold row 0,
    a real one, so that nothing computed from padding is ever NaN by itself.

    >>> order([0], epoch=0, rows=3, batch_size=2, shuffle=False)
    array([[0, 1],
           [2, 0]], dtype=int32)
    """
    steps = rounded_steps(steps_for(rows, batch_size))
    places = np.zeros(steps * batch_size, np.int32)
    places[:rows] = np.arange(rows, dtype=np.int32)
    if shuffle:
        # NumPy's permutation takes a thirtieth of the time of jax.random's.
        np.random.default_rng([*seed, epoch]).shuffle(places[:rows])
    return places.reshape(steps, batch_size)


def split(rows: int, validation_split: float) -> int:
    """Return the number of rows before the last ``validation_split`` of them.

    Raises:
        ArgumentError: the share is outside [0, 1), or leaves one side without a row.
    """
    share = validation_split
    if not isinstance(share, numbers.Real) or not 0.0 <= share < 1.0:
        raise ArgumentError(f"validation_split must be in [0, 1), not {share!r}.")
    at = math.floor(rows * (1.0 - share))
    if at == 0 or (share > 0.0 and at == rows):
        raise ArgumentError(
            f"validation_split={share!r} of {rows} rows leaves {at} for training and "
            f"{rows - at} for validation: give more rows or another share."
        )
    return at

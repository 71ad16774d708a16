"""What users do to their arrays before training."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import (
    as_integer,
    check_fits,
    check_one_of,
    check_positive,
)
from jaxnet_mini.data.arrays import as_array, position
from jaxnet_mini.errors import ArgumentError, DataError, short


def to_categorical(x: Any, num_classes: int | None = None) -> NDArray[Any] | jax.Array:
    """Return integer classes as vectors that are 1 at their class and 0 elsewhere.

    Args:
        x: classes from 0, of any shape; a last axis of one class is dropped.
        num_classes: the length of the vectors; by default the largest class and one.

    Returns:
        ``float32``, ``(*x.shape, num_classes)``; a JAX array where ``x`` is one, else
        a NumPy array.

    Raises:
        DataError: an entry is no whole number from 0 to ``num_classes - 1``; or there
            is no entry.

    Source: https://keras.io/api/utils/python_utils/

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    limit = None if num_classes is None else as_integer(num_classes) or 0
    if limit is not None and limit <= 0:
        raise ArgumentError(
            f"num_classes must be a positive integer or None, not {num_classes!r}."
        )
    classes = as_array(x, "x")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    # Written so that NaN and infinity fail too.
    good = (classes >= 0) & (classes == np.floor(classes))
    good &= classes < (np.inf if limit is None else limit)
    if not good.all():
        where, value = position(classes, ~good)
        allowed = "" if limit is None else f" to {limit - 1}"
        raise DataError(
            f"x holds {value} at {where}, and classes must be whole numbers from "
            f"0{allowed}: number them with np.unique(x, return_inverse=True)[1]."
        )
    number = int(np.max(classes)) + 1 if limit is None else limit
    vectors = np.zeros((*classes.shape, number), np.float32)
    np.put_along_axis(vectors, classes.astype(np.int64)[..., None], 1.0, axis=-1)
    return jnp.asarray(vectors) if isinstance(x, jax.Array) else vectors


def normalize(
    x: Any, axis: int = -1, order: int | float = 2
) -> NDArray[Any] | jax.Array:
    """Return ``x`` divided by its norm along an axis; what is all 0 stays so.

    Args:
        x: numbers, ``(rows, ...)``.
        axis: along which the norm is taken.
        order: 2 is the length, 1 the sum of absolute values, ``np.inf`` the largest.

    Returns:
        Floats of the shape of ``x``, ``float32`` for integers; a JAX array where ``x``
        is one, else a NumPy array.

    Source: https://keras.io/api/utils/python_utils/

    >>> normalize([[3, 4], [0, 0]])
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    array = as_array(x, "x")
    along = as_integer(axis)
    if along is None or not -array.ndim <= along < array.ndim:
        raise ArgumentError(
            f"axis must be an integer from {-array.ndim} to {array.ndim - 1} for x of "
            f"shape {array.shape}, not {axis!r}."
        )
    check_fits("order", order, "a number or np.inf", lambda order: order == order)
    floats = array if array.dtype.kind == "f" else array.astype(np.float32)
    norm = np.linalg.norm(floats, order, along, keepdims=True)
    normalized = floats / np.where(norm == 0, np.ones_like(norm), norm)
    return jnp.asarray(normalized) if isinstance(x, jax.Array) else normalized


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray[Any]:
    """Return sequences of different lengths as one array, padded or cut to one length.

    Args:
        sequences: a list of lists, or of arrays whose further axes agree.
        maxlen: the length; by default that of the longest.
        dtype: of the result; ``object`` or such as ``"<U8"`` for strings.
        padding: ``"pre"`` puts ``value`` before a shorter sequence, ``"post"`` after.
        truncating: ``"pre"`` cuts off the beginning of a longer one, ``"post"`` the
            end.
        value: what stands where there is nothing.

    Returns:
        ``dtype``, ``(len(sequences), maxlen, ...)``.

    Raises:
        ArgumentError: an argument is of another kind.
        DataError: there are no sequences, they are none, their further axes differ, or
            ``dtype`` cannot hold their numbers.

    Source: https://keras.io/api/data_loading/timeseries/

    >>> pad_sequences([[1], [2, 3, 4]])
    array([[0, 0, 1],
           [2, 3, 4]], dtype=int32)
    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2, padding="post")
    array([[1, 0],
           [3, 4]], dtype=int32)
    """
    check_one_of("padding", padding, ("pre", "post"))
    check_one_of("truncating", truncating, ("pre", "post"))
    rows = [
        _held_by(dtype, sequence, f"sequences[{index}]")
        for index, sequence in enumerate(_several(sequences))
    ]
    length = max(map(len, rows)) if maxlen is None else check_positive("maxlen", maxlen)
    each = next((row.shape[1:] for row in rows if len(row)), ())
    padded = np.empty((len(rows), length, *each), dtype)
    padded[...] = _held_by(dtype, value, "value")
    for index, row in enumerate(rows):
        if not len(row):
            continue
        if row.shape[1:] != each:
            raise DataError(
                f"sequences[{index}] has entries of shape {row.shape[1:]}, and those "
                f"before it {each}: give all the same."
            )
        cut = row[-length:] if truncating == "pre" else row[:length]
        start = length - len(cut) if padding == "pre" else 0
        padded[index, start : start + len(cut)] = cut
    return padded


def _several(sequences: Any) -> Any:
    """Return what is a list of sequences."""
    several = not isinstance(sequences, str) and hasattr(sequences, "__len__")
    for index, one in enumerate(sequences if several else ()):
        if isinstance(one, str) or not hasattr(one, "__len__"):
            raise DataError(
                f"sequences[{index}] is {short(one)}: give a list of sequences, such "
                "as [[1, 2], [3]]."
            )
    if several and len(sequences):
        return sequences
    raise DataError(
        f"sequences is {short(sequences)}: give a list of sequences, such as "
        "[[1, 2], [3]]."
    )


def _held_by(dtype: Any, given: Any, what: str) -> NDArray[Any]:
    """Return an array of a dtype that can hold what is given."""
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        raise ArgumentError(
            f"dtype must be the name of a dtype, such as 'int32', not {dtype!r}."
        ) from None
    try:
        array = np.asarray(given, None if wanted.kind in "biuf" else wanted)
        cast = array.astype(wanted)
        if wanted.kind not in "biu" or not array.size or np.array_equal(cast, array):
            return cast
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(
        f"{what} is {short(given)}, which {wanted} does not hold: give a dtype that "
        "does, such as dtype='float32', or dtype=object for strings."
    )

"""What an array holds that holds no real numbers."""

import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import short

MISSING = ("NAType", "NaTType", "NoneType")
"""The types of what stands for no value, by name: pandas is not imported for it."""


def contents(array: NDArray[Any]) -> str:
    """Return in a word what an array holds that is not of a numeric dtype.

    >>> contents(np.array(["1.5"])), contents(np.array(["cat"]))
    ('numbers', 'words')
    """
    of_kind = {"c": "complex", "M": "dates", "m": "durations"}
    if array.dtype.kind in of_kind:
        return of_kind[array.dtype.kind]
    if array.dtype.names is not None:
        return "fields"
    if array.dtype.kind == "O" and missing(array).any():
        return "gaps"
    if _reads_as_numbers(array):
        return "numbers"
    return _of_objects([*array.flat])


def missing(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where an array of objects holds None or what pandas has for it."""
    gaps = [type(value).__name__ in MISSING for value in array.flat]
    return np.array(gaps, bool).reshape(array.shape)


def _reads_as_numbers(array: NDArray[Any]) -> bool:
    try:
        with np.errstate(all="ignore"):
            array.astype(np.float32)
    except (TypeError, ValueError):
        return False
    return True


def _of_objects(values: list[Any]) -> str:
    kinds: dict[str, Any] = {
        "words": str | bytes,
        "dates": datetime.date,
        "durations": datetime.timedelta,
        "arrays": np.ndarray | list | tuple,
    }
    for word, kind in kinds.items():
        if all(isinstance(value, kind) for value in values):
            if word == "arrays" and len({np.shape(value) for value in values}) > 1:
                return "ragged"
            return word
    return "mixed" if any(isinstance(v, str | bytes) for v in values) else "objects"


def advice(array: NDArray[Any], own: str) -> str:
    """Return what to do about an array that holds no real numbers.

    Args:
        array: the array.
        own: how code writes it.
    """
    days = "np.timedelta64(1, 'D')"
    # The classes keep the shape of what is numbered; older NumPy gives one axis.
    shaped = "" if array.ndim == 1 else f".reshape({array.shape})"
    number = f"np.unique({{}}, return_inverse=True)[1]{shaped}"
    known = contents(array)
    if known == "dates" and array.dtype.kind == "O":
        return f"make it a dtype of dates with {own}.astype('datetime64[us]')."
    if known == "durations" and array.dtype.kind == "O":
        return f"make it a dtype of durations with {own}.astype('timedelta64[us]')."
    if known == "gaps":
        return _about_gaps(array, own)
    if known == "fields":
        return (
            "import numpy.lib.recfunctions and give "
            f"np.lib.recfunctions.structured_to_unstructured({own})."
        )
    if known == "objects":
        return f"it holds {short(array.flat[0])}, so take the numbers out of it."
    return {
        "complex": f"take {own}.real or np.abs({own}).",
        "dates": f"count days with ({own} - {own}.min()) / {days}.",
        "durations": f"count days with {own} / {days}.",
        "numbers": f"convert it, for example with {own}.astype('float32').",
        "words": f"number classes with {number.format(own)}.",
        "mixed": f"number classes with {number.format(f'{own}.astype(str)')}.",
        "arrays": f"make one array of them with np.stack({own}).",
        "ragged": "its rows are arrays of several shapes, so bring them to one.",
    }[known]


def _about_gaps(array: NDArray[Any], own: str) -> str:
    gaps, rest = missing(array), array[~missing(array)]
    row = int(np.argmax(gaps.reshape(len(array), -1).any(1)))
    ours = all(value is None for value in array[gaps])
    where = f"{own} == None" if ours else f"pd.isna({own})"
    value = "''" if rest.size and contents(rest) == "words" else "0"
    return (
        f"no value stands at row {row}, so put one there, for example with "
        f"np.where({where}, {value}, {own})."
    )

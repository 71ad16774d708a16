"""Checks of one argument: numbers, flags, words and paths, and some that `fit` takes.

``True`` is no number here: where one is expected it is a slip.
"""

import math
import numbers
import operator
import os
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from jaxnet_mini.errors import ArgumentError


def as_integer(value: Any) -> int | None:
    """Return the integer that ``value`` equals, whatever its type; None for no such.

    That may be a float or an array of no axis, as NumPy and pandas give them. ``True``
    equals none.

    >>> as_integer(np.int64(3)), as_integer(np.float64(3)), as_integer(3.5)
    (3, 3, None)
    """
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:  # no integer by its type
        dtype = getattr(value, "dtype", None)
    if getattr(value, "ndim", 0) == 0 and getattr(dtype, "kind", None) == "f":
        value = np.asarray(value).item()
    if not isinstance(value, numbers.Real) or not float(value).is_integer():
        return None
    return int(float(value))


def is_function(value: Any) -> bool:
    """Tell whether ``value`` can be called on arrays alone, which no layer can."""
    return callable(value) and not (hasattr(value, "init") and hasattr(value, "apply"))


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether ``value`` is one of Python's or NumPy's real numbers, and no bool.

    Infinity and NaN are numbers too.
    """
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_count(argument: str, value: Any, least: int = 1, others: str = "") -> int:
    """Return ``value`` as an int of at least ``least``.

    Args:
        argument: what messages call it.
        value: what was given.
        least: the smallest that is taken.
        others: what messages say is taken besides, such as `` or None``.

    Raises:
        ArgumentError: it is none.
    """
    integer = as_integer(value)
    if integer is None or integer < least:
        raise ArgumentError(
            f"{argument} must be an integer of at least {least}{others}, not {value!r}."
        )
    return integer


def check_positive(argument: str, value: Any) -> int:
    """Return ``value`` as an int.

    Raises:
        ArgumentError: no positive integer.
    """
    integer = as_integer(value)
    if integer is None or integer <= 0:
        raise ArgumentError(f"{argument} must be a positive integer, not {value!r}.")
    return integer


def check_number(argument: str, value: Any, least: float = -math.inf) -> Any:
    """Return ``value``, a finite number of at least ``least``, as it is.

    Raises:
        ArgumentError: it is none.
    """
    if not is_number(value) or not (math.isfinite(value) and value >= least):
        bound = "" if least == -math.inf else f" of at least {least:g}"
        raise ArgumentError(
            f"{argument} must be a finite number{bound}, not {value!r}."
        )
    return value


def check_fits(
    argument: str, value: Any, words: str, fits: Callable[[Any], bool]
) -> Any:
    """Return ``value``, a number that fits what ``words`` say of it, as it is.

    Raises:
        ArgumentError: it does not, or is no number.
    """
    if not is_number(value) or not fits(value):
        raise ArgumentError(f"{argument} must be {words}, not {value!r}.")
    return value


def check_flag(argument: str, value: Any) -> bool:
    """Return ``value`` as a bool; 0 and 1 are as good.

    Raises:
        ArgumentError: it is none.
    """
    known = isinstance(value, bool | np.bool_ | numbers.Integral)
    if not known or value not in (0, 1):
        raise ArgumentError(f"{argument} must be True or False, not {value!r}.")
    return bool(value)


def check_level(argument: str, value: Any) -> int:
    """Return how much a callback prints, 0 for nothing; ``True`` is 1.

    Raises:
        ArgumentError: it is no integer of at least 0.
    """
    return int(value) if isinstance(value, bool) else check_count(argument, value, 0)


def check_word(argument: str, value: Any) -> str:
    """Return ``value`` as a string.

    Raises:
        ArgumentError: it is none, or empty.
    """
    if not isinstance(value, str) or not value:
        raise ArgumentError(f"{argument} must be a string, not {value!r}.")
    return str(value)


def as_path(value: Any) -> str | None:
    """Return a path as a string; None where it is none, or empty."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    return path if isinstance(path, str) and path else None


def check_path(argument: str, value: Any) -> str:
    """Return a path as a string.

    Raises:
        ArgumentError: it is none, or empty.
    """
    path = as_path(value)
    if path is None:
        raise ArgumentError(
            f"{argument} must be a path, a string or a pathlib.Path, not {value!r}."
        )
    return path

"""Checks of one argument: numbers, flags, words and paths, and some that `fit` takes.

``True`` is no number here: where one is expected it is a slip.
"""

import inspect
import math
import numbers
import operator
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

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


def as_integers(value: Any) -> tuple[int, ...] | None:
    """Return the integers that ``value`` holds or is; None where one is none.

    >>> as_integers([2, 3.0]), as_integers(2), as_integers((2, "3"))
    ((2, 3), (2,), None)
    """
    given = value if isinstance(value, tuple | list) else (value,)
    found = tuple(number for number in map(as_integer, given) if number is not None)
    return found if len(found) == len(given) else None


def as_finite(value: Any) -> NDArray[np.float32] | None:
    """Return a number, or an array of them, in float32; None where one is not finite.

    >>> as_finite([1, 2.5]), as_finite("1"), as_finite(np.nan)
    (array([1. , 2.5], dtype=float32), None, None)
    """
    if isinstance(value, str | bytes | bool):
        return None
    try:
        with np.errstate(over="ignore"):
            array = np.array(value, np.float32)
    except (TypeError, ValueError):  # words, or rows of several lengths
        return None
    return array if np.all(np.isfinite(array)) else None


def is_function(value: Any) -> bool:
    """Tell whether ``value`` can be called on arrays alone, which no layer can."""
    return callable(value) and not (hasattr(value, "init") and hasattr(value, "apply"))


def parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a function by name; ``{}`` where nobody knows them."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def can_call(function: Any, *given: Any, **named: Any) -> bool:
    """Tell whether a function takes such arguments; True where nobody knows.

    >>> can_call(lambda y_true: 0.0, 1, 2), can_call(max, 1, 2)
    (False, True)
    """
    try:
        inspect.signature(function).bind(*given, **named)
    except TypeError:
        return False
    except ValueError:  # one of Python's own
        return True
    return True


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether ``value`` is one of Python's or NumPy's real numbers, and no bool.

    Infinity and NaN are numbers too.
    """
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_count(
    argument: str, value: Any, least: int = 1, words: str = "of at least {}"
) -> int:
    """Return ``value`` as an int of at least ``least``.

    Args:
        argument: what messages call it.
        value: what was given.
        least: the smallest that is taken.
        words: what messages say of it, with ``{}`` for the smallest.

    Raises:
        ArgumentError: it is none.
    """
    integer = as_integer(value)
    if integer is None or integer < least:
        raise ArgumentError(
            f"{argument} must be an integer {words.format(least)}, not {value!r}."
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


def check_number(
    argument: str, value: Any, least: float = -math.inf, below: float = math.inf
) -> Any:
    """Return ``value``, a finite number in ``[least, below)``, as it is.

    Raises:
        ArgumentError: it is none.
    """
    if not is_number(value) or not (math.isfinite(value) and value >= least):
        bound = "" if least == -math.inf else f" of at least {least:g}"
        raise ArgumentError(
            f"{argument} must be a finite number{bound}, not {value!r}."
        )
    if not value < below:
        raise ArgumentError(
            f"{argument} must be a number in [{least:g}, {below:g}), not {value!r}."
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


def check_share(argument: str, value: Any) -> Any:
    """Return ``value``, a number in [0, 1], as it is."""
    return check_fits(argument, value, "a number in [0, 1]", lambda v: 0.0 <= v <= 1.0)


def check_training(training: Any) -> bool:
    """Return what a call was told; None is no training."""
    return training is not None and check_flag("training", training)


def check_float(argument: str, value: Any, **limits: float) -> float:
    """Return what `check_number` takes as a float."""
    return float(check_number(argument, value, **limits))


def check_one_of(argument: str, value: Any, names: Collection[str]) -> str:
    """Return ``value``, one of a few words.

    Raises:
        ArgumentError: it is another.
    """
    if not isinstance(value, str) or value not in names:
        raise ArgumentError(
            f"{argument} must be one of {', '.join(names)}, not {value!r}."
        )
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


def named_parts(
    argument: str,
    value: Any,
    names: Sequence[str],
    kind: str,
    needed: Collection[str] | None = None,
) -> dict[str, tuple[str, Any]]:
    """Return what was given for several inputs or outputs, one by one.

    Args:
        argument: what messages call it.
        value: a list of as many in their order, or a dictionary by name.
        names: of all of them.
        kind: ``"inputs"`` or ``"outputs"``.
        needed: those that a dictionary has to have; None for all.

    Returns:
        By name, what messages call each and what was given for it.

    Raises:
        ArgumentError: it is neither, there are more or fewer, or a name is unknown.

    >>> named_parts("x", [3, 4], ["wide", "deep"], "inputs")
    {'wide': ('x[0]', 3), 'deep': ('x[1]', 4)}
    """
    came = f"a {type(value).__name__}"
    if isinstance(value, Mapping):
        wanted = {*(names if needed is None else needed)}
        if wanted <= value.keys() <= {*names}:
            return {
                name: (f"{argument}[{name!r}]", value[name])
                for name in names
                if name in value
            }
        came += f" of {', '.join(map(repr, value)) or 'nothing'}"
    elif isinstance(value, list | tuple):
        if len(value) == len(names):
            return {
                name: (f"{argument}[{index}]", own)
                for index, (name, own) in enumerate(zip(names, value, strict=True))
            }
        came += f" of {len(value)}"
    raise ArgumentError(
        f"{argument} is {came}, and the model has {len(names)} {kind}, "
        f"{', '.join(map(repr, names))}: give a list of as many in this order, or a "
        "dictionary by these names."
    )

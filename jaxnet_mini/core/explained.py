"""Functions of arrays that are called by hand, and say what they cannot take."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import jax

from jaxnet_mini.base.arguments import as_integers, check_flag
from jaxnet_mini.core.types import as_array
from jaxnet_mini.errors import ArgumentError, JaxnetError, ShapeError, short

Function = TypeVar("Function", bound=Callable[..., Any])

_RAW = AttributeError, IndexError, NameError, OverflowError, TypeError, ValueError
"""What Python, NumPy and JAX say of arguments that do not fit."""


def explained(room: str, name: str | None = None) -> Callable[[Function], Function]:
    """Return what lets a function name the argument that it cannot take.

    Nothing is looked at before it fails: what JAX takes, it takes, and a program that
    calls it is the same.

    Args:
        room: where users find it, such as ``"activations"``.
        name: what it is called there; its own name by default.

    >>> @explained("losses")
    ... def scaled(x, by=1.0):
    ...     return x * by
    >>> scaled(jax.numpy.ones(2), by=object)
    Traceback (most recent call last):
    jaxnet_mini.errors.CallError: losses.scaled: by must be an array of numbers, not \
<class 'object'>.
    """

    def of(function: Any) -> Any:
        what = f"{room}.{name or function.__name__}"

        @functools.wraps(function)
        def called(*given: Any, **named: Any) -> Any:
            try:
                return function(*given, **named)
            except (JaxnetError, jax.errors.JAXTypeError):
                raise
            except _RAW as error:
                _check(what, inspect.signature(function), given, named)
                message = str(error).partition("\n")[0]
                raise ArgumentError(
                    f"{what} takes other arguments: {message}"
                ) from error

        return called

    return of


def _check(
    what: str, signature: inspect.Signature, given: tuple[Any, ...], named: Any
) -> None:
    """Raise an error that names the first argument that does not fit.

    Raises:
        ArgumentError: it is of another kind than its default, or no array of numbers.
        ShapeError: it is an axis that the first argument has not.
    """
    try:
        arguments = signature.bind(*given, **named).arguments
    except TypeError:
        return  # whose own words say which are missing or too many
    axes = None
    for name, value in arguments.items():
        default, argument = signature.parameters[name].default, f"{what}: {name}"
        if name == "axis":
            _check_axis(argument, value, axes or ())
        elif isinstance(default, bool):
            check_flag(argument, value)
        elif value is not None or default is not None:
            array = as_array(argument, value)
            if default is not inspect.Parameter.empty and isinstance(value, list):
                raise ArgumentError(f"{argument} must be a number, not {short(value)}.")
            if array.dtype.kind in "bc" and default is inspect.Parameter.empty:
                raise ArgumentError(
                    f"{argument} must be an array of real numbers, not of "
                    f"{array.dtype}."
                )
            axes = array.shape if axes is None else axes
    own = signature.parameters.get("axis")
    if own is not None and "axis" not in arguments:
        _check_axis(f"{what}: axis", own.default, axes or ())


def _check_axis(argument: str, value: Any, shape: tuple[int, ...]) -> None:
    places = as_integers(value)
    if not places:
        raise ArgumentError(f"{argument} must be an integer, not {value!r}.")
    if not all(-len(shape) <= place < len(shape) for place in places):
        raise ShapeError(
            f"{argument} is {value!r}, and an array of shape {shape} has no such axis."
        )

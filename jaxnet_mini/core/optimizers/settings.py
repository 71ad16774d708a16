"""What the fields of optimizers may hold, declared with their types."""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

import jax
import numpy as np

from jaxnet_mini.base import arguments
from jaxnet_mini.base.arguments import (
    check_fits,
    check_number,
    check_share,
    check_word,
    is_number,
)
from jaxnet_mini.core.fields import Checked, Newer, above_0, facts
from jaxnet_mini.core.optimizers.schedules import Formula
from jaxnet_mini.core.transformations import as_optax_computes
from jaxnet_mini.errors import ArgumentError, short

Schedule: TypeAlias = Callable[[Any], Any]
"""``step -> learning rate``, as optax makes them; steps count from 0."""


def check_learning_rate(value: Any) -> float:
    """Return ``value`` as a float.

    Raises:
        ArgumentError: no finite number of at least 0.
    """
    try:
        number = math.nan if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0.0):
        raise ArgumentError(
            f"learning_rate must be a finite number of at least 0 or a schedule, "
            f"not {value!r}."
        )
    return number


def _rate(argument: str, value: Any) -> Any:
    if isinstance(value, type):
        raise ArgumentError(
            f"{argument} must be a number or a schedule, and {value.__name__} is a "
            f"class: write learning_rate={value.__name__}(...)."
        )
    return _schedule(argument, value) or check_learning_rate(value)


def _schedule(argument: str, value: Any) -> Any:
    """Return a schedule; None for what is none.

    Raises:
        ArgumentError: it does not give a number for a step.
    """
    if not callable(value) or isinstance(value, Formula):
        return value if callable(value) else None
    found: list[Any] = []
    if arguments.can_call(value, 0):
        with as_optax_computes():
            jax.eval_shape(lambda step: found.append(value(step)), np.int32(0))
    (rate,) = found or [None]
    if isinstance(rate, jax.Array):
        is_rate = rate.shape == () and rate.dtype.kind in "fi"
    else:
        is_rate = is_number(rate) and math.isfinite(rate) and rate >= 0.0
    if not is_rate:
        came = f"gives {short(rate)} for one" if found else "takes no step"
        raise ArgumentError(
            f"{argument} may be a schedule, called with the step, which returns a "
            f"number of at least 0, and {value!r} {came}: write for example "
            "lambda step: 0.1 / (1 + step)."
        )
    return value


def check_rate_or_number(argument: str, value: Any, below: float = math.inf) -> Any:
    """Return a number in ``[0, below)``, or a schedule of such numbers, as it is."""
    return _schedule(argument, value) or check_number(
        argument, value, least=0.0, below=below
    )


def check_patterns(argument: str, value: Any) -> tuple[str, ...] | None:
    """Return regular expressions as a tuple; None for none.

    Raises:
        ArgumentError: no list of them.
    """
    if not isinstance(value, list | tuple):
        raise ArgumentError(
            f'{argument} must be a list of strings, such as ["output"], not {value!r}.'
        )
    for index, pattern in enumerate(value):
        try:
            re.compile(check_word(f"{argument}[{index}]", pattern))
        except re.error as error:
            raise ArgumentError(
                f"{argument}[{index}] must be a regular expression, not {pattern!r} "
                f"({error}): write {re.escape(pattern)!r} for these very letters."
            ) from None
    return tuple(value) or None


def check_undecayed(argument: str, value: Any) -> tuple[str, ...] | None:
    """Return names and paths of parameters as a tuple; None for none."""
    words = value
    if isinstance(value, list | tuple):
        words = [w for w in value if not (isinstance(w, str) and "/" in w)]
    check_patterns(argument, words)
    return tuple(value) or None


_CLIP = above_0("a finite number above 0 or None")
MOMENTUM = Checked(check_share)
PERIOD = Checked(arguments.check_count)
SEVERAL = Checked(arguments.check_count, least=2)

OPTION = "option"
"""Said of a field that is none of the factory's."""

T = TypeVar("T")
Option: TypeAlias = Annotated[Newer[T], OPTION]
Rate: TypeAlias = Annotated[float | Schedule, Checked(_rate)]
NotNegative: TypeAlias = Annotated[float, Checked(check_rate_or_number)]
Share: TypeAlias = Annotated[float, Checked(check_rate_or_number, below=1.0)]
"""Of a running mean that stays from step to step: with 1 nothing were new."""
AtMost0: TypeAlias = Annotated[
    float,
    Checked(
        check_fits,
        words="a finite number of at most 0",
        fits=lambda v: -math.inf < v <= 0,
    ),
]
Decay: TypeAlias = Option[NotNegative | None]
"""Of a ``weight_decay`` that is an option, and no part of the algorithm."""
Patterns: TypeAlias = tuple[str, ...] | list[str]
Clip: TypeAlias = Option[Annotated[float, _CLIP] | None]


def options_of(kind: Any) -> list[str]:
    """Return the names of the fields of an optimizer that are none of its factory's."""
    return [name for name, said in facts(kind).items() if OPTION in said]

"""Schedules whose numbers live in the state of an optimizer."""

import copy
import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core.optimizers import schedules
from jaxnet_mini.core.optimizers.schedules import LearningRateSchedule, as_float

_OURS = {getattr(schedules, name) for name in schedules.__all__}


def _traced(schedule: Any) -> dict[str, Any]:
    """Return the numbers of one of the schedules above, by the names of their fields.

    A user's own may do anything with its numbers, such as compare them in Python.
    """
    if type(schedule) not in _OURS:
        return {}
    values = {f.name: getattr(schedule, f.name) for f in dataclasses.fields(schedule)}
    return {
        name: jnp.asarray(value) if name == "boundaries" else as_float(value)
        for name, value in values.items()
        if is_number(value) or isinstance(value, tuple)
    }


def _with(schedule: Any, numbers: dict[str, Any]) -> Any:
    """Return it with numbers that nobody can check: those of a tracing."""
    filled = copy.copy(schedule)
    for name, number in numbers.items():
        object.__setattr__(filled, name, number)
    return filled


class ScheduleState(NamedTuple):
    """Steps taken, and the schedule's numbers by their names."""

    steps: Array
    numbers: dict[str, Array]


class FromState(optax.schedules.StatefulSchedule):  # type: ignore[misc]
    """A schedule above whose numbers live in the optimizer's state.

    Args:
        schedule: gives the numbers of a first state, and the formula.
    """

    def __init__(self, schedule: LearningRateSchedule) -> None:
        self._schedule = schedule

    def init(self) -> ScheduleState:
        """Return the state of a first step."""
        return ScheduleState(jnp.zeros((), jnp.int32), _traced(self._schedule))

    def update(self, state: ScheduleState, **_: Any) -> ScheduleState:
        """Return the state of the next step."""
        return state._replace(steps=optax.safe_increment(state.steps))

    def __call__(self, state: ScheduleState, **_: Any) -> Array:
        """Return the learning rate of a step."""
        rate: Array = _with(self._schedule, state.numbers)(state.steps)
        return rate


def formula_of(schedule: Any) -> Any:
    """Return a schedule with other numbers and no name: equal for one program.

    >>> from jaxnet_mini.optimizers.schedules import PolynomialDecay
    >>> formula_of(PolynomialDecay(0.1, 10)) == formula_of(PolynomialDecay(0.2, 20))
    True
    """
    numbers = _traced(schedule)
    if not numbers:
        return schedule
    others = {name: (1.0,) if jnp.ndim(n) else 1.0 for name, n in numbers.items()}
    return _with(schedule, others | {"name": None})


def from_state(schedule: Any) -> Any:
    """Return a schedule as `optax.inject_hyperparams` takes it; all else as it is."""
    return FromState(schedule) if type(schedule) in _OURS else schedule

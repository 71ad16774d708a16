"""Schedules whose numbers live in the state of an optimizer."""

import copy
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.core.optimizers.schedules import Formula, numbers_of


def _is_ours(schedule: Any) -> bool:
    """Tell whether it is one of `schedules`, and no user's.

    A user's own may do anything with its numbers, such as compare them in Python.
    """
    return isinstance(schedule, Formula) and attributes.is_ours(type(schedule))


class ScheduleState(NamedTuple):
    """Steps taken, and the schedule's numbers by their names."""

    steps: Array
    numbers: dict[str, Array]


class FromState(optax.schedules.StatefulSchedule):  # type: ignore[misc]
    """A schedule above whose numbers live in the optimizer's state.

    Args:
        schedule: gives the numbers of a first state, and the formula.
    """

    def __init__(self, schedule: Formula) -> None:
        self._schedule = schedule

    def init(self) -> ScheduleState:
        """Return the state of a first step."""
        return ScheduleState(jnp.zeros((), jnp.int32), numbers_of(self._schedule))

    def update(self, state: ScheduleState, **_: Any) -> ScheduleState:
        """Return the state of the next step."""
        return state._replace(steps=optax.safe_increment(state.steps))

    def __call__(self, state: ScheduleState, **_: Any) -> Array:
        """Return the learning rate of a step."""
        numbers = SimpleNamespace(**state.numbers)
        rate: Array = self._schedule.rate(state.steps, numbers)
        return rate


def formula_of(schedule: Any) -> Any:
    """Return a schedule with other numbers and no name: equal for one program.

    >>> from jaxnet_mini.optimizers.schedules import PolynomialDecay
    >>> formula_of(PolynomialDecay(0.1, 10)) == formula_of(PolynomialDecay(0.2, 20))
    True
    """
    if not _is_ours(schedule):
        return schedule
    numbers = numbers_of(schedule)
    others = {name: (1.0,) if jnp.ndim(n) else 1.0 for name, n in numbers.items()}
    formula = copy.copy(schedule)
    for name, number in (others | {"name": None}).items():
        object.__setattr__(formula, name, number)  # which no check would let pass
    return formula


def from_state(schedule: Any) -> Any:
    """Return a schedule as `optax.inject_hyperparams` takes it; all else as it is."""
    return FromState(schedule) if _is_ours(schedule) else schedule

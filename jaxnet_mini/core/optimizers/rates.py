"""Learning rates in the state of an optimizer: their schedules, and how they change."""

import copy
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.core.optimizers.schedules import Formula, numbers_of
from jaxnet_mini.errors import StateError


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


def get_learning_rate(state: Any) -> Array:
    """Return the learning rate that ``state`` holds, a float scalar.

    Raises:
        StateError: none is in the state: it was built into the transformation.
    """
    found = optax.tree_utils.tree_get_all_with_path(state, "learning_rate")
    if not found:
        raise StateError(
            "the learning rate is built into this optax transformation: make it with "
            "optax.inject_hyperparams(optax.adam)(learning_rate=...), or give compile "
            "one of jaxnet_mini.optimizers, to read and to change it."
        )
    value: Array = found[0][1]
    return value


def set_learning_rate(state: Any, value: float | Array) -> Any:
    """Return ``state`` with another learning rate of the same dtype.

    Raises:
        StateError: none is in the state, see `get_learning_rate`; or a schedule sets
            it at every step.
    """
    held = get_learning_rate(state)
    found = optax.tree_utils.tree_get_all_with_path(state, "learning_rate")
    if any(not hasattr(entry, "dtype") for _, entry in found):
        raise StateError(
            "the learning rate follows a schedule, which sets it at every step: give "
            "the optimizer a number instead of the schedule to change it by hand."
        )
    new = jnp.full_like(held, value)

    # That of optax, tree_set, keeps what it is given until the garbage collector comes.
    def put(path: tuple[Any, ...], leaf: Array) -> Array:
        name = jax.tree_util.keystr(path[-1:], simple=True)
        return new if name == "learning_rate" else leaf

    return jax.tree_util.tree_map_with_path(put, state)

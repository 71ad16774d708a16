"""Schedules: learning rates that follow the step, frozen values with Keras's arguments.

Source: https://keras.io/api/optimizers/learning_rate_schedules/. A schedule takes the
place of a number as the ``learning_rate`` of any optimizer, and is called with the
step, which counts from 0, inside the compiled loop. The numbers of those here live in
the optimizer's state, so that others need no new compilation.

In the formulas ``t`` is the step and ``a`` the ``initial_learning_rate``.
"""

import abc
import dataclasses
import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_number, check_word, is_number
from jaxnet_mini.base.text import as_call
from jaxnet_mini.core.fields import Checked, Flag, NotNegative, WithConfig, above_0
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError

__all__ = ["CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay"]
__all__ += ["LearningRateSchedule", "PiecewiseConstantDecay", "PolynomialDecay"]


def _numbers(argument: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ArgumentError(
            f"{argument} must be a list of numbers, such as [100, 200], not {value!r}."
        )
    entries = enumerate(value)
    return tuple(check_number(f"{argument}[{i}]", v, least=0.0) for i, v in entries)


Positive: TypeAlias = Annotated[float | int, above_0("a finite number above 0")]
Numbers: TypeAlias = Annotated[tuple[float | int, ...], Checked(_numbers)]
Name: TypeAlias = Annotated[str, Checked(check_word)] | None


class LearningRateSchedule(WithConfig, Value, abc.ABC):
    """The base of the schedules: a frozen, hashable value, called with the step.

    One of your own is a frozen dataclass that overrides ``__call__``: saved with its
    fields, and found again among ``custom_objects``. Its numbers are constants of the
    compiled program. A class with an ``__init__`` of its own works too, but cannot be
    saved.

    >>> @dataclass(frozen=True)
    ... class Halving(LearningRateSchedule):
    ...     start: float = 0.1
    ...     def __call__(self, step):
    ...         return self.start * 0.5 ** jnp.asarray(step, float)
    >>> float(Halving(8.0)(2))
    2.0
    """

    @abc.abstractmethod
    def __call__(self, step: Any) -> Any:
        """Return the learning rate.

        Args:
            step: how many steps were taken before, an int32 scalar.
        """

    def __repr__(self) -> str:
        return as_call(self) if dataclasses.is_dataclass(self) else super().__repr__()


def as_float(value: Any) -> Array:
    """Return a number, or numbers, in the dtype of rates."""
    return jnp.asarray(value).astype(jax.dtypes.canonicalize_dtype(float))


class Formula(LearningRateSchedule):
    """A schedule of those below: in its formula its numbers are arrays."""

    def __call__(self, step: Any) -> Array:
        """Return the learning rate at a step, a float scalar."""
        rate: Array = self.rate(jnp.asarray(step), SimpleNamespace(**numbers_of(self)))
        return rate

    @abc.abstractmethod
    def rate(self, step: Array, n: Any) -> Any:
        """Return the learning rate.

        Args:
            step: how many steps were taken before.
            n: the numbers of the schedule as arrays, which may be those of a tracing.
        """


def numbers_of(schedule: Any) -> dict[str, Array]:
    """Return the numbers of a schedule as arrays, by the names of their fields."""
    values = {f.name: getattr(schedule, f.name) for f in dataclasses.fields(schedule)}
    return {
        name: jnp.asarray(value) if name == "boundaries" else as_float(value)
        for name, value in values.items()
        if is_number(value) or isinstance(value, tuple)
    }


@dataclass(frozen=True, repr=False)
class _Decay(Formula):
    """What falls by a rate within so many steps, and has these arguments."""

    initial_learning_rate: NotNegative
    decay_steps: Positive
    decay_rate: NotNegative
    staircase: Flag = False
    name: Name = None

    def _share(self, step: Array, n: Any) -> Array:
        """Return the step over ``decay_steps``, rounded down on a staircase."""
        share = as_float(step) / n.decay_steps
        return jnp.floor(share) if self.staircase else share


class ExponentialDecay(_Decay):
    """A rate that is multiplied by the same number again and again.

    ::

        a decay_rate^(t / decay_steps)

    Args:
        initial_learning_rate: ``a``, at least 0.
        decay_steps: after so many steps the rate is ``decay_rate`` times as large; a
            number above 0.
        decay_rate: at least 0.
        staircase: whether it changes every ``decay_steps`` steps only: the exponent is
            then rounded down.
        name: what it is called; nothing depends on it.

    Raises:
        ArgumentError: a number is out of its range, or the flag is none.

    Source: https://keras.io/api/optimizers/learning_rate_schedules/exponential_decay/

    >>> schedule = ExponentialDecay(0.5, decay_steps=10, decay_rate=0.25)
    >>> [float(schedule(step)) for step in (0, 5, 10)]
    [0.5, 0.25, 0.125]
    """

    def rate(self, step: Array, n: Any) -> Any:
        return n.initial_learning_rate * n.decay_rate ** self._share(step, n)


class InverseTimeDecay(_Decay):
    """A rate that falls as one over the number of steps.

    ::

        a / (1 + decay_rate t / decay_steps)

    Args:
        initial_learning_rate: ``a``, at least 0.
        decay_steps: what the step is divided by; a number above 0.
        decay_rate: at least 0.
        staircase: whether it changes every ``decay_steps`` steps only: ``t /
            decay_steps`` is then rounded down.
        name: what it is called; nothing depends on it.

    Raises:
        ArgumentError: a number is out of its range, or the flag is none.

    Source: https://keras.io/api/optimizers/learning_rate_schedules/inverse_time_decay/

    >>> schedule = InverseTimeDecay(0.5, decay_steps=10, decay_rate=1.0)
    >>> [float(schedule(step)) for step in (0, 10, 30)]
    [0.5, 0.25, 0.125]
    """

    def rate(self, step: Array, n: Any) -> Any:
        return n.initial_learning_rate / (1.0 + n.decay_rate * self._share(step, n))


@dataclass(frozen=True, repr=False)
class PiecewiseConstantDecay(Formula):
    """Rates that stay the same up to a step each.

    ``values[0]`` for ``t <= boundaries[0]``, ``values[1]`` up to ``boundaries[1]``, and
    so on; the last one from then on.

    Args:
        boundaries: steps in increasing order, numbers of at least 0.
        values: the rates, one more than there are boundaries, each at least 0.
        name: what it is called; nothing depends on it.

    Raises:
        ArgumentError: a number is out of its range, the boundaries do not increase, or
            there are not as many values as there are to be.

    Source: https://keras.io/api/optimizers/learning_rate_schedules/piecewise_constant_decay/

    >>> schedule = PiecewiseConstantDecay((2, 4), (0.5, 0.25, 0.125))
    >>> [float(schedule(step)) for step in range(6)]
    [0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    """

    boundaries: Numbers
    values: Numbers
    name: Name = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.values) != len(self.boundaries) + 1:
            raise ArgumentError(
                "PiecewiseConstantDecay: values must be one more than boundaries, of "
                f"which there are {len(self.boundaries)}, not {len(self.values)}: the "
                "last one is for all steps after the last boundary."
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ArgumentError(
                "PiecewiseConstantDecay: boundaries must increase, not be "
                f"{list(self.boundaries)}."
            )

    def rate(self, step: Array, n: Any) -> Any:
        # Steps are compared as the integers that they are: a float32 does not hold all.
        passed = step[None] > n.boundaries.astype(step.dtype)
        return n.values[jnp.sum(passed, dtype=jnp.int32)]


@dataclass(frozen=True, repr=False)
class PolynomialDecay(Formula):
    """A rate that falls along a polynomial, a straight line by default.

    With ``s = min(t, decay_steps)``::

        (a - end_learning_rate) (1 - s / decay_steps)^power + end_learning_rate

    Args:
        initial_learning_rate: ``a``, at least 0.
        decay_steps: the step that has the last rate; a number above 0.
        end_learning_rate: the last rate, at least 0.
        power: of the polynomial, at least 0.
        cycle: whether, past ``decay_steps``, it begins again, each time to come down at
            the next multiple of ``decay_steps``: then that multiple takes the place of
            ``decay_steps`` in the formula.
        name: what it is called; nothing depends on it.

    Raises:
        ArgumentError: a number is out of its range, or the flag is none.

    Source: https://keras.io/api/optimizers/learning_rate_schedules/polynomial_decay/

    >>> schedule = PolynomialDecay(0.5, decay_steps=10, end_learning_rate=0.25)
    >>> [float(schedule(step)) for step in (0, 5, 10, 20)]
    [0.5, 0.375, 0.25, 0.25]
    """

    initial_learning_rate: NotNegative
    decay_steps: Positive
    end_learning_rate: NotNegative = 0.0001
    power: NotNegative = 1.0
    cycle: Flag = False
    name: Name = None

    def rate(self, step: Array, n: Any) -> Any:
        now, steps = as_float(step), n.decay_steps
        if self.cycle:
            steps = steps * jnp.maximum(1.0, jnp.ceil(now / steps))
        else:
            now = jnp.minimum(now, steps)
        last = n.end_learning_rate
        height = n.initial_learning_rate - last
        return height * (1.0 - now / steps) ** n.power + last


@dataclass(frozen=True, repr=False)
class CosineDecay(Formula):
    """A rate that falls along half a wave of the cosine, after a warm-up if wanted.

    With ``s = min(t, decay_steps)``::

        a ((1 - alpha) (1 + cos(pi s / decay_steps)) / 2 + alpha)

    With a ``warmup_target`` the rate first grows in a straight line from ``a`` to it,
    within ``warmup_steps`` steps; the target then takes the place of ``a``, and steps
    count from there.

    Args:
        initial_learning_rate: ``a``, at least 0.
        decay_steps: how many steps the fall takes; a number above 0.
        alpha: the last rate as a share of the one from which it falls, at least 0.
        name: what it is called; nothing depends on it.
        warmup_target: the rate after the warm-up, at least 0; None for no warm-up.
        warmup_steps: how many steps that takes, at least 0; without a target nothing
            depends on it.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, and
    https://keras.io/api/optimizers/learning_rate_schedules/cosine_decay/

    >>> schedule = CosineDecay(0.0, 10, warmup_target=0.5, warmup_steps=2)
    >>> [round(float(schedule(step)), 3) for step in (0, 1, 2, 7, 12, 20)]
    [0.0, 0.25, 0.5, 0.25, 0.0, 0.0]
    """

    initial_learning_rate: NotNegative
    decay_steps: Positive
    alpha: NotNegative = 0.0
    name: Name = None
    warmup_target: NotNegative | None = None
    warmup_steps: NotNegative = 0

    def rate(self, step: Array, n: Any) -> Any:
        def fallen(now: Array, top: Any) -> Any:
            share = jnp.minimum(now, n.decay_steps) / n.decay_steps
            return top * ((1.0 - n.alpha) * _wave(share) + n.alpha)

        now, first, warm = as_float(step), n.initial_learning_rate, n.warmup_steps
        if self.warmup_target is None:
            return fallen(now, first)
        top = n.warmup_target
        growing = (top - first) * now / jnp.maximum(warm, 1.0) + first
        return jnp.where(now < warm, growing, fallen(now - warm, top))


def _wave(share: Array) -> Array:
    """Return half a wave of the cosine, from 1 to 0."""
    return 0.5 * (1.0 + jnp.cos(math.pi * share))


@dataclass(frozen=True, repr=False)
class CosineDecayRestarts(Formula):
    """Falls along half a wave of the cosine, each time from the top again.

    The fall ``i``, counted from 0, takes ``first_decay_steps t_mul^i`` steps. With the
    share ``s`` of it that is done::

        a ((1 - alpha) m_mul^i (1 + cos(pi s)) / 2 + alpha)

    Args:
        initial_learning_rate: ``a``, at least 0.
        first_decay_steps: how many steps the first fall takes; a number above 0.
        t_mul: how many times as long each fall is as the one before, a number above 0;
            below 1 they come to an end, and so does the schedule: it is NaN from there.
        m_mul: how many times as high it begins, at least 0.
        alpha: the last rate as a share of ``a``, at least 0.
        name: what it is called; nothing depends on it.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, and
    https://keras.io/api/optimizers/learning_rate_schedules/cosine_decay_restarts/

    >>> schedule = CosineDecayRestarts(0.5, 10, t_mul=2.0, m_mul=0.5)
    >>> [round(float(schedule(step)), 3) for step in (0, 5, 10, 20, 30)]
    [0.5, 0.25, 0.25, 0.125, 0.125]
    """

    initial_learning_rate: NotNegative
    first_decay_steps: Positive
    t_mul: Positive = 2.0
    m_mul: NotNegative = 1.0
    alpha: NotNegative = 0.0
    name: Name = None

    def rate(self, step: Array, n: Any) -> Any:
        falls, share = _fall(as_float(step) / n.first_decay_steps, n.t_mul)
        height = (1.0 - n.alpha) * n.m_mul**falls
        return n.initial_learning_rate * (height * _wave(share) + n.alpha)


def _fall(done: Array, longer: Array) -> tuple[Array, Array]:
    """Return how many falls are over, and the share that is done of the next.

    Args:
        done: steps over those of the first fall.
        longer: how many times as long each is as the one before.
    """
    equal = longer == 1.0
    ratio = jnp.where(equal, 2.0, longer)  # where they are equal nobody looks
    falls = jnp.floor(jnp.log(1.0 - done * (1.0 - ratio)) / jnp.log(ratio))
    length = ratio**falls
    share = (done - (1.0 - length) / (1.0 - ratio)) / length
    return (
        jnp.where(equal, jnp.floor(done), falls),
        jnp.where(equal, done - jnp.floor(done), share),
    )

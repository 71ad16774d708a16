"""What an optimizer is: a frozen value that stands for a transformation of optax."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import optax

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_flag, check_number, is_number
from jaxnet_mini.core.fields import Check, check_fields, checked
from jaxnet_mini.core.optimizers.scheduled import formula_of, from_state
from jaxnet_mini.core.transformations import OwnTransformation
from jaxnet_mini.core.types import Params
from jaxnet_mini.core.values import Settings, Value
from jaxnet_mini.errors import ArgumentError

Schedule: TypeAlias = Callable[[Any], Any]
"""``step -> learning rate``, as optax makes them; steps count from 0."""

OptimizerState: TypeAlias = Any
"""What a transformation carries from step to step, a pytree."""


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
    return value if callable(value) else check_learning_rate(value)


def _number(argument: str, value: Any, below: float = math.inf) -> Any:
    """Return a number in ``[0, below)``, or a schedule of such numbers, as it is."""
    if not callable(value) and not check_number(argument, value, least=0.0) < below:
        raise ArgumentError(
            f"{argument} must be a number in [0, {below:g}), not {value!r}."
        )
    return value


RATE = checked(_rate)
NOT_NEGATIVE = checked(_number)
DECAY = checked(_number, below=1.0)
"""A share of a running mean that stays from step to step: with 1 nothing were new."""
FLAG = checked(check_flag)


def _otherwise(field: dataclasses.Field[Any]) -> Check | None:
    """Return how a field of a user's own is checked that declares nothing."""
    by_default: dict[type, Check] = {bool: check_flag, float: _number}
    return by_default.get(type(field.default))


@dataclasses.dataclass(frozen=True)
class Optimizer(Value):
    """The base of the optimizers: a frozen, hashable value.

    A subclass is a frozen dataclass whose ``factory`` takes its fields by name and
    returns a transformation of optax. A field with a float or a bool for its default is
    checked as the numbers and flags here are.

    Args:
        learning_rate: a number of at least 0, or a schedule ``step -> number``, such as
            those of `jaxnet_mini.optimizers.schedules` and of optax.

    Raises:
        ArgumentError: a number is below 0 or not finite; a share that stays from step
            to step is 1 or more; a flag is neither True nor False.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Sign(Optimizer):
    ...     factory = staticmethod(optax.sign_sgd)
    >>> Sign(0.5)
    Sign(learning_rate=0.5)
    """

    factory: ClassVar[Callable[..., optax.GradientTransformation]]

    learning_rate: float | Schedule = dataclasses.field(default=0.001, metadata=RATE)

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        attributes.check_methods(cls, "optimizer")

    def __post_init__(self) -> None:
        check_fields(self, f"{type(self).__name__}: ", _otherwise)

    def _settings(self) -> dict[str, Any]:
        """Return the fields by name, numbers as floats."""
        values = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return {name: float(v) if is_number(v) else v for name, v in values}

    def transformation(self) -> optax.GradientTransformation:
        """Return the optax transformation, one object per kind of optimizer.

        Optimizers that differ in numbers only, those of schedules too, share it, and
        with it every compiled program. `init` puts the numbers into its state.
        """
        used = self._used().items()
        fixed = [(n, float if is_number(v) else formula_of(v)) for n, v in used]
        kind: Any = type(self)
        return _transformation(kind, Settings(tuple(fixed)))

    def _used(self) -> dict[str, Any]:
        """Return the settings that the algorithm looks at, by name."""
        absent = self._absent()
        return {n: v for n, v in self._settings().items() if n not in absent}

    def _absent(self) -> tuple[str, ...]:
        """Name the numbers that are 0 and so leave a part of the algorithm out."""
        return ()

    def init(self, params: Params) -> OptimizerState:
        """Return the state of a first step, with this optimizer's own numbers."""
        # Not by the shared transformation: what starts from a number, as Adagrad's
        # accumulators do, starts from this optimizer's own.
        kind: Any = type(self)
        return _injected(kind, self._used()).init(params)


def _injected(kind: Any, settings: dict[str, Any]) -> optax.GradientTransformation:
    """Return the transformation of these settings, whose numbers its state holds."""
    given = {name: from_state(value) for name, value in settings.items()}
    return optax.inject_hyperparams(kind.factory)(**given)


@functools.lru_cache(maxsize=256)
def _transformation(kind: Any, settings: Settings) -> optax.GradientTransformation:
    """Return the transformation of settings; for numbers there is ``float`` in them."""
    defaults = {f.name: f.default for f in dataclasses.fields(kind)}
    numbers = {n: d if is_number(d) else 1.0 for n, d in defaults.items()}
    given = {n: numbers[n] if v is float else v for n, v in settings.pairs}
    transformation = _injected(kind, given)
    ours = attributes.is_ours(kind)
    return OwnTransformation(*transformation) if ours else transformation

"""What an optimizer is: a frozen value that stands for a transformation of optax."""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
import optax

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_count, check_flag, check_number, is_number
from jaxnet_mini.core.fields import NEWER, Check, check_fields, checked
from jaxnet_mini.core.optimizers.options import with_options
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


def _above_0(argument: str, value: Any) -> Any:
    if not is_number(value) or not 0.0 < value < math.inf:
        raise ArgumentError(
            f"{argument} must be a finite number above 0 or None, not {value!r}."
        )
    return value


def _share(argument: str, value: Any) -> Any:
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ArgumentError(f"{argument} must be a number in [0, 1], not {value!r}.")
    return value


_OPTION = {"jaxnet_mini: option": True}
CLIP = NEWER | _OPTION | checked(_above_0, optional=True)
PERIOD = NEWER | _OPTION | checked(check_count, optional=True)
DECAYED = NEWER | _OPTION | checked(_number, optional=True)
"""Of a ``weight_decay`` that is an option, and no part of the algorithm."""


def is_option(field: dataclasses.Field[Any]) -> bool:
    """Tell whether a field is none of the factory's."""
    return _OPTION.items() <= field.metadata.items()


def _otherwise(field: dataclasses.Field[Any]) -> Check | None:
    """Return how a field of a user's own is checked that declares nothing."""
    by_default: dict[type, Check] = {bool: check_flag, float: _number}
    return by_default.get(type(field.default))


@dataclasses.dataclass(frozen=True, repr=False)
class Optimizer(Value):
    """The base of the optimizers: a frozen, hashable value.

    A subclass is a frozen dataclass whose ``factory`` takes its fields by name and
    returns a transformation of optax. A field with a float or a bool for its default is
    checked as the numbers and flags here are.

    Args:
        learning_rate: a number of at least 0, or a schedule ``step -> number``, such as
            those of `jaxnet_mini.optimizers.schedules` and of optax.
        clipnorm: the gradient of each array of parameters is scaled down to at most
            this L2 norm; a number above 0, or None for no such clipping.
        clipvalue: likewise, each entry of a gradient is cut to at most this size.
        global_clipnorm: likewise, all gradients together are scaled down to this norm.
        use_ema: whether to keep a moving average of the parameters after each step,
            which takes their place at the end of ``fit``.
        ema_momentum: the share of the average that stays at each step, in [0, 1].
        ema_overwrite_frequency: the average takes their place after so many steps, too,
            at least 1; None for the end alone.
        gradient_accumulation_steps: so many gradients, at least 2, are averaged for
            each update; None for one. Schedules go on counting steps.

    Keras's optimizers have a ``weight_decay`` besides: before each update parameters
    are multiplied by ``1 - learning_rate weight_decay``, biases too.

    Raises:
        ArgumentError: a number is below 0 or not finite; a share that stays from step
            to step is 1 or more; a flag is neither True nor False; two ways of clipping
            are asked for.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Sign(Optimizer):
    ...     factory = staticmethod(optax.sign_sgd)
    >>> Sign(0.5)
    Sign(learning_rate=0.5)
    """

    factory: ClassVar[Callable[..., optax.GradientTransformation]]

    learning_rate: float | Schedule = dataclasses.field(default=0.001, metadata=RATE)
    clipnorm: float | None = dataclasses.field(
        default=None, kw_only=True, metadata=CLIP
    )
    clipvalue: float | None = dataclasses.field(
        default=None, kw_only=True, metadata=CLIP
    )
    global_clipnorm: float | None = dataclasses.field(
        default=None, kw_only=True, metadata=CLIP
    )
    use_ema: bool = dataclasses.field(
        default=False, kw_only=True, metadata=NEWER | _OPTION | FLAG
    )
    ema_momentum: float = dataclasses.field(
        default=0.99, kw_only=True, metadata=NEWER | _OPTION | checked(_share)
    )
    ema_overwrite_frequency: int | None = dataclasses.field(
        default=None, kw_only=True, metadata=PERIOD
    )
    gradient_accumulation_steps: int | None = dataclasses.field(
        default=None,
        kw_only=True,
        metadata=NEWER | _OPTION | checked(check_count, least=2, optional=True),
    )

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        attributes.check_methods(cls, "optimizer")
        if "__repr__" not in vars(cls):  # @dataclass then writes none of its own
            cls.__repr__ = Optimizer.__repr__  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        check_fields(self, f"{type(self).__name__}: ", _otherwise)
        clips = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in clips if getattr(self, name) is not None]
        if len(given) > 1:
            raise ArgumentError(
                f"{type(self).__name__}: one of {', '.join(clips)} clips the "
                f"gradients, not {' and '.join(given)}: leave the others out."
            )

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{field.name}={getattr(self, field.name)!r}"
            for field in dataclasses.fields(self)
            if not (
                NEWER.items() <= field.metadata.items()
                and getattr(self, field.name) == field.default
            )
        )
        return f"{type(self).__qualname__}({shown})"

    def _settings(self) -> dict[str, Any]:
        """Return the fields by name, numbers as floats."""
        own = (f.name for f in dataclasses.fields(self) if not is_option(f))
        values = ((name, getattr(self, name)) for name in own)
        return {name: float(v) if is_number(v) else v for name, v in values}

    def _options(self) -> dict[str, Any]:
        """Return the numbers of the options that are asked for, by name."""
        options = [f.name for f in dataclasses.fields(self) if is_option(f)]
        if not self.use_ema:
            options = [name for name in options if not name.startswith("ema_")]
        values = {n: getattr(self, n) for n in options if n not in _FLAGS}
        return {n: v for n, v in values.items() if v is not None}

    def transformation(self) -> optax.GradientTransformation:
        """Return the optax transformation, one object per kind of optimizer.

        Optimizers that differ in numbers only, those of schedules too, share it, and
        with it every compiled program. `init` puts the numbers into its state.
        """
        used, options = self._used(), self._options()
        fixed = [(n, float if is_number(v) else formula_of(v)) for n, v in used.items()]
        kind: Any = type(self)
        return _transformation(kind, Settings(tuple(fixed)), tuple(options))

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
        return _injected(kind, self._used(), self._options()).init(params)


_FLAGS = ("use_ema", "amsgrad")
_WHOLE = ("ema_overwrite_frequency", "gradient_accumulation_steps")


def _injected(
    kind: Any, settings: dict[str, Any], options: dict[str, Any]
) -> optax.GradientTransformation:
    """Return the transformation of these settings, whose numbers its state holds."""
    given = {name: from_state(value) for name, value in settings.items()}
    if not options:
        return optax.inject_hyperparams(kind.factory)(**given)

    def factory(**numbers: Any) -> optax.GradientTransformation:
        own = {name: numbers[name] for name in settings}
        asked = {name: numbers[name] for name in options}
        return with_options(kind.factory(**own), own["learning_rate"], asked)

    names = [*settings, *options]
    named = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in names]
    factory.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    numbers = {
        n: np.asarray(v, np.int32) if n in _WHOLE else float(v)
        for n, v in options.items()
    }
    return optax.inject_hyperparams(factory)(**given, **numbers)


@functools.lru_cache(maxsize=256)
def _transformation(
    kind: Any, settings: Settings, options: tuple[str, ...]
) -> optax.GradientTransformation:
    """Return the transformation of settings; for numbers there is ``float`` in them."""
    defaults = {f.name: f.default for f in dataclasses.fields(kind)}
    numbers = {n: d if is_number(d) else 1.0 for n, d in defaults.items()}
    given = {n: numbers[n] if v is float else v for n, v in settings.pairs}
    transformation = _injected(kind, given, dict.fromkeys(options, 2.0))
    ours = attributes.is_ours(kind)
    return OwnTransformation(*transformation) if ours else transformation

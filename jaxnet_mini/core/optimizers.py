"""Optimizers: Keras's names and defaults, optax's transformations.

Source: https://keras.io/api/optimizers/ and https://optax.readthedocs.io. An optimizer
is a frozen value; ``transformation()`` is the optax transformation that it stands for.
Every number of it, the learning rate first, lives in the transformation's state
(`optax.inject_hyperparams`), so that another value needs no new compilation.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_flag, check_number, is_number
from jaxnet_mini.core.adam import adam
from jaxnet_mini.core.transformations import OwnTransformation, Transformation, lenient
from jaxnet_mini.core.types import Params
from jaxnet_mini.core.values import Settings, Value
from jaxnet_mini.errors import ArgumentError, StateError, find

__all__ = [
    "DECAYS",
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "check_learning_rate",
    "get",
    "get_learning_rate",
    "set_learning_rate",
]

Schedule: TypeAlias = Callable[[Any], Any]
"""``step -> learning rate``, as optax makes them; steps count from 0."""

OptimizerState: TypeAlias = Any
"""What a transformation carries from step to step, a pytree."""

DECAYS = {"beta_1", "beta_2", "momentum", "rho"}
"""Shares of a running mean that stay from step to step: with 1 nothing would be new."""


@dataclasses.dataclass(frozen=True)
class Optimizer(Value):
    """The base of the optimizers: a frozen, hashable value.

    Args:
        learning_rate: a number of at least 0, or a schedule ``step -> number``.

    Raises:
        ArgumentError: a number is below 0 or not finite; a share that stays from step
            to step is 1 or more; a flag is neither True nor False.
    """

    factory: ClassVar[Callable[..., optax.GradientTransformation]]

    learning_rate: float | Schedule = 0.001

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        attributes.check_methods(cls, "optimizer")

    def __post_init__(self) -> None:
        if not callable(self.learning_rate):
            rate = check_learning_rate(self.learning_rate)
            object.__setattr__(self, "learning_rate", rate)
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            argument = f"{type(self).__name__}: {name}"
            if isinstance(field.default, bool):
                object.__setattr__(self, name, check_flag(argument, value))
            elif isinstance(field.default, float) and not callable(value):
                check_number(argument, value, least=0.0)
                if name in DECAYS and not value < 1.0:
                    raise ArgumentError(
                        f"{argument} must be a number in [0, 1), not {value!r}."
                    )

    def _numbers(self) -> dict[str, float]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            name: float(value) for name, value in values.items() if is_number(value)
        }

    def transformation(self) -> optax.GradientTransformation:
        """Return the optax transformation, one object per kind of optimizer.

        Optimizers that differ in numbers only share it, and with it every compiled
        program. `init` puts the numbers into its state.
        """
        fixed = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.name not in self._numbers()
        }
        kind: Any = type(self)
        return _transformation(kind, Settings(tuple(fixed.items())), self._absent())

    def _absent(self) -> tuple[str, ...]:
        """Name the numbers that are 0 and so leave a part of the algorithm out."""
        return ()

    def init(self, params: Params) -> OptimizerState:
        """Return the state of a first step, with this optimizer's own numbers."""
        # Not by the shared transformation: what starts from a number, as Adagrad's
        # accumulators do, starts from this optimizer's own.
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values |= self._numbers()
        own = {n: value for n, value in values.items() if n not in self._absent()}
        kind: Any = type(self)
        return optax.inject_hyperparams(kind.factory)(**own).init(params)


@functools.lru_cache(maxsize=256)
def _transformation(
    kind: Any, settings: Settings, absent: tuple[str, ...]
) -> optax.GradientTransformation:
    fixed = dict(settings.pairs)
    defaults = {
        f.name: f.default
        for f in dataclasses.fields(kind)
        if f.name not in fixed and f.name not in absent
    }
    inject = optax.inject_hyperparams(kind.factory)
    transformation = inject(**defaults, **fixed)
    ours = kind.__module__ == __name__
    return OwnTransformation(*transformation) if ours else transformation


@dataclasses.dataclass(frozen=True)
class Adam(Optimizer):
    """Adam, see `adam`.

    >>> Adam(learning_rate=0.01)
    Adam(learning_rate=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    factory = staticmethod(adam)

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclasses.dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    factory = staticmethod(adam)

    weight_decay: float = 0.004
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


def _sgd(
    learning_rate: Any, momentum: Any = None, nesterov: bool = False
) -> optax.GradientTransformation:
    if momentum is None:
        return optax.scale_by_learning_rate(learning_rate)
    # Keras's velocity holds steps, each taken at the rate of its time, and optax.sgd's
    # holds gradients: they differ once the rate changes.
    return optax.chain(
        optax.scale_by_learning_rate(learning_rate), optax.trace(momentum, nesterov)
    )


@dataclasses.dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, with momentum where it is above 0."""

    factory = staticmethod(_sgd)

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def _absent(self) -> tuple[str, ...]:
        return () if self.momentum else ("momentum",)


def _rmsprop(
    learning_rate: Any,
    rho: Any,
    epsilon: Any,
    momentum: Any = None,
    centered: bool = False,
) -> optax.GradientTransformation:
    scale = optax.scale_by_stddev if centered else optax.scale_by_rms
    # Keras applies the learning rate before it accumulates momentum.
    parts = [scale(decay=rho, eps=epsilon), optax.scale_by_learning_rate(learning_rate)]
    if momentum is not None:
        parts.append(optax.trace(decay=momentum))
    return optax.chain(*parts)


@dataclasses.dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Hinton 2012)."""

    factory = staticmethod(_rmsprop)

    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def _absent(self) -> tuple[str, ...]:
        return () if self.momentum else ("momentum",)


def _adagrad(
    learning_rate: Any, initial_accumulator_value: Any, epsilon: Any
) -> optax.GradientTransformation:
    return optax.adagrad(learning_rate, initial_accumulator_value, epsilon)


@dataclasses.dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011)."""

    factory = staticmethod(_adagrad)

    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7


def _lion(
    learning_rate: Any, beta_1: Any, beta_2: Any, weight_decay: Any = 0.0
) -> optax.GradientTransformation:
    return optax.lion(learning_rate, beta_1, beta_2, weight_decay=weight_decay)


@dataclasses.dataclass(frozen=True)
class Lion(Optimizer):
    """Lion (Chen et al. 2023)."""

    factory = staticmethod(_lion)

    beta_1: float = 0.9
    beta_2: float = 0.99


def _nadam(
    learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> optax.GradientTransformation:
    return lenient(optax.nadam(learning_rate, beta_1, beta_2, epsilon))


@dataclasses.dataclass(frozen=True)
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016), as optax has it.

    Keras warms the momentum up besides; the two differ in the first hundreds of steps.
    """

    factory = staticmethod(_nadam)

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "lion": Lion,
    "nadam": Nadam,
    "rmsprop": RMSprop,
    "sgd": SGD,
}


def get(
    optimizer: str | Optimizer | type[Optimizer] | Transformation,
) -> Optimizer | optax.GradientTransformation:
    """Return the optimizer behind a Keras name; optax's own go through unchanged.

    Raises:
        UnknownNameError: no optimizer has this name.
        ArgumentError: none of these.

    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    if isinstance(optimizer, str):
        return find(OPTIMIZERS, optimizer.lower(), "optimizer", optimizer)()
    if isinstance(optimizer, Optimizer | optax.GradientTransformation):
        return optimizer
    if isinstance(optimizer, optax.MultiSteps):
        return optimizer.gradient_transformation()
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer()
    raise ArgumentError(
        "optimizer must be a name, one of jaxnet_mini.optimizers or an optax "
        f'transformation, not {optimizer!r}: write for example optimizer="adam".'
    )


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


def get_learning_rate(state: OptimizerState) -> Array:
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


def set_learning_rate(state: OptimizerState, value: float | Array) -> OptimizerState:
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

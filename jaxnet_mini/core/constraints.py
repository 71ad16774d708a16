"""Constraints: what weights are brought back to after each update.

Source: https://keras.io/api/layers/constraints/. A constraint is a frozen value;
calling it on an array returns one of the same shape. Norms are taken along ``axis``, of
a kernel ``(features, units)`` by default along the weights of each unit, and divided by
with 1e-7 added, as in Keras.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import as_integers, check_share
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import named
from jaxnet_mini.core.fields import Checked, Strength, WithConfig, accepted
from jaxnet_mini.core.types import as_array
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError, ShapeError

__all__ = ["CONSTRAINTS", "Constraint", "get"]
__all__ += ["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"]
__all__ += ["max_norm", "min_max_norm", "non_neg", "unit_norm"]

Projection: TypeAlias = Callable[[Array], Array]

EPSILON = 1e-7


def _check_axis(argument: str, value: Any) -> int | tuple[int, ...]:
    axes = as_integers(value)
    if not axes:
        raise ArgumentError(
            f"{argument} must be an axis or a tuple of them, such as 0, not {value!r}."
        )
    return axes if isinstance(value, tuple | list) else axes[0]


def _check_share(argument: str, value: Any) -> float:
    return float(check_share(argument, value))


Axes: TypeAlias = Annotated[int | Sequence[int], Checked(_check_axis)]


def _with_norm(of: Any, given: Any) -> tuple[Array, Array]:
    """Return an array, and the norms along the axis of a constraint.

    Raises:
        ShapeError: it has no such axis.
    """
    x = as_array("x", given)
    axes = of.axis if isinstance(of.axis, tuple) else (of.axis,)
    if not all(-x.ndim <= axis < x.ndim for axis in axes):
        raise ShapeError(
            f"{of!r} got a weight of shape {x.shape}, which has no such axis: give "
            f"axis a number below {x.ndim}."
        )
    return x, jnp.sqrt(jnp.sum(jnp.square(x), axis=axes, keepdims=True))


@dataclasses.dataclass(frozen=True)
class Constraint(WithConfig, Value):
    """The base of the constraints: a frozen, hashable value that changes nothing.

    A subclass defines ``__call__`` and may be a frozen dataclass.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Clipped(Constraint):
    ...     most: float = 1.0
    ...     def __call__(self, x):
    ...         return jnp.clip(x, -self.most, self.most)
    >>> Clipped()(jnp.array([-3.0, 0.5]))
    Array([-1. ,  0.5], dtype=float32)
    """

    _what = "constraint"

    def __call__(self, x: Array) -> Array:
        """Return what ``x`` is brought back to, of the same shape."""
        return x


@dataclasses.dataclass(frozen=True)
class MaxNorm(Constraint):
    """``x * min(norm, max_value) / norm``: norms that are at most so large.

    Args:
        max_value: the largest norm, at least 0.
        axis: along which norms are taken, or several.

    Raises:
        ArgumentError: ``max_value`` is no finite number of at least 0, or ``axis`` no
            axis.

    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html

    >>> MaxNorm(2.5)(jnp.array([[3.0], [4.0]]))
    Array([[1.5],
           [2. ]], dtype=float32)
    """

    max_value: Strength = 2.0
    axis: Axes = 0

    def __call__(self, x: Array) -> Array:
        x, norm = _with_norm(self, x)
        return x * (jnp.minimum(norm, self.max_value) / (EPSILON + norm))


class NonNeg(Constraint):
    """``max(x, 0)``: weights of at least 0.

    Source: https://keras.io/api/layers/constraints/

    >>> NonNeg()(jnp.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """

    def __call__(self, x: Array) -> Array:
        return jnp.maximum(as_array("x", x), 0.0)


@dataclasses.dataclass(frozen=True)
class UnitNorm(Constraint):
    """``x / norm``: norms of 1.

    Args:
        axis: along which norms are taken, or several.

    Raises:
        ArgumentError: ``axis`` is no axis.

    Source: https://keras.io/api/layers/constraints/

    >>> UnitNorm()(jnp.array([[3.0], [4.0]]))
    Array([[0.6],
           [0.8]], dtype=float32)
    """

    axis: Axes = 0

    def __call__(self, x: Array) -> Array:
        x, norm = _with_norm(self, x)
        return x / (EPSILON + norm)


@dataclasses.dataclass(frozen=True)
class MinMaxNorm(Constraint):
    """Norms from ``min_value`` to ``max_value``, or some way towards them.

    ``x * (rate * min(max(norm, min_value), max_value) + (1 - rate) * norm) / norm``.

    Args:
        min_value: the smallest norm, at least 0.
        max_value: the largest.
        rate: 1.0 for norms that lie there after each update, less, at least 0, for
            such that come nearer.
        axis: along which norms are taken, or several.

    Raises:
        ArgumentError: a number is none or below 0, ``rate`` above 1, ``min_value``
            above ``max_value``, or ``axis`` no axis.

    Source: https://keras.io/api/layers/constraints/

    >>> MinMaxNorm(0.0, 2.5, rate=0.5)(jnp.array([[3.0], [4.0]]))
    Array([[2.25],
           [3.  ]], dtype=float32)
    """

    min_value: Strength = 0.0
    max_value: Strength = 1.0
    rate: Annotated[float, Checked(_check_share)] = 1.0
    axis: Axes = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_value > self.max_value:
            raise ArgumentError(
                f"MinMaxNorm: min_value is {self.min_value} and max_value "
                f"{self.max_value}: give the smaller one first."
            )

    def __call__(self, x: Array) -> Array:
        x, norm = _with_norm(self, x)
        within = jnp.clip(norm, self.min_value, self.max_value)
        wanted = self.rate * within + (1.0 - self.rate) * norm
        return x * (wanted / (EPSILON + norm))


# As Keras users write them, in small letters too.
max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

CONSTRAINTS: dict[str, Constraint] = {
    snake_case(kind.__name__): kind()
    for kind in (Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
}


def get(constraint: str | type[Constraint] | Projection | None) -> Projection | None:
    """Return the constraint behind a Keras name; a callable stands for itself.

    Args:
        constraint: ``"max_norm"``, ``"non_neg"``, ``"unit_norm"`` or
            ``"min_max_norm"``, each with its defaults; a value such as
            ``MaxNorm(3.0)``; a callable of one array; or None for none.

    Raises:
        UnknownNameError: no constraint has this name.
        ArgumentError: none of these.

    >>> get("max_norm")
    MaxNorm(max_value=2.0, axis=0)
    """
    if constraint is None:
        return None
    example = "kernel_constraint=MaxNorm(3.0)"
    return named.resolve(constraint, CONSTRAINTS, Constraint, example)


Named: TypeAlias = Annotated[str | Projection | None, Checked(accepted, by=get)]
"""What layers take: a name or the constraint itself, None for none."""

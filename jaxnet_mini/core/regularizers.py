"""Regularizers: penalties on weights that are added to the loss.

Source: https://keras.io/api/layers/regularizers/. A regularizer is a frozen value;
calling it on an array of any shape returns a scalar.
"""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_float, is_number
from jaxnet_mini.core import named
from jaxnet_mini.core.fields import Checked, WithConfig, accepted, check_fields
from jaxnet_mini.core.types import as_array
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ShapeError, short

__all__ = ["L1", "L1L2", "L2", "Regularizer", "l1", "l1_l2", "l2"]
__all__ += ["REGULARIZERS", "get"]

Penalty: TypeAlias = Callable[[Array], Array]

_STRENGTH = Checked(check_float, least=0.0)


@dataclasses.dataclass(frozen=True)
class Regularizer(WithConfig, Value):
    """The base of the regularizers: a frozen, hashable value.

    A subclass defines ``__call__`` and may be a frozen dataclass: each of its fields is
    then a finite number of at least 0, and becomes a float.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Largest(Regularizer):
    ...     strength: float = 0.1
    ...     def __call__(self, x):
    ...         return self.strength * jnp.max(jnp.abs(x))
    >>> Largest()(jnp.array([1.0, -2.0]))
    Array(0.2, dtype=float32)
    """

    _what = "regularizer"

    def __post_init__(self) -> None:
        check_fields(self, f"{type(self).__name__}: ", lambda _: _STRENGTH)

    def __call__(self, x: Array) -> Array:
        """Return the penalty on ``x``, a scalar."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class L1(Regularizer):
    """``l1 * sum(|x|)``, which drives weights to exactly 0.

    Args:
        l1: the strength, at least 0.

    Raises:
        ArgumentError: it is below 0 or not finite.

    Source: https://keras.io/api/layers/regularizers/

    >>> L1(0.1)(jnp.array([1.0, -2.0]))
    Array(0.3, dtype=float32)
    """

    l1: float = 0.01

    def __call__(self, x: Array) -> Array:
        return self.l1 * jnp.sum(jnp.abs(as_array("x", x)))


@dataclasses.dataclass(frozen=True)
class L2(Regularizer):
    """``l2 * sum(x**2)``, which keeps weights small.

    Args:
        l2: the strength, at least 0.

    Raises:
        ArgumentError: it is below 0 or not finite.

    Source: https://keras.io/api/layers/regularizers/

    >>> L2(0.1)(jnp.array([1.0, -2.0]))
    Array(0.5, dtype=float32)
    """

    l2: float = 0.01

    def __call__(self, x: Array) -> Array:
        return self.l2 * jnp.sum(jnp.square(as_array("x", x)))


@dataclasses.dataclass(frozen=True)
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x**2)``, the elastic net.

    Args:
        l1: the strength of the first part, at least 0.
        l2: that of the second.

    Raises:
        ArgumentError: one is below 0 or not finite.

    Source: Zou & Hastie 2005, and https://keras.io/api/layers/regularizers/

    >>> L1L2(l1=0.1, l2=0.01)(jnp.array([1.0, -2.0]))
    Array(0.35000002, dtype=float32)
    """

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, x: Array) -> Array:
        x = as_array("x", x)
        return self.l1 * jnp.sum(jnp.abs(x)) + self.l2 * jnp.sum(jnp.square(x))


# As Keras users write them, in small letters too.
l1 = L1
l2 = L2
l1_l2 = L1L2

REGULARIZERS: dict[str, Penalty] = {"l1": L1(), "l2": L2(), "l1_l2": L1L2(0.01, 0.01)}


def get(regularizer: str | type[Regularizer] | Penalty | None) -> Penalty | None:
    """Return the regularizer behind a Keras name; a callable stands for itself.

    Args:
        regularizer: ``"l1"``, ``"l2"`` or ``"l1_l2"``, each with 0.01; a value such as
            ``L2(1e-4)``; a callable of one array; or None for none.

    Raises:
        UnknownNameError: no regularizer has this name.
        ArgumentError: none of these.

    >>> get("l2")
    L2(l2=0.01)
    """
    if regularizer is None:
        return None
    example = "kernel_regularizer=L2(1e-4)"
    return named.resolve(regularizer, REGULARIZERS, Regularizer, example)


def penalty(regularizer: Any, x: Array) -> Array | float:
    """Return what a regularizer gives for an array.

    Raises:
        ShapeError: that is no number.
    """
    found: Any = named.resolve(regularizer, REGULARIZERS, Regularizer, "")(x)
    if not is_number(found) and getattr(found, "shape", None) != ():
        raise ShapeError(
            f"the regularizer {regularizer!r} returned {short(found)} for an array of "
            f"shape {x.shape}: it must return one number, such as "
            "0.01 * jnp.sum(jnp.square(x))."
        )
    penalty: Array | float = found
    return penalty


Named: TypeAlias = Annotated[str | Penalty | None, Checked(accepted, by=get)]
"""What layers take: a name or the penalty itself, None for none."""

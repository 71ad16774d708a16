"""Activations that are layers: those with arguments of their own, and softmax.

Source: https://keras.io/api/layers/activation_layers/. Each gives outputs of the shape
of its inputs, ``(batch, ...)``, in floats.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import as_integer, check_number, check_positive
from jaxnet_mini.core import activations, constraints, initializers, regularizers
from jaxnet_mini.core.fields import Checked, Newer, NotNegative, Number
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.layers.basic import _Activating
from jaxnet_mini.core.types import Params, RandomKey, Shape
from jaxnet_mini.errors import ArgumentError, ShapeError


@dataclass(frozen=True, repr=False)
class ReLU(_Activating):
    """``max(x, 0)``, or Keras's generalisation of it.

    Args:
        max_value: the largest output, at least 0; None for no limit.
        negative_slope: what ``x - threshold`` is multiplied by below ``threshold``, at
            least 0.
        threshold: above it inputs are passed on, at least 0.

    Raises:
        ArgumentError: a number is below 0 or not finite.

    Source: https://keras.io/api/layers/activation_layers/relu/

    >>> ReLU(max_value=6.0).apply({}, jnp.array([[-1.0, 1.0, 9.0]]))
    Array([[0., 1., 6.]], dtype=float32)
    """

    max_value: NotNegative | None = None
    negative_slope: NotNegative = 0.0
    threshold: NotNegative = 0.0

    formula = activations.relu


@dataclass(frozen=True, repr=False)
class LeakyReLU(_Activating):
    """``x`` where it is at least 0, ``negative_slope * x`` below.

    Args:
        negative_slope: at least 0. The default is 0.3, and 0.2 for the activation of
            the name ``"leaky_relu"``, both as in Keras.
        alpha: what Keras 2 called the slope.

    Raises:
        ArgumentError: the slope is below 0 or not finite.

    Source: Maas et al. 2013, and
    https://keras.io/api/layers/activation_layers/leaky_relu/

    >>> LeakyReLU().apply({}, jnp.array([[-1.0, 2.0]]))
    Array([[-0.3,  2. ]], dtype=float32)
    """

    negative_slope: NotNegative = 0.3
    _: KW_ONLY
    alpha: InitVar[float | None] = None

    def __post_init__(self, input_dim: int | None, alpha: float | None) -> None:
        if alpha is not None:
            slope = check_number("alpha", alpha, least=0.0)
            object.__setattr__(self, "negative_slope", slope)
        super().__post_init__(input_dim)

    formula = jax.nn.leaky_relu


@dataclass(frozen=True, repr=False)
class ELU(_Activating):
    """``x`` where it is above 0, ``alpha * (exp(x) - 1)`` below.

    Args:
        alpha: minus the limit for small ``x``.

    Raises:
        ArgumentError: ``alpha`` is no finite number.

    Source: Clevert et al. 2016, https://arxiv.org/abs/1511.07289

    >>> ELU(2.0).apply({}, jnp.array([[-100.0, 3.0]]))
    Array([[-2.,  3.]], dtype=float32)
    """

    alpha: Number = 1.0

    formula = jax.nn.elu


def _check_axis(argument: str, value: Any) -> int:
    if as_integer(value) != -1:
        raise ArgumentError(
            f"{argument} must be -1, the last axis, not {value!r}: for another, "
            "give Activation a function."
        )
    return -1


@dataclass(frozen=True, repr=False)
class Softmax(_Activating):
    """``exp(x) / sum(exp(x))`` over the last axis.

    Args:
        axis: -1, as in Keras by default; others are refused.

    Raises:
        ArgumentError: it is another.

    Source: https://keras.io/api/layers/activation_layers/softmax/

    >>> Softmax().apply({}, jnp.array([[3.0, 3.0]]))
    Array([[0.5, 0.5]], dtype=float32)
    """

    axis: Annotated[int, Checked(_check_axis)] = -1

    @property
    def function(self) -> activations.Activation:
        return activations.softmax


def _check_axes(argument: str, value: Any) -> tuple[int, ...]:
    axes = value if isinstance(value, tuple | list) else (value,)
    return tuple(check_positive(f"every axis of {argument}", axis) for axis in axes)


Axes: TypeAlias = Annotated[int | Sequence[int], Checked(_check_axes)]


@dataclass(frozen=True, repr=False)
class PReLU(Base):
    """``x`` where it is above 0, ``alpha * x`` below, with ``alpha`` learned.

    Parameters: ``alpha``, of the shape of an example, and of size 1 on shared axes.

    Args:
        alpha_initializer: a Keras name or a callable ``(key, shape) -> array``.
        alpha_regularizer: a penalty on ``alpha`` that is added to the loss: a Keras
            name, one of `jaxnet_mini.regularizers`, a callable, or None.
        shared_axes: one axis or several along which one value serves for all, counted
            as in Keras: 1 is the first axis of an example.
        alpha_constraint: what ``alpha`` is brought back to after each update: a Keras
            name, one of `jaxnet_mini.constraints`, a callable, or None.

    Raises:
        ArgumentError: one is none of these, or a name is unknown.
        ShapeError: ``init`` for examples that lack a shared axis, and ``apply`` to
            others than those that ``alpha`` was made for.

    Source: He et al. 2015, https://arxiv.org/abs/1502.01852

    >>> output_shape, params = PReLU(shared_axes=1).init(jax.random.key(0), (5, 3))
    >>> output_shape, params["alpha"].shape
    ((5, 3), (1, 3))
    """

    alpha_initializer: initializers.Named = "zeros"
    alpha_regularizer: regularizers.Named = None
    shared_axes: Axes | None = None
    _: KW_ONLY
    alpha_constraint: Newer[constraints.Named] = None

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        shape = tuple(input_shape)
        return shape, {"alpha": self._initial("alpha", key, self._shape_for(shape))}

    def forward(self, params: Params, x: Array) -> Array:
        alpha, wanted = params["alpha"], self._shape_for(x.shape[1:])
        if alpha.shape != wanted:
            raise ShapeError(
                f"{self!r} has an alpha of shape {alpha.shape} and got a batch of "
                f"shape {x.shape}, for which it must be {wanted}."
            )
        x = x.astype(alpha.dtype)
        return jax.nn.relu(x) - jnp.expand_dims(alpha, 0) * jax.nn.relu(-x)

    def _shape_for(self, shape: Shape) -> Shape:
        """Return the shape of ``alpha`` for examples of a shape."""
        shared: Any = self.shared_axes or ()
        if any(axis > len(shape) for axis in shared):
            raise ShapeError(
                f"{self!r} got an example of shape {shape}, which has "
                f"{len(shape)} axes: share axes that it has, counted from 1."
            )
        return tuple(1 if axis in shared else n for axis, n in enumerate(shape, 1))

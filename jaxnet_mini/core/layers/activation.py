"""Activations that are layers: those with arguments of their own, and softmax.

Source: https://keras.io/api/layers/activation_layers/. Each gives outputs of the shape
of its inputs, ``(batch, ...)``, in floats.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import as_integer, check_number, check_positive
from jaxnet_mini.core import activations, initializers, regularizers
from jaxnet_mini.core.layers.base import Base, total_penalty
from jaxnet_mini.core.types import Params, RandomKey, Shape, as_float
from jaxnet_mini.errors import ArgumentError, ShapeError


@dataclasses.dataclass(frozen=True, repr=False)
class ReLU(Base):
    """``max(x, 0)``, or Keras's generalisation of it.

    Args:
        max_value: the largest output, at least 0; None for no limit.
        negative_slope: what ``x - threshold`` is multiplied by below ``threshold``, at
            least 0.
        threshold: above it inputs are passed on, at least 0.

    Source: https://keras.io/api/layers/activation_layers/relu/

    >>> ReLU(max_value=6.0).apply({}, jnp.array([[-1.0, 1.0, 9.0]]))
    Array([[0., 1., 6.]], dtype=float32)
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        if self.max_value is not None:
            check_number("max_value", self.max_value, least=0.0)
        check_number("negative_slope", self.negative_slope, least=0.0)
        check_number("threshold", self.threshold, least=0.0)

    def forward(self, params: Params, x: Array) -> Array:
        return activations.relu(
            as_float(x), self.negative_slope, self.max_value, self.threshold
        )


@dataclasses.dataclass(frozen=True, repr=False)
class LeakyReLU(Base):
    """``x`` where it is at least 0, ``negative_slope * x`` below.

    Args:
        negative_slope: at least 0. The default is 0.3, and 0.2 for the activation of
            the name ``"leaky_relu"``, both as in Keras.

    Source: Maas et al. 2013.

    >>> LeakyReLU().apply({}, jnp.array([[-1.0, 2.0]]))
    Array([[-0.3,  2. ]], dtype=float32)
    """

    negative_slope: float = 0.3

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        check_number("negative_slope", self.negative_slope, least=0.0)

    def forward(self, params: Params, x: Array) -> Array:
        return jax.nn.leaky_relu(as_float(x), self.negative_slope)


@dataclasses.dataclass(frozen=True, repr=False)
class ELU(Base):
    """``x`` where it is above 0, ``alpha * (exp(x) - 1)`` below.

    Args:
        alpha: minus the limit for small ``x``.

    Source: Clevert et al. 2016.

    >>> ELU(2.0).apply({}, jnp.array([[-100.0, 3.0]]))
    Array([[-2.,  3.]], dtype=float32)
    """

    alpha: float = 1.0

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        check_number("alpha", self.alpha)

    def forward(self, params: Params, x: Array) -> Array:
        return jax.nn.elu(as_float(x), self.alpha)


@dataclasses.dataclass(frozen=True, repr=False)
class Softmax(Base):
    """``exp(x) / sum(exp(x))`` over the last axis.

    Args:
        axis: -1, as in Keras by default; others are refused.

    Source: https://keras.io/api/layers/activation_layers/softmax/

    >>> Softmax().apply({}, jnp.array([[3.0, 3.0]]))
    Array([[0.5, 0.5]], dtype=float32)
    """

    axis: int = -1

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        if as_integer(self.axis) != -1:
            raise ArgumentError(
                f"axis must be -1, the last axis, not {self.axis!r}: for another, "
                "give Activation a function."
            )
        object.__setattr__(self, "axis", -1)

    def forward(self, params: Params, x: Array) -> Array:
        return activations.softmax(as_float(x))


@dataclasses.dataclass(frozen=True, repr=False)
class PReLU(Base):
    """``x`` where it is above 0, ``alpha * x`` below, with ``alpha`` learned.

    Parameters: ``alpha``, of the shape of an example, and of size 1 on shared axes.

    Args:
        alpha_initializer: a Keras name or a callable ``(key, shape) -> array``.
        alpha_regularizer: a penalty on ``alpha`` that is added to the loss: a Keras
            name, one of `jaxnet_mini.regularizers`, a callable, or None.
        shared_axes: one axis or several along which one value serves for all, counted
            as in Keras: 1 is the first axis of an example.

    Raises:
        ShapeError: ``init`` for examples that lack a shared axis, and ``apply`` to
            others than those that ``alpha`` was made for.

    Source: He et al. 2015.

    >>> output_shape, params = PReLU(shared_axes=1).init(jax.random.key(0), (5, 3))
    >>> output_shape, params["alpha"].shape
    ((5, 3), (1, 3))
    """

    alpha_initializer: str | initializers.Initializer = "zeros"
    alpha_regularizer: str | regularizers.Penalty | None = None
    shared_axes: int | Sequence[int] | None = None

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        initializers.get(self.alpha_initializer)
        regularizers.get(self.alpha_regularizer)
        if self.shared_axes is not None:
            given = self.shared_axes
            axes = tuple(given) if isinstance(given, tuple | list) else (given,)
            axes = tuple(check_positive("every axis of shared_axes", a) for a in axes)
            object.__setattr__(self, "shared_axes", axes)

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        shape = tuple(input_shape)
        if any(axis > len(shape) for axis in self._shared):
            raise ShapeError(
                f"{self!r} got an example of shape {shape}, which has "
                f"{len(shape)} axes: share axes that it has, counted from 1."
            )
        initialize = initializers.get(self.alpha_initializer)
        return shape, {"alpha": initialize(key, self._shape_for(shape))}

    def forward(self, params: Params, x: Array) -> Array:
        alpha = params["alpha"]
        if alpha.shape != self._shape_for(x.shape[1:]):
            raise ShapeError(
                f"{self!r} has an alpha of shape {alpha.shape} and got a batch of "
                f"shape {x.shape}, for which it must be {self._shape_for(x.shape[1:])}."
            )
        x = x.astype(alpha.dtype)
        return jax.nn.relu(x) - jnp.expand_dims(alpha, 0) * jax.nn.relu(-x)

    def penalty(self, params: Params) -> Array | float:
        return total_penalty(params, {"alpha": self.alpha_regularizer})

    @property
    def _shared(self) -> tuple[int, ...]:
        """The shared axes as the tuple that they have become."""
        axes = self.shared_axes
        return axes if isinstance(axes, tuple) else ()

    def _shape_for(self, shape: Shape) -> Shape:
        """Return the shape of ``alpha`` for examples of a shape."""
        return tuple(
            1 if axis in self._shared else size for axis, size in enumerate(shape, 1)
        )

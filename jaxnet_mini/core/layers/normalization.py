"""Layers that bring each example to one scale, and what all such layers share."""

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import as_integer, check_flag, is_number
from jaxnet_mini.core import constraints, initializers, regularizers
from jaxnet_mini.core.fields import NEWER, checked
from jaxnet_mini.core.layers.base import (
    CONSTRAINT,
    INITIALIZER,
    REGULARIZER,
    Base,
    check_features,
    constrained,
    total_penalty,
)
from jaxnet_mini.core.types import Params, RandomKey, Shape, as_float
from jaxnet_mini.errors import ArgumentError, ShapeError


def check_above_zero(argument: str, value: Any) -> Any:
    """Return a number above 0 as it is, or raise an ArgumentError."""
    if not is_number(value) or not (math.isfinite(value) and value > 0.0):
        raise ArgumentError(f"{argument} must be above 0, not {value!r}.")
    return value


def check_axes(argument: str, value: Any) -> int | tuple[int, ...]:
    """Return an axis as an int and several as a tuple.

    Raises:
        ArgumentError: they are none, twice the same, or that of the batch.
    """
    given = value if isinstance(value, tuple | list) else (value,)
    axes = tuple(axis for axis in map(as_integer, given) if axis is not None)
    if not axes or len({*axes}) < len(given) or 0 in axes:
        raise ArgumentError(
            f"{argument} must be an axis such as -1, the last, or several, such as "
            f"(1, 2), and not 0, that of the batch; not {value!r}."
        )
    return axes if len(axes) > 1 else axes[0]


def kept_axes(layer: Any, axis: int | Sequence[int], shape: Shape) -> Shape:
    """Return axes of a batch, counted from 0, in order.

    Args:
        layer: whose axes they are.
        axis: one or several, counted as in NumPy.
        shape: of one example.

    Raises:
        ShapeError: examples of the shape do not have them.
    """
    several = (axis,) if isinstance(axis, int) else axis
    if axis == -1:
        check_features(layer, shape)
    rank = len(shape) + 1
    axes = tuple(sorted(a + rank if a < 0 else a for a in several))
    if any(not 0 < a < rank for a in axes) or len({*axes}) < len(axes):
        raise ShapeError(
            f"{layer!r} got examples of shape {tuple(shape)}, a batch of which has the "
            f"axes 0 to {rank - 1}: choose axis among those but 0, each once."
        )
    return axes


def along(axes: Shape, values: Array, x: Array) -> Array:
    """Return values of some axes of a batch with as many axes as it has."""
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    return jnp.expand_dims(values, others)


def wide(x: Array) -> Any:
    """Return the type in which moments of a batch are computed: at least float32."""
    return x.dtype if x.dtype.itemsize >= 4 else jnp.float32


AXES = checked(check_axes)
FLAG = checked(check_flag)
EPSILON = checked(check_above_zero)


def check_sizes(
    layer: Any, axis: int | Sequence[int], x: Array, params: Params
) -> Shape:
    """Return the axes of a batch that a layer's arrays, all of one shape, are for.

    Raises:
        ShapeError: they are for other batches.
    """
    axes = kept_axes(layer, axis, x.shape[1:])
    for values in jax.tree.leaves(params):
        if values.shape != tuple(x.shape[a] for a in axes):
            size = " x ".join(map(str, values.shape))
            where = "last axis" if axis == -1 else f"axis {axis}"
            raise ShapeError(
                f"{layer!r} has parameters for {size} features and got a batch of "
                f"shape {x.shape}: its {where} must be {size}."
            )
    return axes


@dataclass(frozen=True, repr=False)
class Affine(Base, abc.ABC):
    """The base of layers that scale and shift what they have normalised.

    Parameters: ``gamma`` and ``beta``, of the sizes of the axes that are named.

    Args:
        center: whether to add ``beta``.
        scale: whether to multiply by ``gamma``.
        beta_initializer: a Keras name or a callable ``(key, shape) -> array``.
        gamma_initializer: likewise.
        beta_regularizer: a penalty on ``beta`` that is added to the loss: a Keras name,
            one of `jaxnet_mini.regularizers`, a callable, or None.
        gamma_regularizer: likewise, on ``gamma``.
        beta_constraint: what ``beta`` is brought back to after each update: a Keras
            name, one of `jaxnet_mini.constraints`, a callable, or None.
        gamma_constraint: likewise, of ``gamma``.
    """

    center: bool = field(default=True, kw_only=True, metadata=FLAG | NEWER)
    scale: bool = field(default=True, kw_only=True, metadata=FLAG | NEWER)
    beta_initializer: initializers.Named = field(
        default="zeros", kw_only=True, metadata=INITIALIZER | NEWER
    )
    gamma_initializer: initializers.Named = field(
        default="ones", kw_only=True, metadata=INITIALIZER | NEWER
    )
    beta_regularizer: regularizers.Named = field(
        default=None, kw_only=True, metadata=REGULARIZER | NEWER
    )
    gamma_regularizer: regularizers.Named = field(
        default=None, kw_only=True, metadata=REGULARIZER | NEWER
    )
    beta_constraint: constraints.Named = field(
        default=None, kw_only=True, metadata=CONSTRAINT | NEWER
    )
    gamma_constraint: constraints.Named = field(
        default=None, kw_only=True, metadata=CONSTRAINT | NEWER
    )

    @abc.abstractmethod
    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        """Return the output shape, and `learned` for the axes that are named."""

    def learned(self, key: RandomKey, shape: Shape) -> Params:
        """Return the first ``gamma`` and ``beta``, as far as there are such."""
        gamma_key, beta_key = jax.random.split(key)
        params = {}
        if self.scale:
            params["gamma"] = initializers.get(self.gamma_initializer)(gamma_key, shape)
        if self.center:
            params["beta"] = initializers.get(self.beta_initializer)(beta_key, shape)
        return params

    def rescaled(
        self, params: Params, axes: Shape, centred: Array, inverse: Array
    ) -> Array:
        """Return ``gamma * centred * inverse + beta``."""
        y = centred * inverse
        if self.scale:
            y = y * along(axes, params["gamma"].astype(y.dtype), y)
        if self.center:
            y = y + along(axes, params["beta"].astype(y.dtype), y)
        return y

    def penalty(self, params: Params) -> Array | float:
        wanted = {"gamma": self.gamma_regularizer, "beta": self.beta_regularizer}
        return total_penalty(params, wanted)

    def constrain(self, params: Params) -> Params:
        wanted = {"gamma": self.gamma_constraint, "beta": self.beta_constraint}
        return constrained(params, wanted)


@dataclass(frozen=True, repr=False)
class LayerNormalization(Affine):
    """Bring each example to mean 0 and variance 1, then scale and shift it.

    ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, mean and variance over the
    last axis of ``x``, ``(batch, ..., features)``, each vector of features by itself,
    or over the axes that are named. They are computed in float32 at least.

    Parameters: ``gamma`` (ones) and ``beta`` (zeros), both ``(features,)``, or of the
    sizes of the axes that are named.

    Args:
        axis: what to normalise over: an axis, or several; 1 is the first of an example.
        epsilon: added to the variance, above 0.
        center: whether to add ``beta``.
        scale: whether to multiply by ``gamma``.
        beta_initializer: a Keras name or a callable ``(key, shape) -> array``.
        gamma_initializer: likewise.
        beta_regularizer: a penalty on ``beta`` that is added to the loss, or None.
        gamma_regularizer: likewise, on ``gamma``.
        beta_constraint: what ``beta`` is brought back to after each update, or None.
        gamma_constraint: likewise, of ``gamma``.

    Raises:
        ArgumentError: one is none of these; ``epsilon`` is not above 0.
        ShapeError: ``init`` for examples without such an axis, and ``apply`` to others
            than those that the parameters were made for.

    Source: Ba et al. 2016, https://arxiv.org/abs/1607.06450

    >>> layer, x = LayerNormalization(), jnp.array([[1.0, 3.0], [20.0, 60.0]])
    >>> output_shape, params = layer.init(jax.random.key(0), (2,))
    >>> jnp.round(layer.apply(params, x), 2)
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    axis: int | Sequence[int] = field(default=-1, metadata=AXES | NEWER)
    epsilon: float = field(default=1e-3, metadata=EPSILON)

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        axes = kept_axes(self, self.axis, input_shape)
        shape = tuple(input_shape[axis - 1] for axis in axes)
        return tuple(input_shape), self.learned(key, shape)

    def forward(self, params: Params, x: Array) -> Array:
        axes = check_sizes(self, self.axis, x, params)
        x = x.astype(params["gamma"].dtype) if self.scale else as_float(x)
        real = x.astype(wide(x))
        mean = jnp.mean(real, axis=axes, keepdims=True)
        variance = jnp.var(real, axis=axes, keepdims=True)
        inverse = jax.lax.rsqrt(variance + self.epsilon)
        return self.rescaled(params, axes, real - mean, inverse).astype(x.dtype)


@dataclass(frozen=True, repr=False)
class RMSNormalization(Base):
    """Divide each example by the root of its mean square, then scale it.

    ``scale * x / sqrt(mean(x**2) + epsilon)``, the mean over the last axis of ``x``,
    ``(batch, ..., features)``, or over the axes that are named. It is computed in
    float32 at least.

    Parameters: ``scale`` (ones), of the sizes of these axes.

    Args:
        axis: an axis, or several; 1 is the first of an example.
        epsilon: added to the mean square, above 0.

    Raises:
        ArgumentError: one is none of these.
        ShapeError: ``init`` for examples without such an axis, and ``apply`` to others
            than those that the parameters were made for.

    Source: Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467

    >>> layer, x = RMSNormalization(), jnp.array([[1.0, 7.0]])
    >>> output_shape, params = layer.init(jax.random.key(0), (2,))
    >>> bool(jnp.allclose(layer.apply(params, x), jnp.array([[0.2, 1.4]])))
    True
    """

    axis: int | Sequence[int] = field(default=-1, metadata=AXES)
    epsilon: float = field(default=1e-6, metadata=EPSILON)

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        axes = kept_axes(self, self.axis, input_shape)
        shape = tuple(input_shape[axis - 1] for axis in axes)
        return tuple(input_shape), {"scale": initializers.ones(key, shape)}

    def forward(self, params: Params, x: Array) -> Array:
        axes = check_sizes(self, self.axis, x, params)
        scale = params["scale"]
        x = x.astype(scale.dtype)
        real = x.astype(wide(x))
        mean = jnp.mean(jnp.square(real), axis=axes, keepdims=True)
        y = real * jax.lax.rsqrt(mean + self.epsilon)
        return (y * along(axes, scale.astype(y.dtype), y)).astype(x.dtype)


@dataclass(frozen=True, repr=False)
class UnitNormalization(Base):
    """Divide each example by its length.

    ``x / max(sqrt(sum(x**2)), 1e-12)``, the sum over the last axis of ``x``,
    ``(batch, ..., features)``, or over the axes that are named. What is 0 stays 0.

    Args:
        axis: an axis, or several; 1 is the first of an example.

    Raises:
        ArgumentError: it is none.
        ShapeError: ``init`` and ``apply`` for examples without such an axis.

    Source: https://keras.io/api/layers/normalization_layers/unit_normalization/

    >>> UnitNormalization().apply({}, jnp.array([[3.0, 4.0]]))
    Array([[0.6, 0.8]], dtype=float32)
    """

    axis: int | Sequence[int] = field(default=-1, metadata=AXES)

    def _output_shape(self, input_shape: Shape) -> Shape:
        kept_axes(self, self.axis, input_shape)
        return input_shape

    def forward(self, params: Params, x: Array) -> Array:
        axes = kept_axes(self, self.axis, x.shape[1:])
        x = as_float(x)
        real = x.astype(wide(x))
        squares = jnp.sum(jnp.square(real), axis=axes, keepdims=True)
        # Below the root, where a gradient is finite for examples of zeros too.
        return (real * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))).astype(x.dtype)

"""Layers that bring each example to one scale, and what all such layers share."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import as_integers
from jaxnet_mini.core import constraints, initializers, regularizers
from jaxnet_mini.core.fields import Above0, Checked, Flag, Newer
from jaxnet_mini.core.layers.base import Base, along, check_features
from jaxnet_mini.core.types import Params, RandomKey, Shape, as_float
from jaxnet_mini.errors import ArgumentError, ShapeError


def check_axes(argument: str, value: Any) -> int | tuple[int, ...]:
    """Return an axis as an int and several as a tuple.

    Raises:
        ArgumentError: they are none, twice the same, or that of the batch.
    """
    axes = as_integers(value)
    if not axes or len({*axes}) < len(axes) or 0 in axes:
        raise ArgumentError(
            f"{argument} must be an axis such as -1, the last, or several, such as "
            f"(1, 2), and not 0, that of the batch; not {value!r}."
        )
    return axes if len(axes) > 1 else axes[0]


def wide(x: Array) -> Array:
    """Return a batch in float32 at least, in which its moments are computed."""
    return x if x.dtype.itemsize >= 4 else x.astype(jnp.float32)


Axes: TypeAlias = Annotated[int | Sequence[int], Checked(check_axes)]


class _Normalizing(Base):
    """The base of layers whose ``axis`` says over what, or for what, they normalise.

    Their parameters, and what they remember, are of the sizes of these axes.
    """

    axis: Any
    _casts = "outputs"  # moments and what is done with them are of float32

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        return tuple(input_shape), self.learned(key, self.sizes(input_shape))

    def learned(self, key: RandomKey, sizes: Shape) -> Params:
        """Return the first parameters."""
        return {}

    def axes(self, shape: Shape) -> Shape:
        """Return the axes of a batch, counted from 0, in order.

        Args:
            shape: of one example.

        Raises:
            ShapeError: examples of the shape do not have them.
        """
        if self.axis is None:
            return ()
        if self.axis == -1:
            check_features(self, shape)
        rank = len(shape) + 1
        several = (self.axis,) if isinstance(self.axis, int) else self.axis
        axes = tuple(sorted(a + rank if a < 0 else a for a in several))
        if any(not 0 < a < rank for a in axes) or len({*axes}) < len(axes):
            raise ShapeError(
                f"{self!r} got examples of shape {tuple(shape)}, a batch of which has "
                f"the axes 0 to {rank - 1}: choose axis among those but 0, each once."
            )
        return axes

    def sizes(self, shape: Shape) -> Shape:
        """Return the sizes of the axes of examples of a shape."""
        return tuple(shape[axis - 1] for axis in self.axes(shape))

    def fitting_axes(self, x: Array, params: Params) -> Shape:
        """Return the axes of a batch, for which arrays of their sizes were made.

        Raises:
            ShapeError: they were made for other batches.
        """
        for values in jax.tree.leaves(params):
            if values.shape != self.sizes(x.shape[1:]):
                size = " x ".join(map(str, values.shape))
                where = "last axis" if self.axis == -1 else f"axis {self.axis}"
                raise ShapeError(
                    f"{self!r} has parameters for {size} features and got a batch of "
                    f"shape {x.shape}: its {where} must be {size}."
                )
        return self.axes(x.shape[1:])


@dataclass(frozen=True, repr=False)
class _Affine(_Normalizing):
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

    _: KW_ONLY
    center: Newer[Flag] = True
    scale: Newer[Flag] = True
    beta_initializer: Newer[initializers.Named] = "zeros"
    gamma_initializer: Newer[initializers.Named] = "ones"
    beta_regularizer: Newer[regularizers.Named] = None
    gamma_regularizer: Newer[regularizers.Named] = None
    beta_constraint: Newer[constraints.Named] = None
    gamma_constraint: Newer[constraints.Named] = None

    def learned(self, key: RandomKey, sizes: Shape) -> Params:
        """Return the first ``gamma`` and ``beta``, as far as there are such."""
        gamma_key, beta_key = jax.random.split(key)
        params = {}
        if self.scale:
            params["gamma"] = self._initial("gamma", gamma_key, sizes)
        if self.center:
            params["beta"] = self._initial("beta", beta_key, sizes)
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


@dataclass(frozen=True, repr=False)
class LayerNormalization(_Affine):
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

    axis: Newer[Axes] = -1
    epsilon: Above0 = 1e-3

    def forward(self, params: Params, x: Array) -> Array:
        axes = self.fitting_axes(x, params)
        x = x.astype(params["gamma"].dtype) if self.scale else as_float(x)
        real = wide(x)
        mean = jnp.mean(real, axis=axes, keepdims=True)
        variance = jnp.var(real, axis=axes, keepdims=True)
        inverse = jax.lax.rsqrt(variance + self.epsilon)
        return self.rescaled(params, axes, real - mean, inverse).astype(x.dtype)


@dataclass(frozen=True, repr=False)
class RMSNormalization(_Normalizing):
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

    axis: Axes = -1
    epsilon: Above0 = 1e-6

    def learned(self, key: RandomKey, sizes: Shape) -> Params:
        return {"scale": initializers.ones(key, sizes)}

    def forward(self, params: Params, x: Array) -> Array:
        axes, scale = self.fitting_axes(x, params), params["scale"]
        x = x.astype(scale.dtype)
        real = wide(x)
        mean = jnp.mean(jnp.square(real), axis=axes, keepdims=True)
        y = real * jax.lax.rsqrt(mean + self.epsilon)
        return (y * along(axes, scale.astype(y.dtype), y)).astype(x.dtype)


@dataclass(frozen=True, repr=False)
class UnitNormalization(_Normalizing):
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

    axis: Axes = -1

    def forward(self, params: Params, x: Array) -> Array:
        axes = self.axes(x.shape[1:])
        x = as_float(x)
        real = wide(x)
        squares = jnp.sum(jnp.square(real), axis=axes, keepdims=True)
        # Below the root, where a gradient is finite for examples of zeros too.
        return (real * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))).astype(x.dtype)

"""The dense layer."""

from dataclasses import KW_ONLY, dataclass

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import activations, constraints, initializers, regularizers
from jaxnet_mini.core.fields import Flag, Newer, Positive
from jaxnet_mini.core.layers.base import Base, along, check_features
from jaxnet_mini.core.types import Params, RandomKey, Shape
from jaxnet_mini.errors import ShapeError


@dataclass(frozen=True, repr=False)
class Dense(Base):
    """``activation(x @ kernel + bias)``.

    Parameters: ``kernel`` of shape ``(features, units)`` and ``bias`` of shape
    ``(units,)``. Inputs ``(batch, ..., features)`` become ``(batch, ..., units)``.

    Args:
        units: outputs, a positive integer.
        activation: a Keras name, a callable, or None for none.
        use_bias: whether to add the bias.
        kernel_initializer: a Keras name or a callable ``(key, shape) -> array``.
        bias_initializer: likewise.
        kernel_regularizer: a penalty on the kernel that is added to the loss: a Keras
            name, one of `jaxnet_mini.regularizers`, a callable of the kernel, or None.
        bias_regularizer: likewise, on the bias.
        activity_regularizer: likewise, on the outputs, divided by the number of rows.
        kernel_constraint: what the kernel is brought back to after each update: a Keras
            name, one of `jaxnet_mini.constraints`, a callable of the kernel, or None.
        bias_constraint: likewise, of the bias.

    Raises:
        ArgumentError: one is none of these, or a name is unknown.
        ShapeError: ``init`` for examples without an axis or an activation that does
            not keep the shape, and ``apply`` to others than those that the kernel was
            made for.

    Source: https://keras.io/api/layers/core_layers/dense/

    >>> output_shape, params = Dense(3).init(jax.random.key(0), (2,))
    >>> output_shape, params["kernel"].shape, params["bias"].shape
    ((3,), (2, 3), (3,))
    """

    units: Positive
    activation: activations.Named = None
    use_bias: Flag = True
    kernel_initializer: initializers.Named = "glorot_uniform"
    bias_initializer: initializers.Named = "zeros"
    kernel_regularizer: regularizers.Named = None
    bias_regularizer: regularizers.Named = None
    _: KW_ONLY
    activity_regularizer: Newer[regularizers.Named] = None
    kernel_constraint: Newer[constraints.Named] = None
    bias_constraint: Newer[constraints.Named] = None

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        features = check_features(self, input_shape)
        kernel_key, bias_key = jax.random.split(key)
        params = {"kernel": self._initial("kernel", kernel_key, (features, self.units))}
        if self.use_bias:
            params["bias"] = self._initial("bias", bias_key, (self.units,))
        output_shape = (*input_shape[:-1], self.units)
        activations.check_shape(self, self.activation, output_shape)
        return output_shape, params

    def forward(self, params: Params, x: Array) -> Array:
        kernel = params["kernel"]
        if x.ndim < 2 or x.shape[-1] != kernel.shape[0]:
            raise ShapeError(
                f"{self!r} has a kernel for {kernel.shape[0]} features and got a batch "
                f"of shape {x.shape}: its last axis must be {kernel.shape[0]}."
            )
        y = jnp.dot(x.astype(kernel.dtype), kernel)
        if self.use_bias:
            y = y + along((y.ndim - 1,), params["bias"], y)
        return activations.applied(self, activations.get(self.activation), y)

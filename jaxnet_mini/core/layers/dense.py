"""The dense layer."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_flag, check_positive
from jaxnet_mini.core import activations, constraints, initializers, regularizers
from jaxnet_mini.core.fields import NEWER, checked
from jaxnet_mini.core.layers.base import (
    ACTIVATION,
    CONSTRAINT,
    INITIALIZER,
    REGULARIZER,
    Base,
    check_features,
    constrained,
    over_features,
    total_penalty,
)
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
        ShapeError: ``init`` for examples without an axis, and ``apply`` to others than
            those that the kernel was made for.

    Source: https://keras.io/api/layers/core_layers/dense/

    >>> output_shape, params = Dense(3).init(jax.random.key(0), (2,))
    >>> output_shape, params["kernel"].shape, params["bias"].shape
    ((3,), (2, 3), (3,))
    """

    units: int = field(metadata=checked(check_positive))
    activation: activations.Named = field(default=None, metadata=ACTIVATION)
    use_bias: bool = field(default=True, metadata=checked(check_flag))
    kernel_initializer: initializers.Named = field(
        default="glorot_uniform", metadata=INITIALIZER
    )
    bias_initializer: initializers.Named = field(default="zeros", metadata=INITIALIZER)
    kernel_regularizer: regularizers.Named = field(default=None, metadata=REGULARIZER)
    bias_regularizer: regularizers.Named = field(default=None, metadata=REGULARIZER)
    activity_regularizer: regularizers.Named = field(
        default=None, kw_only=True, metadata=REGULARIZER | NEWER
    )
    kernel_constraint: constraints.Named = field(
        default=None, kw_only=True, metadata=CONSTRAINT
    )
    bias_constraint: constraints.Named = field(
        default=None, kw_only=True, metadata=CONSTRAINT
    )

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        features = check_features(self, input_shape)
        kernel_key, bias_key = jax.random.split(key)
        initialize = initializers.get(self.kernel_initializer)
        params = {"kernel": initialize(kernel_key, (features, self.units))}
        if self.use_bias:
            initialize = initializers.get(self.bias_initializer)
            params["bias"] = initialize(bias_key, (self.units,))
        return (*input_shape[:-1], self.units), params

    def forward(self, params: Params, x: Array) -> Array:
        kernel = params["kernel"]
        if x.ndim < 2 or x.shape[-1] != kernel.shape[0]:
            raise ShapeError(
                f"{self!r} has a kernel for {kernel.shape[0]} features and got a batch "
                f"of shape {x.shape}: its last axis must be {kernel.shape[0]}."
            )
        y = jnp.dot(x.astype(kernel.dtype), kernel)
        if self.use_bias:
            y = y + over_features(params["bias"], y)
        return activations.get(self.activation)(y)

    def penalty(self, params: Params) -> Array | float:
        wanted = {"kernel": self.kernel_regularizer, "bias": self.bias_regularizer}
        return total_penalty(params, wanted)

    def constrain(self, params: Params) -> Params:
        wanted = {"kernel": self.kernel_constraint, "bias": self.bias_constraint}
        return constrained(params, wanted)

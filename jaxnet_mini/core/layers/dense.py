"""The dense layer."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_flag, check_positive
from jaxnet_mini.core import activations, initializers, regularizers
from jaxnet_mini.core.layers.base import Base, total_penalty
from jaxnet_mini.core.types import Params, RandomKey, Shape
from jaxnet_mini.errors import ShapeError


@dataclasses.dataclass(frozen=True, repr=False)
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

    Source: https://keras.io/api/layers/core_layers/dense/

    >>> output_shape, params = Dense(3).init(jax.random.key(0), (2,))
    >>> output_shape, params["kernel"].shape, params["bias"].shape
    ((3,), (2, 3), (3,))
    """

    units: int
    activation: str | activations.Activation | None = None
    use_bias: bool = True
    kernel_initializer: str | initializers.Initializer = "glorot_uniform"
    bias_initializer: str | initializers.Initializer = "zeros"
    kernel_regularizer: str | regularizers.Penalty | None = None
    bias_regularizer: str | regularizers.Penalty | None = None

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        object.__setattr__(self, "units", check_positive("units", self.units))
        object.__setattr__(self, "use_bias", check_flag("use_bias", self.use_bias))
        activations.get(self.activation)
        initializers.get(self.kernel_initializer)
        initializers.get(self.bias_initializer)
        regularizers.get(self.kernel_regularizer)
        regularizers.get(self.bias_regularizer)

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        if not input_shape:
            raise ShapeError(
                f"{self!r} needs inputs with at least one axis of features and got "
                "scalars: reshape x to (rows, 1)."
            )
        kernel_key, bias_key = jax.random.split(key)
        initialize = initializers.get(self.kernel_initializer)
        params = {"kernel": initialize(kernel_key, (input_shape[-1], self.units))}
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
            y = y + jnp.expand_dims(params["bias"], tuple(range(y.ndim - 1)))
        return activations.get(self.activation)(y)

    def penalty(self, params: Params) -> Array | float:
        wanted = {"kernel": self.kernel_regularizer, "bias": self.bias_regularizer}
        return total_penalty(params, wanted)

"""Layers: frozen values with two pure functions.

``init(key, input_shape) -> (output_shape, params)`` makes the parameters and
``apply(params, x, *, key=None, training=False) -> y`` uses them. Shapes exclude the
batch axis; arrays have it first. Names and defaults are those of
https://keras.io/api/layers/.

Every layer takes ``input_shape`` (a shape that is then checked), ``input_dim`` (short
for an ``input_shape`` of one axis) and ``name``. Integer inputs are cast to floats
where a layer computes.
"""

import dataclasses
import math
import numbers
import re
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini import activations, initializers, regularizers
from jaxnet_mini.errors import ArgumentError, ShapeError
from jaxnet_mini.names import as_call
from jaxnet_mini.types import Params, RandomKey, Shape, as_float


def _positive(value: Any, argument: str) -> int:
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value <= 0:
        raise ArgumentError(f"{argument} must be a positive integer, not {value!r}.")
    return int(value)


def check_shape(value: Any, argument: str) -> Shape:
    """Return ``value`` as a shape without the batch axis.

    Raises:
        ArgumentError: no tuple of positive integers.
    """
    if isinstance(value, numbers.Integral):
        value = (value,)
    if not isinstance(value, tuple | list):
        raise ArgumentError(
            f"{argument} must be a tuple of positive integers without the batch axis, "
            f"such as (28, 28), not {value!r}."
        )
    return tuple(_positive(size, f"every axis of {argument}") for size in value)


@dataclasses.dataclass(frozen=True, repr=False)
class Base:
    """What all layers here share: a declared input shape, a name, a short ``repr``.

    On its own it passes its input on and has no parameters.
    """

    input_shape: Shape | None = dataclasses.field(default=None, kw_only=True)
    input_dim: dataclasses.InitVar[int | None] = dataclasses.field(
        default=None, kw_only=True
    )
    name: str | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self, input_dim: int | None) -> None:
        if input_dim is not None:
            if self.input_shape is not None:
                raise ArgumentError("give input_shape or input_dim, not both.")
            declared = check_shape(_positive(input_dim, "input_dim"), "input_dim")
            object.__setattr__(self, "input_shape", declared)
        elif self.input_shape is not None:
            declared = check_shape(self.input_shape, "input_shape")
            object.__setattr__(self, "input_shape", declared)
        if self.name is not None and (
            not isinstance(self.name, str) or not re.fullmatch(r"[^/\s]+", self.name)
        ):
            raise ArgumentError(
                f"name must be a word without '/' or spaces, not {self.name!r}."
            )

    def __repr__(self) -> str:
        return as_call(self)

    def check(self, input_shape: Shape) -> None:
        """Raise a ShapeError where ``input_shape`` is not what was declared."""
        if self.input_shape is not None and self.input_shape != tuple(input_shape):
            raise ShapeError(
                f"{self!r} expects inputs of shape {self.input_shape} and got "
                f"{tuple(input_shape)}: change its input_shape or reshape the inputs."
            )

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        """Return the output shape and the parameters."""
        self.check(input_shape)
        return tuple(input_shape), {}

    def apply(
        self,
        params: Params,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Array:
        """Return the outputs for a batch."""
        return self.forward(params, x)

    def forward(self, params: Params, x: Array) -> Array:
        """Return the outputs of a layer that draws no random numbers."""
        return x

    def penalty(self, params: Params) -> Array | float:
        """Return what regularizers add to the loss of a batch; 0.0 where none does."""
        return 0.0


@dataclasses.dataclass(frozen=True, repr=False)
class Input(Base):
    """The shape of one example; passes its input on.

    >>> Input((28, 28)).init(jax.random.key(0), (28, 28))
    ((28, 28), {})
    """

    shape: Shape

    def __post_init__(self, input_dim: int | None) -> None:
        shape = check_shape(self.shape, "shape")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "input_shape", shape)
        super().__post_init__(input_dim)

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Input({self.shape}{name})"


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
        object.__setattr__(self, "units", _positive(self.units, "units"))
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
        regularized = {"kernel": self.kernel_regularizer, "bias": self.bias_regularizer}
        total: Array | float = 0.0
        for name, regularizer in regularized.items():
            penalize = regularizers.get(regularizer)
            if penalize is not None and name in params:
                total = total + penalize(params[name])
        return total


@dataclasses.dataclass(frozen=True, repr=False)
class Flatten(Base):
    """Join all axes of an example into one, in row-major order.

    >>> Flatten().init(jax.random.key(0), (28, 28))
    ((784,), {})
    """

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        return (math.prod(input_shape),), {}

    def forward(self, params: Params, x: Array) -> Array:
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


@dataclasses.dataclass(frozen=True, repr=False)
class Activation(Base):
    """Apply a function to each element, or to the last axis for ``softmax``.

    >>> Activation("relu").apply({}, jnp.array([[-1.0, 2.0]]))
    Array([[0., 2.]], dtype=float32)
    """

    activation: str | activations.Activation | None

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        activations.get(self.activation)

    def forward(self, params: Params, x: Array) -> Array:
        return activations.get(self.activation)(as_float(x))


@dataclasses.dataclass(frozen=True, repr=False)
class Dropout(Base):
    """Set a share of the inputs to 0 in training and scale the others up.

    Args:
        rate: the share that is dropped, in [0, 1); the rest is divided by 1 - rate.

    Raises:
        ArgumentError: ``apply`` in training without a ``key``.

    Source: Srivastava et al. 2014.
    """

    rate: float

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        if not isinstance(self.rate, numbers.Real) or not 0.0 <= self.rate < 1.0:
            raise ArgumentError(
                f"rate is the share of inputs to drop, in [0, 1), not {self.rate!r}."
            )

    def apply(
        self,
        params: Params,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Array:
        if not training or self.rate == 0.0:
            return x
        if key is None:
            raise ArgumentError(
                f"{self!r} draws random numbers in training: give apply a key, for "
                "example key=jax.random.key(0)."
            )
        x = as_float(x)
        keep = jax.random.bernoulli(key, 1.0 - self.rate, x.shape)
        return jnp.where(keep, x / (1.0 - self.rate), jnp.zeros_like(x))


@dataclasses.dataclass(frozen=True, repr=False)
class Rescaling(Base):
    """``x * scale + offset``, in floats; images may so stay ``uint8`` until here.

    >>> Rescaling(1 / 255).apply({}, jnp.array([[0, 255]], jnp.uint8))
    Array([[0., 1.]], dtype=float32)
    """

    scale: float
    offset: float = 0.0

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        for argument in ("scale", "offset"):
            value = getattr(self, argument)
            if not isinstance(value, numbers.Real) or not math.isfinite(value):
                raise ArgumentError(
                    f"{argument} must be a finite number, not {value!r}."
                )

    def forward(self, params: Params, x: Array) -> Array:
        return as_float(x) * self.scale + self.offset


@dataclasses.dataclass(frozen=True, repr=False)
class LayerNormalization(Base):
    """Bring the last axis to mean 0 and variance 1, then scale and shift it.

    Parameters: ``gamma`` (ones) and ``beta`` (zeros), both ``(features,)``.

    Args:
        epsilon: added to the variance.

    Source: Ba et al. 2016.
    """

    epsilon: float = 1e-3

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        if not isinstance(self.epsilon, numbers.Real) or not self.epsilon > 0.0:
            raise ArgumentError(f"epsilon must be above 0, not {self.epsilon!r}.")

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        if not input_shape:
            raise ShapeError(
                f"{self!r} needs inputs with at least one axis of features and got "
                "scalars: reshape x to (rows, 1)."
            )
        features = (input_shape[-1],)
        ones = initializers.ones(key, features)
        zeros = initializers.zeros(key, features)
        return tuple(input_shape), {"gamma": ones, "beta": zeros}

    def forward(self, params: Params, x: Array) -> Array:
        features = params["gamma"].shape[0]
        if x.ndim < 2 or x.shape[-1] != features:
            raise ShapeError(
                f"{self!r} has parameters for {features} features and got a batch of "
                f"shape {x.shape}: its last axis must be {features}."
            )
        gamma, beta = (
            jnp.expand_dims(params[name], tuple(range(x.ndim - 1)))
            for name in ("gamma", "beta")
        )
        x = x.astype(gamma.dtype)
        mean = jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.var(x, axis=-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + self.epsilon) * gamma + beta

"""Layers that bring their inputs to one scale."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core import initializers
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.types import Params, RandomKey, Shape
from jaxnet_mini.errors import ArgumentError, ShapeError


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
        if not is_number(self.epsilon) or not self.epsilon > 0.0:
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

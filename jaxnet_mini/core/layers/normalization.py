"""Layers that bring their inputs to one scale."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core import initializers
from jaxnet_mini.core.fields import checked
from jaxnet_mini.core.layers.base import Base, check_features, over_features
from jaxnet_mini.core.types import Params, RandomKey, Shape
from jaxnet_mini.errors import ArgumentError, ShapeError


def _check_above_zero(argument: str, value: Any) -> Any:
    if not is_number(value) or not value > 0.0:
        raise ArgumentError(f"{argument} must be above 0, not {value!r}.")
    return value


@dataclass(frozen=True, repr=False)
class LayerNormalization(Base):
    """Bring the last axis to mean 0 and variance 1, then scale and shift it.

    ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, mean and variance over the
    last axis of ``x``, ``(batch, ..., features)``, each vector of features by itself.

    Parameters: ``gamma`` (ones) and ``beta`` (zeros), both ``(features,)``.

    Args:
        epsilon: added to the variance, above 0.

    Raises:
        ArgumentError: ``epsilon`` is not above 0.
        ShapeError: ``init`` for examples without an axis, and ``apply`` to others than
            those that the parameters were made for.

    Source: Ba et al. 2016, https://arxiv.org/abs/1607.06450

    >>> layer, x = LayerNormalization(), jnp.array([[1.0, 3.0], [20.0, 60.0]])
    >>> output_shape, params = layer.init(jax.random.key(0), (2,))
    >>> jnp.round(layer.apply(params, x), 2)
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    epsilon: float = field(default=1e-3, metadata=checked(_check_above_zero))

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        features = (check_features(self, input_shape),)
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
        gamma, beta = (over_features(params[name], x) for name in ("gamma", "beta"))
        x = x.astype(gamma.dtype)
        mean = jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.var(x, axis=-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + self.epsilon) * gamma + beta

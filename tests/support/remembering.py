"""A layer that remembers: what Ioffe and Szegedy (2015) do, as Keras counts it."""

import dataclasses
from typing import Any

import jax.numpy as jnp

from jaxnet_mini.layers import Base


@dataclasses.dataclass(frozen=True, repr=False)
class Standardized(Base):
    """Each feature less its mean in the batch, over its deviation there.

    Outside of training by moving means of both.
    """

    momentum: float = 0.9
    epsilon: float = 1e-3

    def init(self, key: Any, input_shape: tuple[int, ...]) -> Any:
        ones = jnp.ones(input_shape[-1:])
        return input_shape, {"gamma": ones, "beta": jnp.zeros_like(ones)}

    def init_state(self, input_shape: tuple[int, ...]) -> Any:
        zeros = jnp.zeros(input_shape[-1:])
        return {"moving_mean": zeros, "moving_variance": jnp.ones_like(zeros)}

    def update(
        self,
        params: Any,
        state: Any,
        x: Any,
        *,
        key: Any = None,
        training: bool = False,
        mask: Any = None,
    ) -> Any:
        mean, variance = state["moving_mean"], state["moving_variance"]
        if training:
            counts = jnp.ones(len(x)) if mask is None else mask.astype(x.dtype)
            share = (counts / jnp.sum(counts))[:, None]
            real = jnp.where(share > 0.0, x, 0.0)
            mean = jnp.sum(share * real, axis=0)
            variance = jnp.sum(share * jnp.square(real - mean[None]), axis=0)
            new = {"moving_mean": mean, "moving_variance": variance}
            state = {
                name: self.momentum * old + (1.0 - self.momentum) * new[name]
                for name, old in state.items()
            }
        scale = params["gamma"] / jnp.sqrt(variance + self.epsilon)
        return scale[None] * (x - mean[None]) + params["beta"][None], state


class Plain(Standardized):
    """What is called by ``apply`` alone, whatever its class inherits."""

    def apply(self, params: Any, x: Any, **_: Any) -> Any:
        return 2.0 * x

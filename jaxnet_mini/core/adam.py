"""Adam as a transformation of optax, in the order of operations of its paper."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.core.types import Params


class AdamState(NamedTuple):
    """Steps taken and the two moments, each of the shape of the parameters."""

    steps: Array
    first_moment: Params
    second_moment: Params


def adam(
    learning_rate: Any,
    beta_1: Any,
    beta_2: Any,
    epsilon: Any,
    weight_decay: Any = None,
) -> optax.GradientTransformation:
    r"""Adam (Kingma & Ba 2015) in the order of operations of the paper's section 2.

    The step is ``-a m / (sqrt(v) + epsilon)`` with one scalar
    ``a = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)``, as in Keras.
    `optax.adam` corrects both moments element by element instead: epsilon then stands
    elsewhere, and two more divisions per parameter cost a tenth of a training step.
    """

    def init(params: Params) -> AdamState:
        zeros = functools.partial(jax.tree.map, jnp.zeros_like)
        return AdamState(jnp.zeros((), jnp.int32), zeros(params), zeros(params))

    def update(
        gradients: Params, state: AdamState, params: Params = None
    ) -> tuple[Params, AdamState]:
        steps = optax.safe_increment(state.steps)
        first = jax.tree.map(
            lambda m, g: m + (g - m) * (1.0 - beta_1), state.first_moment, gradients
        )
        second = jax.tree.map(
            lambda v, g: v + (jnp.square(g) - v) * (1.0 - beta_2),
            state.second_moment,
            gradients,
        )
        t = steps.astype(jnp.result_type(beta_1))
        scale = learning_rate * jnp.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
        updates = jax.tree.map(
            lambda m, v: -scale * m / (jnp.sqrt(v) + epsilon), first, second
        )
        if weight_decay is not None:
            updates = jax.tree.map(
                lambda u, p: u - learning_rate * weight_decay * p, updates, params
            )
        return updates, AdamState(steps, first, second)

    return optax.GradientTransformation(init, update)

"""Adagrad."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import DECAYED, NOT_NEGATIVE, Optimizer


def _adagrad(
    learning_rate: Any, initial_accumulator_value: Any, epsilon: Any
) -> optax.GradientTransformation:
    return optax.adagrad(learning_rate, initial_accumulator_value, epsilon)


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Takes ever smaller steps where gradients have been large.

    With the sum ``s`` of their squares, an array of the shape of each parameter::

        s <- s + g^2
        w <- w - a g / sqrt(s + epsilon)

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        initial_accumulator_value: what ``s`` begins with, at least 0.
        epsilon: at least 0; it limits the step where gradients are tiny.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html, and
    https://keras.io/api/optimizers/adagrad/

    >>> import jax.numpy as jnp
    >>> optimizer = Adagrad(0.5, initial_accumulator_value=9.0, epsilon=0.0)
    >>> w = jnp.zeros(1)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([4.0]), optimizer.init(w), w)
    >>> updates  # - 0.5 * 4 / sqrt(9 + 16)
    Array([-0.4], dtype=float32)
    """

    factory = staticmethod(_adagrad)

    initial_accumulator_value: float = field(default=0.1, metadata=NOT_NEGATIVE)
    epsilon: float = field(default=1e-7, metadata=NOT_NEGATIVE)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

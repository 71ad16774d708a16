"""Adamax."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import DECAY, DECAYED, NOT_NEGATIVE, Optimizer
from jaxnet_mini.core.transformations import lenient


def _adamax(
    learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> optax.GradientTransformation:
    return lenient(optax.adamax(learning_rate, beta_1, beta_2, epsilon))


@dataclass(frozen=True)
class Adamax(Optimizer):
    """`Adam` with the largest recent gradient in place of the mean of squares.

    With the running mean ``m`` of the gradients::

        m <- beta_1 m + (1 - beta_1) g
        u <- max(beta_2 u, |g| + epsilon)
        w <- w - a / (1 - beta_1^t) m / u

    This is optax's; Keras adds ``epsilon`` to ``u`` afterwards, which differs where
    gradients are not much larger than it.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        beta_1: the share of ``m`` that stays at each step, in [0, 1).
        beta_2: that of ``u``.
        epsilon: at least 0; it limits the step where gradients are tiny.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Kingma & Ba 2015, section 7.1, https://arxiv.org/abs/1412.6980, and
    https://keras.io/api/optimizers/adamax/

    >>> import jax.numpy as jnp
    >>> optimizer, w = Adamax(0.5), jnp.zeros(2)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([4.0, -0.5]), optimizer.init(w), w)
    >>> jnp.round(updates, 4)  # the first step has the size of the learning rate
    Array([-0.5,  0.5], dtype=float32)
    """

    factory = staticmethod(_adamax)

    beta_1: float = field(default=0.9, metadata=DECAY)
    beta_2: float = field(default=0.999, metadata=DECAY)
    epsilon: float = field(default=1e-7, metadata=NOT_NEGATIVE)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

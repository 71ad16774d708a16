"""Adadelta."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import DECAY, DECAYED, NOT_NEGATIVE, Optimizer


def _adadelta(learning_rate: Any, rho: Any, epsilon: Any) -> Any:
    return optax.chain(
        optax.scale_by_adadelta(rho, epsilon),
        optax.scale_by_learning_rate(learning_rate),
    )


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps of the size of recent steps, over that of recent gradients.

    With the running means ``v`` of the squares of gradients and ``d`` of those of
    steps::

        v <- rho v + (1 - rho) g^2
        s = sqrt(d + epsilon) / sqrt(v + epsilon) g
        d <- rho d + (1 - rho) s^2
        w <- w - a s

    The paper has a learning rate of 1; with Keras's default it is slow.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        rho: the share of the means that stays at each step, in [0, 1).
        epsilon: above 0; the size of the first steps follows from it.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Zeiler 2012, https://arxiv.org/abs/1212.5701, and
    https://keras.io/api/optimizers/adadelta/

    >>> import jax.numpy as jnp
    >>> optimizer, w = Adadelta(1.0, rho=0.75, epsilon=1.0), jnp.zeros(1)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([2.0]), optimizer.init(w), w)
    >>> jnp.round(updates, 4)  # - 2 / sqrt(0.25 * 2^2 + 1)
    Array([-1.4142], dtype=float32)
    """

    factory = staticmethod(_adadelta)

    rho: float = field(default=0.95, metadata=DECAY)
    epsilon: float = field(default=1e-7, metadata=NOT_NEGATIVE)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

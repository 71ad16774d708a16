"""Gradient descent, with and without momentum."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import (
    DECAY,
    DECAYED,
    FLAG,
    RATE,
    Optimizer,
    Schedule,
)


def _sgd(
    learning_rate: Any, momentum: Any = None, nesterov: bool = False
) -> optax.GradientTransformation:
    if momentum is None:
        return optax.scale_by_learning_rate(learning_rate)
    # Keras's velocity holds steps, each taken at the rate of its time, and optax.sgd's
    # holds gradients: they differ once the rate changes.
    return optax.chain(
        optax.scale_by_learning_rate(learning_rate), optax.trace(momentum, nesterov)
    )


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where it is above 0.

    Without momentum ``w <- w - a g``, and nothing is kept but the rate. With it the
    steps add up in a velocity ``v``, one number per parameter::

        v <- momentum v - a g
        w <- w + v                    # nesterov=False
        w <- w + momentum v - a g     # nesterov=True

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        momentum: the share of the velocity that stays at each step, in [0, 1).
        nesterov: whether to look one step ahead; without momentum it changes nothing.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range, or the flag is none.

    Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html,
    and https://keras.io/api/optimizers/sgd/

    >>> import jax.numpy as jnp
    >>> optimizer, w = SGD(0.5, momentum=0.5), jnp.array([1.0])
    >>> update, state = optimizer.transformation().update, optimizer.init(w)
    >>> for _ in range(2):
    ...     updates, state = update(jnp.ones(1), state, w)
    >>> updates  # 0.5 times the step before, and the next
    Array([-0.75], dtype=float32)
    """

    factory = staticmethod(_sgd)

    learning_rate: float | Schedule = field(default=0.01, metadata=RATE)
    momentum: float = field(default=0.0, metadata=DECAY)
    nesterov: bool = field(default=False, metadata=FLAG)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

    def _absent(self) -> tuple[str, ...]:
        return () if self.momentum else ("momentum",)

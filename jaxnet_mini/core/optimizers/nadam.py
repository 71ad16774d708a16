"""Nadam."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import DECAY, DECAYED, NOT_NEGATIVE, Optimizer
from jaxnet_mini.core.transformations import lenient


def _nadam(
    learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> optax.GradientTransformation:
    return lenient(optax.nadam(learning_rate, beta_1, beta_2, epsilon))


@dataclass(frozen=True)
class Nadam(Optimizer):
    """`Adam` with Nesterov momentum, as optax has it.

    ``m`` and ``v`` are those of Adam, and the step looks one step of ``m`` ahead::

        n = beta_1 m / (1 - beta_1^(t + 1)) + (1 - beta_1) g / (1 - beta_1^t)
        w <- w - a n / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Keras warms ``beta_1`` up besides; the two differ in the first hundreds of steps.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        beta_1: the share of ``m`` that stays at each step, in [0, 1).
        beta_2: that of ``v``.
        epsilon: at least 0; it limits the step where gradients are tiny.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, and
    https://keras.io/api/optimizers/Nadam/

    >>> import jax.numpy as jnp
    >>> optimizer, w = Nadam(0.01, beta_1=0.0), jnp.zeros(2)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([4.0, -0.5]), optimizer.init(w), w)
    >>> updates
    Array([-0.01,  0.01], dtype=float32)
    """

    factory = staticmethod(_nadam)

    beta_1: float = field(default=0.9, metadata=DECAY)
    beta_2: float = field(default=0.999, metadata=DECAY)
    epsilon: float = field(default=1e-7, metadata=NOT_NEGATIVE)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

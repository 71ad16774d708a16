"""Lamb."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import DECAY, DECAYED, NOT_NEGATIVE, Optimizer
from jaxnet_mini.core.transformations import lenient


def _lamb(
    learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> optax.GradientTransformation:
    parts = (
        optax.scale_by_adam(beta_1, beta_2, epsilon),
        optax.scale_by_trust_ratio(),
        optax.scale_by_learning_rate(learning_rate),
    )
    return lenient(optax.chain(*parts))


@dataclass(frozen=True)
class Lamb(Optimizer):
    """Steps of `Adam` as large as the parameters, for large batches.

    With ``m`` and ``v`` of Adam, and with L2 norms of each array of parameters::

        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        w <- w - a |w| / |u| u

    where one of the norms is 0 their ratio is 1.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        beta_1: the share of ``m`` that stays at each step, in [0, 1).
        beta_2: that of ``v``.
        epsilon: at least 0; it limits the step where gradients are tiny.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: You et al. 2020, https://arxiv.org/abs/1904.00962, and
    https://keras.io/api/optimizers/lamb/

    >>> import jax.numpy as jnp
    >>> optimizer, w = Lamb(0.5), jnp.array([3.0, 4.0])
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([2.0, 0.0]), optimizer.init(w), w)
    >>> jnp.round(updates, 4)  # of the norm 0.5 * 5
    Array([-2.5, -0. ], dtype=float32)
    """

    factory = staticmethod(_lamb)

    beta_1: float = field(default=0.9, metadata=DECAY)
    beta_2: float = field(default=0.999, metadata=DECAY)
    epsilon: float = field(default=1e-7, metadata=NOT_NEGATIVE)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

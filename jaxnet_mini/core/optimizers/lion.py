"""Lion."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import DECAY, DECAYED, Optimizer


def _lion(
    learning_rate: Any, beta_1: Any, beta_2: Any, weight_decay: Any = 0.0
) -> optax.GradientTransformation:
    return optax.lion(learning_rate, beta_1, beta_2, weight_decay=weight_decay)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Steps of one size for all parameters: only the sign of a mean gradient counts.

    With the running mean ``m``, an array of the shape of each parameter::

        w <- w - a sign(beta_1 m + (1 - beta_1) g)
        m <- beta_2 m + (1 - beta_2) g

    The steps are larger than those of `Adam`; the paper advises a learning rate of a
    third to a tenth of its.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        beta_1: the share of ``m`` in the direction of the step, in [0, 1).
        beta_2: the share of ``m`` that stays at each step, in [0, 1).
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Chen et al. 2023, https://arxiv.org/abs/2302.06675, and
    https://keras.io/api/optimizers/lion/

    >>> import jax.numpy as jnp
    >>> optimizer, w = Lion(0.25), jnp.zeros(3)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([5.0, -0.1, 0.0]), optimizer.init(w), w)
    >>> updates
    Array([-0.25,  0.25, -0.  ], dtype=float32)
    """

    factory = staticmethod(_lion)

    beta_1: float = field(default=0.9, metadata=DECAY)
    beta_2: float = field(default=0.99, metadata=DECAY)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

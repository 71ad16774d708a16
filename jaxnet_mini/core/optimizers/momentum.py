"""Steps along the gradient, or its sign, with and without momentum."""

from dataclasses import dataclass
from typing import Any

import optax

from jaxnet_mini.core.fields import Flag
from jaxnet_mini.core.optimizers.base import Decayed, Optimizer, Rate, Share


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

    >>> optimizer, w = SGD(0.5, momentum=0.5), jnp.array([1.0])
    >>> update, state = optimizer.transformation().update, optimizer.init(w)
    >>> for _ in range(2):
    ...     updates, state = update(jnp.ones(1), state, w)
    >>> updates  # 0.5 times the step before, and the next
    Array([-0.75], dtype=float32)
    """

    factory = staticmethod(_sgd)
    absent_at_zero = ("momentum",)

    learning_rate: Rate = 0.01
    momentum: Share = 0.0
    nesterov: Flag = False
    weight_decay: Decayed = None


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

    >>> optimizer, w = Lion(0.25), jnp.zeros(3)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([5.0, -0.1, 0.0]), optimizer.init(w), w)
    >>> updates
    Array([-0.25,  0.25, -0.  ], dtype=float32)
    """

    factory = staticmethod(_lion)

    beta_1: Share = 0.9
    beta_2: Share = 0.99
    weight_decay: Decayed = None

"""Relatives of Adam: steps by two moments of the gradients, as optax has them."""

from dataclasses import dataclass
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import Decayed, NotNegative, Optimizer, Share
from jaxnet_mini.core.transformations import lenient


@dataclass(frozen=True)
class _OfMoments(Optimizer):
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: NotNegative = 1e-7
    weight_decay: Decayed = None


def _adamax(
    learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> optax.GradientTransformation:
    return lenient(optax.adamax(learning_rate, beta_1, beta_2, epsilon))


class Adamax(_OfMoments):
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

    >>> optimizer, w = Adamax(0.5), jnp.zeros(2)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([4.0, -0.5]), optimizer.init(w), w)
    >>> jnp.round(updates, 4)  # the first step has the size of the learning rate
    Array([-0.5,  0.5], dtype=float32)
    """

    factory = staticmethod(_adamax)


def _nadam(
    learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> optax.GradientTransformation:
    return lenient(optax.nadam(learning_rate, beta_1, beta_2, epsilon))


class Nadam(_OfMoments):
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

    >>> optimizer, w = Nadam(0.01, beta_1=0.0), jnp.zeros(2)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([4.0, -0.5]), optimizer.init(w), w)
    >>> updates
    Array([-0.01,  0.01], dtype=float32)
    """

    factory = staticmethod(_nadam)


def _lamb(
    learning_rate: Any, beta_1: Any, beta_2: Any, epsilon: Any
) -> optax.GradientTransformation:
    parts = (
        optax.scale_by_adam(beta_1, beta_2, epsilon),
        optax.scale_by_trust_ratio(),
        optax.scale_by_learning_rate(learning_rate),
    )
    return lenient(optax.chain(*parts))


class Lamb(_OfMoments):
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

    >>> optimizer, w = Lamb(0.5), jnp.array([3.0, 4.0])
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([2.0, 0.0]), optimizer.init(w), w)
    >>> jnp.round(updates, 4)  # of the norm 0.5 * 5
    Array([-2.5, -0. ], dtype=float32)
    """

    factory = staticmethod(_lamb)

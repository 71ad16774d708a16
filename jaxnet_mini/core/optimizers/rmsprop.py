"""RMSprop."""

from dataclasses import dataclass, field
from typing import Any

import optax

from jaxnet_mini.core.optimizers.base import (
    DECAY,
    DECAYED,
    FLAG,
    NOT_NEGATIVE,
    Optimizer,
)


def _rmsprop(
    learning_rate: Any,
    rho: Any,
    epsilon: Any,
    momentum: Any = None,
    centered: bool = False,
) -> optax.GradientTransformation:
    scale = optax.scale_by_stddev if centered else optax.scale_by_rms
    # Keras applies the learning rate before it accumulates momentum.
    parts = [scale(decay=rho, eps=epsilon), optax.scale_by_learning_rate(learning_rate)]
    if momentum is not None:
        parts.append(optax.trace(decay=momentum))
    return optax.chain(*parts)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Divides gradients by the root of the running mean of their squares.

    With that mean ``v``, and with ``m``, that of the gradients, where it is
    ``centered``::

        v <- rho v + (1 - rho) g^2
        m <- rho m + (1 - rho) g                      # centered only, else 0
        u <- momentum u + a g / sqrt(v - m^2 + epsilon)
        w <- w - u

    The state holds an array of the shape of each parameter for ``v``, and one more for
    each of ``m`` and ``u`` that is in use.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        rho: the share of the means that stays at each step, in [0, 1).
        momentum: the share of the last step that is repeated, in [0, 1).
        epsilon: at least 0; it limits the step where gradients are tiny.
        centered: whether to divide by the standard deviation of the gradients.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range, or the flag is none.

    Source: Hinton 2012, https://www.cs.toronto.edu/~hinton/coursera/lecture6/lec6.pdf,
    and https://keras.io/api/optimizers/rmsprop/

    >>> import jax.numpy as jnp
    >>> optimizer, w = RMSprop(0.01, rho=0.75), jnp.array([1.0, -2.0])
    >>> update = optimizer.transformation().update
    >>> updates, state = update(2.0 * w, optimizer.init(w), w)
    >>> updates  # of the size a / sqrt(1 - rho) in the first step
    Array([-0.02,  0.02], dtype=float32)
    """

    factory = staticmethod(_rmsprop)

    rho: float = field(default=0.9, metadata=DECAY)
    momentum: float = field(default=0.0, metadata=DECAY)
    epsilon: float = field(default=1e-7, metadata=NOT_NEGATIVE)
    centered: bool = field(default=False, metadata=FLAG)
    weight_decay: float | None = field(default=None, metadata=DECAYED)

    def _absent(self) -> tuple[str, ...]:
        return () if self.momentum else ("momentum",)

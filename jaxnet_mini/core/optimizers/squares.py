"""Steps over the root of squares of gradients, summed up or averaged."""

from dataclasses import dataclass
from typing import Any

import optax

from jaxnet_mini.core.fields import Flag
from jaxnet_mini.core.optimizers.base import Decayed, NotNegative, Optimizer, Share


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

    >>> optimizer = Adagrad(0.5, initial_accumulator_value=9.0, epsilon=0.0)
    >>> w = jnp.zeros(1)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([4.0]), optimizer.init(w), w)
    >>> updates  # - 0.5 * 4 / sqrt(9 + 16)
    Array([-0.4], dtype=float32)
    """

    factory = staticmethod(_adagrad)

    initial_accumulator_value: NotNegative = 0.1
    epsilon: NotNegative = 1e-7
    weight_decay: Decayed = None


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

    >>> optimizer, w = Adadelta(1.0, rho=0.75, epsilon=1.0), jnp.zeros(1)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([2.0]), optimizer.init(w), w)
    >>> jnp.round(updates, 4)  # - 2 / sqrt(0.25 * 2^2 + 1)
    Array([-1.4142], dtype=float32)
    """

    factory = staticmethod(_adadelta)

    rho: Share = 0.95
    epsilon: NotNegative = 1e-7
    weight_decay: Decayed = None


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

    >>> optimizer, w = RMSprop(0.01, rho=0.75), jnp.array([1.0, -2.0])
    >>> update = optimizer.transformation().update
    >>> updates, state = update(2.0 * w, optimizer.init(w), w)
    >>> updates  # of the size a / sqrt(1 - rho) in the first step
    Array([-0.02,  0.02], dtype=float32)
    """

    factory = staticmethod(_rmsprop)
    absent_at_zero = ("momentum",)

    rho: Share = 0.9
    momentum: Share = 0.0
    epsilon: NotNegative = 1e-7
    centered: Flag = False
    weight_decay: Decayed = None

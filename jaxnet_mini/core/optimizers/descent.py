"""Gradient descent: along the gradient or its sign, and by sums of its squares."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnet_mini.core.fields import Flag
from jaxnet_mini.core.optimizers.base import Optimizer, positional
from jaxnet_mini.core.optimizers.settings import (
    AtMost0,
    Decay,
    NotNegative,
    Rate,
    Share,
)
from jaxnet_mini.core.types import Params


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
    weight_decay: Decay = None


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
    weight_decay: Decay = None


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

    factory = positional(optax.adagrad)

    initial_accumulator_value: NotNegative = 0.1
    epsilon: NotNegative = 1e-7
    weight_decay: Decay = None


def _adadelta(learning_rate: Any, *numbers: Any) -> Any:
    step = optax.scale_by_learning_rate(learning_rate)
    return optax.chain(optax.scale_by_adadelta(*numbers), step)


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

    factory = positional(_adadelta)

    rho: Share = 0.95
    epsilon: NotNegative = 1e-7
    weight_decay: Decay = None


def _rmsprop(momentum: Any = None, **numbers: Any) -> optax.GradientTransformation:
    n = SimpleNamespace(**numbers)
    scale = optax.scale_by_stddev if n.centered else optax.scale_by_rms
    # Keras applies the learning rate before it accumulates momentum.
    step = optax.scale_by_learning_rate(n.learning_rate)
    velocity = () if momentum is None else (optax.trace(momentum),)
    return optax.chain(scale(n.rho, n.epsilon), step, *velocity)


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
    weight_decay: Decay = None


class FtrlState(NamedTuple):
    """Sums of squares and of what the parameters follow from, of their shape."""

    squares: Params
    linear: Params


def _ftrl(learning_rate: Any, **numbers: Any) -> optax.GradientTransformation:
    n = SimpleNamespace(**numbers)
    rate, power = learning_rate, -n.learning_rate_power
    start = n.initial_accumulator_value
    l1, shrinkage = n.l1_regularization_strength, n.l2_shrinkage_regularization_strength
    stiff = 2.0 * n.l2_regularization_strength + n.beta / rate

    def init(params: Params) -> FtrlState:
        squares = jax.tree.map(lambda p: jnp.full_like(p, start), params)
        return FtrlState(squares, jax.tree.map(jnp.zeros_like, params))

    def update(gradients: Params, state: FtrlState, params: Params = None) -> Any:
        squares = jax.tree.map(lambda n, g: n + g * g, state.squares, gradients)
        linear = jax.tree.map(
            lambda z, g, new, old, p: (
                z + g + 2.0 * shrinkage * p - (new**power - old**power) / rate * p
            ),
            *(state.linear, gradients, squares, state.squares, params),
        )
        updates = jax.tree.map(
            lambda z, n, p: (jnp.clip(z, -l1, l1) - z) / (n**power / rate + stiff) - p,
            *(linear, squares, params),
        )
        return updates, FtrlState(squares, linear)

    return optax.GradientTransformation(init, update)


@dataclass(frozen=True)
class Ftrl(Optimizer):
    """Follow the regularized leader: sparse weights for wide, shallow models.

    With a sum ``n`` of squares, with ``z``, and with ``p``, minus
    ``learning_rate_power``::

        n' = n + g^2
        z <- z + g + 2 l2_shrinkage w - (n'^p - n^p) / a w
        w <- (clip(z, -l1, l1) - z) / ((beta + n'^p) / a + 2 l2)
        n <- n'

    Where ``z`` is at most ``l1`` in size the weight is 0. optax has none of its kind;
    this is Keras's.

    Args:
        learning_rate: ``a``, a number above 0 or a schedule; at 0 weights become NaN.
        learning_rate_power: minus ``p``, at most 0.
        initial_accumulator_value: what ``n`` begins with, at least 0.
        l1_regularization_strength: ``l1``, at least 0.
        l2_regularization_strength: ``l2``, at least 0.
        l2_shrinkage_regularization_strength: ``l2_shrinkage``, at least 0.
        beta: of the paper, at least 0.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: McMahan et al. 2013, https://research.google/pubs/pub41159/, and
    https://keras.io/api/optimizers/ftrl/

    >>> optimizer = Ftrl(0.5, initial_accumulator_value=0.0)
    >>> w = jnp.zeros(1)
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([4.0]), optimizer.init(w), w)
    >>> updates  # - 4 / (sqrt(4^2) / 0.5)
    Array([-0.5], dtype=float32)
    """

    factory = staticmethod(_ftrl)

    learning_rate_power: AtMost0 = -0.5
    initial_accumulator_value: NotNegative = 0.1
    l1_regularization_strength: NotNegative = 0.0
    l2_regularization_strength: NotNegative = 0.0
    l2_shrinkage_regularization_strength: NotNegative = 0.0
    beta: NotNegative = 0.0
    weight_decay: Decay = None

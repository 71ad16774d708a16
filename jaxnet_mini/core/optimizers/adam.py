"""Adam, in the order of operations of its paper, and relatives as optax has them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.core.fields import Flag, Newer
from jaxnet_mini.core.optimizers.base import Optimizer, positional
from jaxnet_mini.core.optimizers.settings import Decay, NotNegative, Share
from jaxnet_mini.core.types import Params


class AdamState(NamedTuple):
    """Steps taken and the two moments, each of the shape of the parameters.

    With ``amsgrad`` also the largest second moment so far, which is None without.
    """

    steps: Array
    first_moment: Params
    second_moment: Params
    largest_moment: Params = None


def adam(
    learning_rate: Any,
    beta_1: Any,
    beta_2: Any,
    epsilon: Any,
    weight_decay: Any = None,
    *,
    amsgrad: bool = False,
) -> optax.GradientTransformation:
    """Return Adam as a transformation; with ``weight_decay`` it is AdamW.

    `optax.adam` divides both moments by their corrections element by element, where
    this has one factor for all: epsilon then stands elsewhere, and two more divisions
    per parameter cost a tenth of a training step.

    Args:
        learning_rate: see `Adam`, as the others.
        beta_1: likewise.
        beta_2: likewise.
        epsilon: likewise.
        weight_decay: see `AdamW`; None for none.
        amsgrad: see `Adam`.
    """

    def init(params: Params) -> Any:
        # Each of its own: moments that share one buffer cannot be donated.
        zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(2 + amsgrad)]
        return AdamState(jnp.zeros((), jnp.int32), *zeros)

    def update(
        gradients: Params, state: Any, params: Params = None
    ) -> tuple[Params, Any]:
        steps = optax.safe_increment(state.steps)
        first = jax.tree.map(
            lambda m, g: m + (g - m) * (1.0 - beta_1), state.first_moment, gradients
        )
        second = jax.tree.map(
            lambda v, g: v + (jnp.square(g) - v) * (1.0 - beta_2),
            state.second_moment,
            gradients,
        )
        t = steps.astype(jnp.result_type(beta_1))
        scale = learning_rate * jnp.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
        divisor, largest = second, None
        if amsgrad:
            divisor = largest = jax.tree.map(jnp.maximum, state.largest_moment, second)
        updates = jax.tree.map(
            lambda m, v: -scale * m / (jnp.sqrt(v) + epsilon), first, divisor
        )
        if weight_decay is not None:
            updates = jax.tree.map(
                lambda u, p: u - learning_rate * weight_decay * p, updates, params
            )
        return updates, AdamState(steps, first, second, largest)

    return optax.GradientTransformation(init, update)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps in the direction of the mean gradient, each parameter at its own scale.

    With the running means ``m`` of the gradients and ``v`` of their squares::

        m <- beta_1 m + (1 - beta_1) g
        v <- beta_2 v + (1 - beta_2) g^2
        w <- w - a sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    As in Keras, ``epsilon`` is that of section 2 of the paper, not of its algorithm 1.
    The state holds the step and two arrays of the shape of each parameter.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        beta_1: the share of ``m`` that stays at each step, in [0, 1).
        beta_2: that of ``v``.
        epsilon: at least 0; it limits the step where gradients are tiny.
        amsgrad: whether the largest ``v`` so far takes its place in the step (Reddi et
            al. 2018, https://openreview.net/forum?id=ryQu7f-RZ).
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, and
    https://keras.io/api/optimizers/adam/

    >>> optimizer, params = Adam(learning_rate=0.01), {"w": jnp.array([1.0, -2.0])}
    >>> gradients = jax.grad(lambda p: jnp.sum(p["w"] ** 2))(params)
    >>> updates, state = optimizer.transformation().update(
    ...     gradients, optimizer.init(params), params
    ... )
    >>> jnp.round(updates["w"], 6)  # the first step has the size of the learning rate
    Array([-0.01,  0.01], dtype=float32)
    """

    factory = staticmethod(adam)
    absent_at_zero = ("amsgrad",)

    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: NotNegative = 1e-7
    amsgrad: Newer[Flag] = False
    weight_decay: Decay = None


@dataclass(frozen=True)
class AdamW(Optimizer):
    """`Adam` with decoupled weight decay: parameters shrink beside its step.

    ::

        w <- w - a weight_decay w - (the step of Adam)

    The decay is not divided by ``sqrt(v)``, as that of an L2 penalty in the loss is. It
    is applied to all parameters, biases too, but for what
    `Optimizer.exclude_from_weight_decay` is told.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        weight_decay: at least 0.
        beta_1: as in `Adam`.
        beta_2: as in `Adam`.
        epsilon: as in `Adam`.
        amsgrad: as in `Adam`.

    Raises:
        ArgumentError: a number is out of its range.

    Source: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101, and
    https://keras.io/api/optimizers/adamw/

    >>> optimizer, w = AdamW(0.01, weight_decay=0.1), jnp.array([100.0])
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.zeros(1), optimizer.init(w), w)
    >>> updates  # - learning_rate weight_decay w
    Array([-0.1], dtype=float32)
    """

    factory = staticmethod(adam)
    absent_at_zero = ("amsgrad",)
    adds_decay = True

    weight_decay: NotNegative = 0.004
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: NotNegative = 1e-7
    amsgrad: Newer[Flag] = False


@dataclass(frozen=True)
class _OfMoments(Optimizer):
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: NotNegative = 1e-7
    weight_decay: Decay = None


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

    factory = positional(optax.adamax)


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

    factory = positional(optax.nadam)


def _lamb(learning_rate: Any, *numbers: Any) -> optax.GradientTransformation:
    scale, step = optax.scale_by_adam, optax.scale_by_learning_rate
    return optax.chain(
        scale(*numbers), optax.scale_by_trust_ratio(), step(learning_rate)
    )


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

    factory = positional(_lamb)

"""Optimizers that take a kernel as a matrix: by its rows and columns, or whole."""

import re
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.tree_util import keystr, tree_map_with_path

from jaxnet_mini.base.arguments import check_count
from jaxnet_mini.core.fields import Checked, Flag, Number, above_0
from jaxnet_mini.core.optimizers.adam import adam
from jaxnet_mini.core.optimizers.base import Optimizer
from jaxnet_mini.core.optimizers.settings import (
    AtMost0,
    Decay,
    NotNegative,
    Patterns,
    Share,
    check_patterns,
)
from jaxnet_mini.core.transformations import lenient


def _adafactor(**numbers: Any) -> optax.GradientTransformation:
    n = SimpleNamespace(**numbers)

    def step(count: Array) -> Array:
        now = (count + 1).astype(jnp.result_type(n.learning_rate))
        return -jnp.minimum(n.learning_rate, jax.lax.rsqrt(now))

    parts = (
        optax.scale_by_factored_rms(
            decay_rate=-n.beta_2_decay, min_dim_size_to_factor=1, epsilon=n.epsilon_1
        ),
        optax.clip_by_block_rms(n.clip_threshold),
        optax.scale_by_param_block_rms(n.epsilon_2),
        optax.scale_by_schedule(step),
    )
    return lenient(optax.chain(*parts))


@dataclass(frozen=True)
class Adafactor(Optimizer):
    """Steps scaled as in `RMSprop`, of which little is kept: sums by row and column.

    With the means ``r`` over each row and ``c`` over each column of a kernel, the
    share ``b = t^beta_2_decay`` and root mean squares ``rms`` over an array::

        r <- (1 - b) r + b mean(g^2 + epsilon_1)        # c likewise
        u = g / sqrt(r c / mean(r))
        u <- u / max(1, rms(u) / clip_threshold)
        w <- w - max(epsilon_2, rms(w)) min(a, 1 / sqrt(t)) u

    A vector has its own mean of squares in place of ``r c / mean(r)``, and an array of
    more than two axes one by its two largest, as optax has it: Keras takes the last
    two. `optax.adafactor` alone takes kernels below 128 rows or columns as vectors,
    and does not limit ``a``.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        beta_2_decay: how the share of a new gradient falls, at most 0.
        epsilon_1: at least 0; it keeps the divisor from 0.
        epsilon_2: at least 0; the scale of the step of parameters that are near 0.
        clip_threshold: the largest ``rms`` of a step, above 0.
        relative_step: taken and without an effect: as in Keras ``a`` is limited by
            ``1 / sqrt(t)`` either way.
        weight_decay: see `Optimizer`, as the options by name.

    Raises:
        ArgumentError: a number is out of its range, or the flag is none.

    Source: Shazeer & Stern 2018, https://arxiv.org/abs/1804.04235, and
    https://keras.io/api/optimizers/adafactor/

    >>> optimizer, w = Adafactor(0.5), jnp.array([[3.0, -4.0]])
    >>> update = optimizer.transformation().update
    >>> updates, state = update(jnp.array([[2.0, -2.0]]), optimizer.init(w), w)
    >>> jnp.round(updates, 4)  # 0.5 sqrt(12.5), the size of w
    Array([[-1.7678,  1.7678]], dtype=float32)
    """

    factory = staticmethod(_adafactor)

    beta_2_decay: AtMost0 = -0.8
    epsilon_1: NotNegative = 1e-30
    epsilon_2: NotNegative = 1e-3
    clip_threshold: Annotated[float, above_0("a finite number above 0")] = 1.0
    relative_step: Flag = True
    weight_decay: Decay = None


def orthogonalized(x: Array, numbers: tuple[Any, Any, Any], steps: int) -> Array:
    """Return a matrix with singular values near 1 and the singular vectors of ``x``.

    Args:
        x: the matrix.
        numbers: those of a step ``x <- a x + (b x x^T + c (x x^T)^2) x``.
        steps: how many of them.
    """
    a, b, c = numbers
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (jnp.linalg.norm(x) + 1e-7)

    def step(_: Any, x: Array) -> Any:
        square = x @ x.T
        return a * x + (b * square + c * square @ square) @ x

    # A number that is traced would make a GPU ask the host at each of them.
    x = jax.lax.fori_loop(0, steps, step, x)
    return x if wide else x.T


def _muon(**numbers: Any) -> optax.GradientTransformation:
    n = SimpleNamespace(**numbers)
    words = [*(n.exclude_layers or ()), *["(?i)embedding"] * n.exclude_embeddings]

    def kind(path: Any, value: Any) -> str:
        name = keystr(path, simple=True, separator="/")
        excluded = any(re.search(word, name) for word in words)
        return "adam" if value.ndim != 2 or excluded else "muon"

    def step(gradient: Array, _: Any) -> Any:
        update = orthogonalized(gradient, (n.muon_a, n.muon_b, n.muon_c), n.ns_steps)
        scale = 1.0 if n.rms_rate is None else n.rms_rate * max(gradient.shape) ** 0.5
        return -n.learning_rate * scale * update

    def decayed(decay: Any, *parts: Any) -> Any:
        if decay is not None:
            parts += (optax.add_decayed_weights(-n.learning_rate * decay),)
        return optax.chain(*parts)

    velocity = optax.trace(n.momentum, n.nesterov)
    rate = n.learning_rate * n.adam_lr_ratio
    rest = adam(rate, n.adam_beta_1, n.adam_beta_2, n.epsilon)
    kinds = {
        "muon": decayed(n.weight_decay, velocity, optax.stateless_with_tree_map(step)),
        "adam": decayed(n.adam_weight_decay, rest),
    }
    return lenient(optax.partition(kinds, partial(tree_map_with_path, kind)))


@dataclass(frozen=True)
class Muon(Optimizer):
    """Steps of kernels that move all directions of a matrix alike; `Adam` for the rest.

    With the velocity ``v`` of a kernel of ``n`` rows and ``m`` columns::

        v <- momentum v + g
        x = g + momentum v                                    # nesterov, else v
        x <- x / |x|
        x <- muon_a x + muon_b x x^T x + muon_c (x x^T)^2 x   # ns_steps times
        w <- w - a weight_decay w - a rms_rate sqrt(max(n, m)) x

    which is a Newton-Schulz iteration: the singular values of ``x`` come near 1. So go
    arrays of two axes, but for embeddings and what is excluded. All else, kernels that
    `repeat` stacks too, takes the steps of `Adam` with the rate ``a adam_lr_ratio``,
    and the decay ``a adam_weight_decay``. A last layer is better excluded.

    These are Keras's numbers. `optax.contrib.muon` divides moments by their
    corrections, which gives other first steps, and scales them otherwise.

    Args:
        learning_rate: ``a``, a number of at least 0 or a schedule.
        adam_beta_1: as ``beta_1`` of `Adam`.
        adam_beta_2: as ``beta_2`` of `Adam`.
        adam_weight_decay: at least 0, or None for none.
        epsilon: as in `Adam`.
        weight_decay: of the kernels, at least 0, or None for none.
        exclude_layers: regular expressions; where one is found in the path of an array,
            such as ``"dense_1/kernel"``, it takes the steps of `Adam`. None for none.
        exclude_embeddings: whether arrays with "embedding" in their path do.
        muon_a: of the iteration, any number.
        muon_b: likewise.
        muon_c: likewise.
        adam_lr_ratio: at least 0.
        momentum: the share of the velocity that stays at each step, in [0, 1).
        ns_steps: how many steps the iteration takes, at least 1; another number of them
            is another program.
        nesterov: whether to look one step ahead.
        rms_rate: the root mean square of a step at rate 1 (Liu et al. 2025,
            https://arxiv.org/abs/2502.16982), at least 0; None for ``x`` as it is.

    Raises:
        ArgumentError: a number is out of its range, or a word no regular expression.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/, and
    https://keras.io/api/optimizers/muon/

    >>> optimizer, w = Muon(0.5, weight_decay=None), jnp.zeros((2, 2))
    >>> update = optimizer.transformation().update
    >>> gradient = jnp.array([[4.0, 0.0], [0.0, 1.0]])
    >>> updates, state = update(gradient, optimizer.init(w), w)
    >>> jnp.round(updates, 1)  # 0.5 * 0.2 * sqrt(2) in both directions
    Array([[-0.1, -0. ],
           [-0. , -0.1]], dtype=float32)
    """

    factory = staticmethod(_muon)
    static = ("ns_steps",)
    adds_decay = True

    adam_beta_1: Share = 0.9
    adam_beta_2: Share = 0.999
    adam_weight_decay: NotNegative | None = 0.004
    epsilon: NotNegative = 1e-7
    weight_decay: NotNegative | None = 0.004
    exclude_layers: Annotated[Patterns, Checked(check_patterns)] | None = None
    exclude_embeddings: Flag = True
    muon_a: Number = 3.4445
    muon_b: Number = -4.7750
    muon_c: Number = 2.0315
    adam_lr_ratio: NotNegative = 1.0
    momentum: Share = 0.95
    ns_steps: Annotated[int, Checked(check_count)] = 5
    nesterov: Flag = True
    rms_rate: NotNegative | None = 0.2

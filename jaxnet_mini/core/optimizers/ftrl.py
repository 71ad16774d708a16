"""Ftrl."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnet_mini.base.arguments import check_fits
from jaxnet_mini.core.fields import Checked
from jaxnet_mini.core.optimizers.base import Decayed, NotNegative, Optimizer
from jaxnet_mini.core.types import Params

_AT_MOST_0 = Checked(
    check_fits, words="a finite number of at most 0", fits=lambda v: -math.inf < v <= 0
)


class FtrlState(NamedTuple):
    """Sums of squares and of what the parameters follow from, of their shape."""

    squares: Params
    linear: Params


def _ftrl(
    *,
    learning_rate: Any,
    learning_rate_power: Any,
    initial_accumulator_value: Any,
    l1_regularization_strength: Any,
    l2_regularization_strength: Any,
    l2_shrinkage_regularization_strength: Any,
    beta: Any,
) -> optax.GradientTransformation:
    rate, power, start = learning_rate, -learning_rate_power, initial_accumulator_value
    l1, shrinkage = l1_regularization_strength, l2_shrinkage_regularization_strength
    stiff = 2.0 * l2_regularization_strength + beta / rate

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

    learning_rate_power: Annotated[float, _AT_MOST_0] = -0.5
    initial_accumulator_value: NotNegative = 0.1
    l1_regularization_strength: NotNegative = 0.0
    l2_regularization_strength: NotNegative = 0.0
    l2_shrinkage_regularization_strength: NotNegative = 0.0
    beta: NotNegative = 0.0
    weight_decay: Decayed = None

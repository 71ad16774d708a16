"""The losses of scikit-learn's networks: sums over the outputs of an example.

Keras's are means over the outputs. Both divide by the examples: by their number, or
where they have weights by the sum of these.
"""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import xlogy

from jaxnet_mini.core.losses import binary_crossentropy
from jaxnet_mini.core.losses.base import Loss, Reduction, Targets
from jaxnet_mini.core.losses.classes import _Crossentropy, _SmoothedCrossentropy
from jaxnet_mini.core.losses.functions import aligned

BY_WEIGHT = "mean_with_sample_weight"


def _summed_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Array:
    mean = binary_crossentropy(y_true, y_pred, from_logits, label_smoothing)
    return mean * jnp.shape(y_pred)[-1]


def _poisson_deviance(y_true: Any, y_pred: Any, from_logits: bool = False) -> Array:
    y_true, y_pred = aligned(y_true, y_pred)
    mean = jnp.exp(y_pred) if from_logits else y_pred
    log_of_mean = y_pred if from_logits else jnp.log(y_pred)
    return jnp.sum(xlogy(y_true, y_true) - y_true * log_of_mean - y_true + mean, -1)


class SummedCrossentropy(_SmoothedCrossentropy):
    """``sum(-y log p - (1 - y) log(1 - p))``: of yes and no, for each label.

    >>> loss = SummedCrossentropy()
    >>> float(loss(jnp.array([[1.0, 0.0]]), jnp.array([[0.5, 0.5]]))).__round__(4)
    1.3863
    """

    before = "sigmoid"
    function = staticmethod(_summed_crossentropy)


class HalfPoissonDeviance(_Crossentropy):
    """``sum(y log(y / p) - y + p)``: half the deviance of counts.

    >>> loss = HalfPoissonDeviance()
    >>> float(loss(jnp.array([[2.0]]), jnp.array([[2.0]])))
    0.0
    """

    targets = "values"
    before = "exponential"
    function = staticmethod(_poisson_deviance)


@dataclasses.dataclass(frozen=True, repr=False)
class HalfSquaredError(Loss):
    """``sum((y - p)**2) / 2``.

    >>> loss = HalfSquaredError()
    >>> float(loss(jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 0.0]])))
    2.5
    """

    targets: ClassVar[Targets] = "values"
    reduction: Reduction = BY_WEIGHT

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        y_true, y_pred = aligned(y_true, y_pred)
        return 0.5 * jnp.sum(jnp.square(y_true - y_pred), axis=-1)

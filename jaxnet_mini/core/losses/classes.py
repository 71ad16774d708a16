"""The losses of classes, values, counts, margins and angles, and a user's own.

Source: https://keras.io/api/losses/.
"""

import copy
import dataclasses
import math
from typing import Annotated, ClassVar, TypeAlias

import jax.numpy as jnp  # noqa: F401  (for the examples)

from jaxnet_mini.base.arguments import check_fits
from jaxnet_mini.core import activations
from jaxnet_mini.core.fields import Checked, Flag
from jaxnet_mini.core.losses import functions
from jaxnet_mini.core.losses.base import (
    Loss,
    LossFunction,
    OfFunction,
    Targets,
    check_function,
)

Smoothing: TypeAlias = Annotated[
    float, Checked(check_fits, words="in [0, 1]", fits=lambda v: 0.0 <= v <= 1.0)
]

ABOVE_0 = Checked(
    check_fits, words="a finite number above 0", fits=lambda v: 0.0 < v < math.inf
)


@dataclasses.dataclass(frozen=True, repr=False)
class _Crossentropy(OfFunction, Loss):
    """What the cross-entropies share: they are exact on the inputs of ``before``."""

    before: ClassVar[str]
    """The activation whose inputs they can take."""
    options: ClassVar[tuple[str, ...]] = ("from_logits",)

    from_logits: Flag = False

    def on_logits(self, activation: activations.Activation) -> Loss | None:
        # A user's subclass may compute from the probabilities, whatever the flag says.
        own = type(self).per_example is OfFunction.per_example
        fits = activation is activations.get(self.before)
        if self.from_logits or not (own and fits):
            return None
        fused = copy.copy(self)
        object.__setattr__(fused, "from_logits", True)
        return fused


@dataclasses.dataclass(frozen=True, repr=False)
class _SmoothedCrossentropy(_Crossentropy):
    """What those share whose targets are probabilities."""

    targets: ClassVar[Targets] = "probabilities"
    options = "from_logits", "label_smoothing"

    label_smoothing: Smoothing = 0.0


class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy of integer classes, ``-log p[y_true]``.

    See `sparse_categorical_crossentropy` for shapes.

    Args:
        from_logits: whether outputs come before the softmax.

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> loss = SparseCategoricalCrossentropy()
    >>> value = loss(jnp.array([0, 1]), jnp.array([[0.5, 0.5], [0.75, 0.25]]))
    >>> round(float(value), 4)
    1.0397
    """

    targets = "classes"
    before = "softmax"
    function = staticmethod(functions.sparse_categorical_crossentropy)


class CategoricalCrossentropy(_SmoothedCrossentropy):
    """Cross-entropy of one-hot classes, ``-sum(y_true * log p)``.

    See `categorical_crossentropy` for shapes.

    Args:
        from_logits: whether outputs come before the softmax.
        label_smoothing: how far targets are moved towards the same value for all, in
            [0, 1].

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(CategoricalCrossentropy()(y_true, y_pred)), 4)
    0.2877
    """

    before = "softmax"
    function = staticmethod(functions.categorical_crossentropy)


class BinaryCrossentropy(_SmoothedCrossentropy):
    """Cross-entropy of yes and no, ``-y log p - (1 - y) log(1 - p)``.

    See `binary_crossentropy` for shapes.

    Args:
        from_logits: whether outputs come before the sigmoid.
        label_smoothing: how far targets are moved towards the same value for all, in
            [0, 1].

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(BinaryCrossentropy()(y_true, y_pred)), 4)
    0.2877
    """

    before = "sigmoid"
    short = "bce"
    function = staticmethod(functions.binary_crossentropy)


class KLDivergence(OfFunction, Loss):
    """Divergence of two distributions, ``sum(y_true * log(y_true / y_pred))``.

    See `kl_divergence`.

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> y_true, y_pred = jnp.array([[0.25, 0.75]]), jnp.array([[0.5, 0.5]])
    >>> round(float(KLDivergence()(y_true, y_pred)), 4)
    0.1308
    """

    targets = "probabilities"
    short = "kld"
    function = staticmethod(functions.kl_divergence)


class Poisson(OfFunction, Loss):
    """Likelihood of counts, ``mean(y_pred - y_true * log(y_pred))``; see `poisson`.

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(Poisson()(y_true, y_pred)), 4)
    0.8541
    """

    function = staticmethod(functions.poisson)


class MeanSquaredError(OfFunction, Loss):
    """Squared error, ``mean((y_true - y_pred)**2)``; see `mean_squared_error`.

    Source: https://keras.io/api/losses/regression_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanSquaredError()(y_true, y_pred)), 4)
    0.125
    """

    short = "mse"
    function = staticmethod(functions.mean_squared_error)


class MeanAbsoluteError(OfFunction, Loss):
    """Absolute error, ``mean(|y_true - y_pred|)``; see `mean_absolute_error`.

    Source: https://keras.io/api/losses/regression_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanAbsoluteError()(y_true, y_pred)), 4)
    0.25
    """

    short = "mae"
    function = staticmethod(functions.mean_absolute_error)


class MeanAbsolutePercentageError(OfFunction, Loss):
    """Error in percent, ``100 mean(|y_true - y_pred| / |y_true|)``.

    See `mean_absolute_percentage_error`.

    Source: https://keras.io/api/losses/regression_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanAbsolutePercentageError()(y_true, y_pred)), 4)
    25.0
    """

    short = "mape"
    function = staticmethod(functions.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(OfFunction, Loss):
    """Squared error of logarithms, ``mean((log(1 + y_true) - log(1 + y_pred))**2)``.

    See `mean_squared_logarithmic_error`.

    Source: https://keras.io/api/losses/regression_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanSquaredLogarithmicError()(y_true, y_pred)), 4)
    0.0249
    """

    short = "msle"
    function = staticmethod(functions.mean_squared_logarithmic_error)


@dataclasses.dataclass(frozen=True, repr=False)
class Huber(OfFunction, Loss):
    """Half the squared error up to ``delta``, linear beyond; see `huber`.

    Args:
        delta: where the square ends, above 0.

    Source: https://keras.io/api/losses/regression_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(Huber()(y_true, y_pred)), 4)
    0.0625
    """

    function = staticmethod(functions.huber)
    options = ("delta",)

    delta: Annotated[float, ABOVE_0] = 1.0


class LogCosh(OfFunction, Loss):
    """A smooth absolute error, ``mean(log(cosh(y_pred - y_true)))``; see `log_cosh`.

    Source: https://keras.io/api/losses/regression_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(LogCosh()(y_true, y_pred)), 4)
    0.0601
    """

    function = staticmethod(functions.log_cosh)


class Hinge(OfFunction, Loss):
    """Hinge loss of -1 and 1, ``mean(max(0, 1 - y_true * y_pred))``; see `hinge`.

    Source: https://keras.io/api/losses/hinge_losses/

    >>> y_true, y_pred = jnp.array([[-1.0, 1.0]]), jnp.array([[0.5, 2.0]])
    >>> round(float(Hinge()(y_true, y_pred)), 4)
    0.75
    """

    function = staticmethod(functions.hinge)


class SquaredHinge(OfFunction, Loss):
    """The mean of the squares of hinge losses; see `squared_hinge`.

    Source: https://keras.io/api/losses/hinge_losses/

    >>> y_true, y_pred = jnp.array([[-1.0, 1.0]]), jnp.array([[0.5, 2.0]])
    >>> round(float(SquaredHinge()(y_true, y_pred)), 4)
    1.125
    """

    function = staticmethod(functions.squared_hinge)


class CategoricalHinge(OfFunction, Loss):
    """Hinge loss of one-hot classes, ``max(0, 1 + wrong - right)``.

    See `categorical_hinge`.

    Source: https://keras.io/api/losses/hinge_losses/

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(CategoricalHinge()(y_true, y_pred)), 4)
    0.5
    """

    function = staticmethod(functions.categorical_hinge)


class CosineSimilarity(OfFunction, Loss):
    """Minus the cosine of the angle of targets and outputs; see `cosine_similarity`.

    Source: https://keras.io/api/losses/regression_losses/

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(CosineSimilarity()(y_true, y_pred)), 4)
    -0.9839
    """

    function = staticmethod(functions.cosine_similarity)


@dataclasses.dataclass(frozen=True, repr=False)
class FunctionLoss(OfFunction, Loss):
    """A user's own ``(y_true, y_pred) -> per-example loss``.

    Args:
        function: takes ``(batch, ...)`` and ``(batch, ...)`` and returns ``(batch,)``
            or ``(batch, ...)``, without a mean over the batch.

    >>> loss = FunctionLoss(lambda y_true, y_pred: abs(y_true - y_pred)[:, 0])
    >>> float(loss(jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])))
    0.5
    """

    targets: ClassVar[Targets] = "anything"

    function: Annotated[LossFunction, Checked(check_function)]

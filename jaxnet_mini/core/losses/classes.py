"""The losses as frozen values, which say what targets they take and how they reduce.

Source: https://keras.io/api/losses/.
"""

import abc
import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_flag, check_word, is_function, is_number
from jaxnet_mini.base.text import as_call
from jaxnet_mini.core import activations
from jaxnet_mini.core.losses import functions
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError, find

Targets: TypeAlias = Literal["classes", "probabilities", "values", "anything"]
LossFunction: TypeAlias = Callable[[Array, Array], Array]

REDUCTIONS = {
    "sum_over_batch_size": "mean",
    "mean": "mean",
    "mean_with_sample_weight": "weighted",
    "sum": "sum",
    "none": None,
}


def check_label_smoothing(owner: Any, value: Any) -> None:
    """Check the argument of a loss or of a metric.

    Raises:
        ArgumentError: no number in [0, 1].
    """
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ArgumentError(
            f"{type(owner).__name__}: label_smoothing must be in [0, 1], not {value!r}."
        )


@dataclasses.dataclass(frozen=True, repr=False)
class Loss(Value, abc.ABC):
    """The base of the losses: a frozen, hashable value.

    ``targets`` tells what ``y_true`` holds: ``"classes"`` (integers, no axis of
    outputs), ``"probabilities"`` in [0, 1] or ``"values"`` of the shape of the outputs,
    or ``"anything"`` for a user's own function.

    Args:
        reduction: what becomes of one value per example. ``"sum_over_batch_size"``,
            the default, or ``"mean"``: the sum divided by the number of examples;
            ``"mean_with_sample_weight"``: divided by the sum of the weights;
            ``"sum"``: the sum; None or ``"none"``: nothing, for calls by hand only.
        name: what the loss is called; nothing depends on it.
    """

    targets: ClassVar[Targets] = "values"

    reduction: str | None = dataclasses.field(
        default="sum_over_batch_size", kw_only=True
    )
    name: str | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.reduction is not None:
            find(REDUCTIONS, self.reduction, "reduction")
        if self.name is not None:
            check_word(f"{type(self).__name__}: name", self.name)

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        attributes.check_methods(cls, "loss")

    def __repr__(self) -> str:
        return as_call(self)

    @abc.abstractmethod
    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        """Return one value per example, ``(batch, ...)``."""

    def on_logits(self, activation: activations.Activation) -> "Loss | None":
        """Return the loss that takes the inputs of ``activation`` instead.

        None where there is no better way than through the activation itself.
        """
        return None

    def factor(self, rows: Array | int, weight: Array | None) -> Any:
        """Return by what ``reduction`` multiplies the mean.

        Args:
            rows: the number of values that count.
            weight: the weights, by which the values are multiplied already, or None
                for ones.
        """
        kind = REDUCTIONS[self.reduction or "none"]
        if kind == "sum":
            return rows
        if kind == "weighted" and weight is not None:
            weights = jnp.sum(weight)
            # Without any weight the mean is 0 too.
            return rows / jnp.where(weights == 0.0, 1.0, weights)
        return 1.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Array:
        """Return the reduced loss of a batch; by default the mean over all values.

        Args:
            y_true: targets.
            y_pred: outputs.
            sample_weight: a number, or an array of weights that multiply the values:
                one per example or one per value.
        """
        values = jnp.asarray(self.per_example(jnp.asarray(y_true), jnp.asarray(y_pred)))
        weight = None
        if sample_weight is not None:
            weight = jnp.asarray(sample_weight, values.dtype)
            if weight.shape == (*values.shape, 1):
                weight = weight[..., 0]
            spread = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
            values = values * jnp.broadcast_to(spread, values.shape)
        if self.reduction in (None, "none"):
            return values
        mean: Array = jnp.mean(values) * self.factor(values.size, weight)
        return mean


class _OfFunction(Loss):
    """What is a function of targets and outputs, and of the class's own arguments.

    A class without such arguments is no dataclass of its own: it inherits all of one.
    """

    function: Callable[..., Array]

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.function(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class _Crossentropy(_OfFunction):
    """What the cross-entropies share: they are exact on the inputs of ``before``."""

    before: ClassVar[str]
    """The activation whose inputs they can take."""

    from_logits: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        flag = check_flag(f"{type(self).__name__}: from_logits", self.from_logits)
        object.__setattr__(self, "from_logits", flag)

    def on_logits(self, activation: activations.Activation) -> Loss | None:
        # A user's subclass may compute from the probabilities, whatever the flag says.
        own = type(self).per_example.__module__ == __name__
        if not own or self.from_logits:
            return None
        if activation is not activations.get(self.before):
            return None
        fused = copy.copy(self)
        object.__setattr__(fused, "from_logits", True)
        return fused


@dataclasses.dataclass(frozen=True, repr=False)
class _SmoothedCrossentropy(_Crossentropy):
    """What those share whose targets are probabilities."""

    targets: ClassVar[Targets] = "probabilities"

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_label_smoothing(self, self.label_smoothing)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.function(y_true, y_pred, self.from_logits, self.label_smoothing)


class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy of integer classes; see `sparse_categorical_crossentropy`.

    >>> loss = SparseCategoricalCrossentropy()
    >>> value = loss(jnp.array([0, 1]), jnp.array([[0.5, 0.5], [0.75, 0.25]]))
    >>> round(float(value), 4)
    1.0397
    """

    targets = "classes"
    before = "softmax"
    function = staticmethod(functions.sparse_categorical_crossentropy)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.function(y_true, y_pred, self.from_logits)


class CategoricalCrossentropy(_SmoothedCrossentropy):
    """Cross-entropy of one-hot classes; see `categorical_crossentropy`."""

    before = "softmax"
    function = staticmethod(functions.categorical_crossentropy)


class BinaryCrossentropy(_SmoothedCrossentropy):
    """Cross-entropy of yes and no; see `binary_crossentropy`."""

    before = "sigmoid"
    function = staticmethod(functions.binary_crossentropy)


class KLDivergence(_OfFunction):
    """Divergence of two distributions; see `kl_divergence`."""

    targets = "probabilities"
    function = staticmethod(functions.kl_divergence)


class Poisson(_OfFunction):
    """Likelihood of counts; see `poisson`."""

    function = staticmethod(functions.poisson)


class MeanSquaredError(_OfFunction):
    """Squared error; see `mean_squared_error`."""

    function = staticmethod(functions.mean_squared_error)


class MeanAbsoluteError(_OfFunction):
    """Absolute error; see `mean_absolute_error`."""

    function = staticmethod(functions.mean_absolute_error)


class MeanAbsolutePercentageError(_OfFunction):
    """Error in percent; see `mean_absolute_percentage_error`."""

    function = staticmethod(functions.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_OfFunction):
    """Squared error of logarithms; see `mean_squared_logarithmic_error`."""

    function = staticmethod(functions.mean_squared_logarithmic_error)


@dataclasses.dataclass(frozen=True, repr=False)
class Huber(_OfFunction):
    """Huber's loss; see `huber`."""

    function = staticmethod(functions.huber)

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self.delta) or not (
            self.delta > 0.0 and math.isfinite(self.delta)
        ):
            raise ArgumentError(
                f"Huber: delta must be a finite number above 0, not {self.delta!r}."
            )

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.function(y_true, y_pred, self.delta)


class LogCosh(_OfFunction):
    """A smooth absolute error; see `log_cosh`."""

    function = staticmethod(functions.log_cosh)


class Hinge(_OfFunction):
    """Hinge loss of -1 and 1; see `hinge`."""

    function = staticmethod(functions.hinge)


class SquaredHinge(_OfFunction):
    """Its square; see `squared_hinge`."""

    function = staticmethod(functions.squared_hinge)


class CategoricalHinge(_OfFunction):
    """Hinge loss of one-hot classes; see `categorical_hinge`."""

    function = staticmethod(functions.categorical_hinge)


class CosineSimilarity(_OfFunction):
    """Minus the cosine of an angle; see `cosine_similarity`."""

    function = staticmethod(functions.cosine_similarity)


@dataclasses.dataclass(frozen=True, repr=False)
class FunctionLoss(_OfFunction):
    """A user's own ``(y_true, y_pred) -> per-example loss``."""

    targets: ClassVar[Targets] = "anything"

    function: LossFunction

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_function(self.function):
            raise ArgumentError(
                "FunctionLoss: function must be a function of (y_true, y_pred), not "
                f"{self.function!r}."
            )

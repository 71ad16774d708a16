"""Losses as metrics: the mean of a loss over all rows, whatever is trained on."""

import dataclasses
from typing import Any

from jax import Array

from jaxnet_mini.core.losses import functions
from jaxnet_mini.core.losses.classes import check_label_smoothing
from jaxnet_mini.core.metrics.base import Totals
from jaxnet_mini.core.metrics.means import FunctionMean


def crossentropy(y_true: Array, y_pred: Array) -> Array:
    """Return the cross-entropy that the shapes call for, of probabilities.

    Binary for a single output, sparse where targets are integer classes, else that of
    one-hot targets.
    """
    if y_pred.shape[-1] == 1:
        return functions.binary_crossentropy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        return functions.sparse_categorical_crossentropy(y_true, y_pred)
    return functions.categorical_crossentropy(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class BinaryCrossentropy(FunctionMean):
    """The mean of `jaxnet_mini.losses.binary_crossentropy`."""

    name: str = "binary_crossentropy"
    from_logits: bool = dataclasses.field(default=False, kw_only=True)
    label_smoothing: float = dataclasses.field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_label_smoothing(self, self.label_smoothing)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.binary_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing
        )


@dataclasses.dataclass(frozen=True, repr=False)
class CategoricalCrossentropy(FunctionMean):
    """The mean of `jaxnet_mini.losses.categorical_crossentropy`."""

    name: str = "categorical_crossentropy"
    from_logits: bool = dataclasses.field(default=False, kw_only=True)
    label_smoothing: float = dataclasses.field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_label_smoothing(self, self.label_smoothing)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing
        )


@dataclasses.dataclass(frozen=True, repr=False)
class SparseCategoricalCrossentropy(FunctionMean):
    """The mean of `jaxnet_mini.losses.sparse_categorical_crossentropy`."""

    name: str = "sparse_categorical_crossentropy"
    from_logits: bool = dataclasses.field(default=False, kw_only=True)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.sparse_categorical_crossentropy(
            y_true, y_pred, self.from_logits
        )


@dataclasses.dataclass(frozen=True, repr=False)
class KLDivergence(FunctionMean):
    """The mean of `jaxnet_mini.losses.kl_divergence`."""

    name: str = "kl_divergence"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.kl_divergence(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class Poisson(FunctionMean):
    """The mean of `jaxnet_mini.losses.poisson`."""

    name: str = "poisson"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.poisson(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class MeanSquaredError(FunctionMean):
    """The mean of `jaxnet_mini.losses.mean_squared_error`."""

    name: str = "mean_squared_error"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.mean_squared_error(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class RootMeanSquaredError(FunctionMean):
    """The square root of the mean squared error over all rows."""

    name: str = "root_mean_squared_error"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.mean_squared_error(y_true, y_pred)

    def result(self, totals: Totals) -> Any:
        return super().result(totals) ** 0.5


@dataclasses.dataclass(frozen=True, repr=False)
class MeanAbsoluteError(FunctionMean):
    """The mean of `jaxnet_mini.losses.mean_absolute_error`."""

    name: str = "mean_absolute_error"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.mean_absolute_error(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class MeanAbsolutePercentageError(FunctionMean):
    """The mean of `jaxnet_mini.losses.mean_absolute_percentage_error`."""

    name: str = "mean_absolute_percentage_error"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.mean_absolute_percentage_error(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class MeanSquaredLogarithmicError(FunctionMean):
    """The mean of `jaxnet_mini.losses.mean_squared_logarithmic_error`."""

    name: str = "mean_squared_logarithmic_error"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.mean_squared_logarithmic_error(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class LogCoshError(FunctionMean):
    """The mean of `jaxnet_mini.losses.log_cosh`."""

    name: str = "logcosh"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.log_cosh(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class Hinge(FunctionMean):
    """The mean of `jaxnet_mini.losses.hinge`."""

    name: str = "hinge"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.hinge(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class SquaredHinge(FunctionMean):
    """The mean of `jaxnet_mini.losses.squared_hinge`."""

    name: str = "squared_hinge"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.squared_hinge(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class CategoricalHinge(FunctionMean):
    """The mean of `jaxnet_mini.losses.categorical_hinge`."""

    name: str = "categorical_hinge"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return functions.categorical_hinge(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class CosineSimilarity(FunctionMean):
    """The mean cosine of the angle between targets and outputs, 1 at best.

    The opposite sign of `jaxnet_mini.losses.cosine_similarity`, as in Keras.
    """

    name: str = "cosine_similarity"

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return -functions.cosine_similarity(y_true, y_pred)

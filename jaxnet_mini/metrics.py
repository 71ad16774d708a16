"""Metrics, as sums that add up over batches and one result at the end.

Source: https://keras.io/api/metrics/. A metric is a frozen value with two pure
functions: ``totals`` makes sums from one batch, ``result`` turns the sums of a whole
epoch into one number. Sums of batches are added, so that the number is exact over the
epoch whatever the size of the batches. Weight 0 marks a row that is only padding.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini import losses
from jaxnet_mini.errors import ArgumentError, ShapeError, find
from jaxnet_mini.types import Float

Totals: TypeAlias = Any
"""A pytree of sums."""

MetricFunction: TypeAlias = Callable[[Array, Array], Array]


def mean_per_row(values: Array) -> Float[Array, " batch"]:
    """Average every axis but the first."""
    return jnp.mean(values, axis=tuple(range(1, values.ndim)))


def binary_accuracy(y_true: Array, y_pred: Array, threshold: float = 0.5) -> Array:
    """Return the share of outputs on the right side of ``threshold``, per example."""
    predicted = (y_pred > threshold).astype(y_pred.dtype)
    return jnp.mean((y_true.astype(y_pred.dtype) == predicted).astype(jnp.float32), -1)


def categorical_accuracy(y_true: Array, y_pred: Array) -> Array:
    """Return 1 where the largest output is the largest target, else 0."""
    right = jnp.argmax(y_true, axis=-1) == jnp.argmax(y_pred, axis=-1)
    return right.astype(jnp.float32)


def _classes(y_true: Array, y_pred: Array) -> Array:
    classes = y_true[..., 0] if y_true.ndim == y_pred.ndim else y_true
    return classes.astype(jnp.int32)


def sparse_categorical_accuracy(y_true: Array, y_pred: Array) -> Array:
    """Return 1 where the largest output is that of the integer class, else 0."""
    right = _classes(y_true, y_pred) == jnp.argmax(y_pred, axis=-1).astype(jnp.int32)
    return right.astype(jnp.float32)


def sparse_top_k_categorical_accuracy(
    y_true: Array, y_pred: Array, k: int = 5
) -> Array:
    """Return 1 where fewer than ``k`` outputs exceed that of the class, else 0."""
    index = _classes(y_true, y_pred)[..., None]
    own = jnp.take_along_axis(y_pred, index, axis=-1)
    # Nothing exceeds NaN, and yet it is not the largest.
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    return (jnp.sum((y_pred > own), axis=-1) < k).astype(jnp.float32)


def top_k_categorical_accuracy(y_true: Array, y_pred: Array, k: int = 5) -> Array:
    """Return the same for one-hot targets."""
    classes = jnp.argmax(y_true, axis=-1)
    return sparse_top_k_categorical_accuracy(classes, y_pred, k)


def accuracy(y_true: Array, y_pred: Array) -> Array:
    """Return the accuracy that the shapes call for, as Keras resolves the bare word.

    Binary for a single output, sparse where targets are integer classes, else that of
    one-hot targets.
    """
    if y_pred.shape[-1] == 1:
        return binary_accuracy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        return sparse_categorical_accuracy(y_true, y_pred)
    return categorical_accuracy(y_true, y_pred)


def zeros(number: int) -> tuple[Array, ...]:
    """Return ``number`` scalars of JAX's default float, to start sums from."""
    dtype = jax.dtypes.canonicalize_dtype(float)
    return tuple(jnp.zeros((), dtype) for _ in range(number))


@dataclasses.dataclass(frozen=True)
class Metric(abc.ABC):
    """The base of the metrics: a frozen, hashable value; logs go by its ``name``."""

    name: str

    @abc.abstractmethod
    def zeros(self) -> Totals:
        """Return the sums of no batch, see `zeros`."""

    @abc.abstractmethod
    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, " batch"]
    ) -> Totals:
        """Return the sums of one batch; rows count as often as ``weight`` says."""

    @abc.abstractmethod
    def result(self, totals: Totals) -> Any:
        """Return the metric from the sums of all batches, JAX or NumPy scalars."""


@dataclasses.dataclass(frozen=True)
class Mean(Metric):
    """The mean of a per-example function over all rows.

    ``function(y_true, y_pred)`` returns ``(batch,)`` or ``(batch, ...)``.

    >>> accuracy = Mean("accuracy", sparse_categorical_accuracy)
    >>> y_pred = jnp.array([[0.9, 0.1], [0.8, 0.2]])
    >>> total, count = accuracy.totals(jnp.array([0, 1]), y_pred, jnp.ones(2))
    >>> float(total), float(count)
    (1.0, 2.0)
    """

    function: MetricFunction

    def zeros(self) -> Totals:
        return zeros(2)

    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, " batch"]
    ) -> Totals:
        values = jnp.asarray(self.function(y_true, y_pred))
        if values.shape[:1] != weight.shape:
            raise ShapeError(
                f"the metric {self.name!r} returned shape {values.shape} for a batch "
                f"of {weight.shape[0]}: return one value per example, without a mean "
                "over the batch."
            )
        per_row = mean_per_row(values).astype(weight.dtype)
        # A padded row may hold anything, infinity too, and 0 times that is NaN.
        per_row = jnp.where(weight == 0.0, 0.0, per_row)
        return jnp.sum(per_row * weight), jnp.sum(weight)

    def result(self, totals: Totals) -> Any:
        total, count = totals
        return total / count


@dataclasses.dataclass(frozen=True)
class RootMean(Mean):
    """The square root of such a mean."""

    def result(self, totals: Totals) -> Any:
        return super().result(totals) ** 0.5


METRICS: dict[str, tuple[type[Mean], MetricFunction]] = {
    "acc": (Mean, accuracy),
    "accuracy": (Mean, accuracy),
    "bce": (Mean, losses.binary_crossentropy),
    "binary_accuracy": (Mean, binary_accuracy),
    "binary_crossentropy": (Mean, losses.binary_crossentropy),
    "categorical_accuracy": (Mean, categorical_accuracy),
    "categorical_crossentropy": (Mean, losses.categorical_crossentropy),
    "mae": (Mean, losses.mean_absolute_error),
    "mean_absolute_error": (Mean, losses.mean_absolute_error),
    "mean_squared_error": (Mean, losses.mean_squared_error),
    "mse": (Mean, losses.mean_squared_error),
    "root_mean_squared_error": (RootMean, losses.mean_squared_error),
    "sparse_categorical_accuracy": (Mean, sparse_categorical_accuracy),
    "sparse_categorical_crossentropy": (Mean, losses.sparse_categorical_crossentropy),
    "sparse_top_k_categorical_accuracy": (Mean, sparse_top_k_categorical_accuracy),
    "top_k_categorical_accuracy": (Mean, top_k_categorical_accuracy),
}


def get(metric: str | Metric | MetricFunction) -> Metric:
    """Return the metric behind a Keras name, a metric or a callable.

    Args:
        metric: a name, a `Metric`, or ``(y_true, y_pred) -> per-example values``,
            which goes by its ``__name__``.

    Raises:
        UnknownNameError: no metric has this name.
        ArgumentError: none of these.

    >>> get("mse").name
    'mse'
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        kind, function = find(METRICS, metric, "metric")
        return kind(metric, function)
    if callable(metric) and not isinstance(metric, type):
        return Mean(getattr(metric, "__name__", type(metric).__name__), metric)
    raise ArgumentError(
        f"a metric must be a name, a Metric or a callable, not {metric!r}: "
        'write for example metrics=["accuracy"].'
    )

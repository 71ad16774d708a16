"""Means and sums: of a stream of values, and of a per-example function."""

import abc
import dataclasses
from typing import Annotated, Any

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.text import as_call
from jaxnet_mini.core.fields import Checked, Word
from jaxnet_mini.core.losses.base import OfFunction, check_function, check_per_example
from jaxnet_mini.core.metrics.arrays import mean_per_row, over, weighed, zeros
from jaxnet_mini.core.metrics.base import Metric, MetricFunction, Totals, Weight
from jaxnet_mini.core.metrics.by_hand import ByHand
from jaxnet_mini.core.types import as_array, as_float, broadcast
from jaxnet_mini.core.values import Value


def _numbers(values: Any, weight: Any) -> tuple[Array, Array]:
    """Return values and weights as arrays of one float dtype; None stands for ones."""
    values = as_float(as_array("values", values))
    ones = jnp.ones(values.shape[:1], jnp.float32)
    weight = as_float(as_array("sample_weight", ones if weight is None else weight))
    if weight.shape == (*values.shape, 1):
        weight = weight[..., 0]
    # The weights' dtype: values may be of a short one, in which counts would not fit.
    return values.astype(weight.dtype), weight


class _Stream(ByHand, Value):
    """What those share that take values, and no targets and outputs."""

    name: str

    def __post_init__(self) -> None:
        own: Any = self.name
        if own is None:  # as in Keras
            object.__setattr__(self, "name", type(self).name)
        super().__post_init__()

    def __call__(self, values: Any, sample_weight: Any = None) -> Any:
        """Count one more batch, and return the metric of all that was counted.

        Args:
            values: a number, or ``(batch, ...)``.
            sample_weight: see `totals`.
        """
        own: Any = self
        return own._called(values, sample_weight)

    def _counted(self, values: Any, sample_weight: Any = None) -> Totals:
        # A number is a batch of one.
        return self.totals(jnp.atleast_1d(as_array("values", values)), sample_weight)


@dataclasses.dataclass(frozen=True)
class Mean(_Stream):
    """The weighted mean of a stream of values.

    Args:
        name: in the logs.

    >>> mean = Mean()
    >>> totals = mean.totals(jnp.array([1.0, 3.0, 5.0, 7.0]), jnp.array([1, 1, 0, 0]))
    >>> float(mean.result(totals))
    2.0
    """

    name: Word = "mean"

    def zeros(self) -> Totals:
        """Return the sums of no values."""
        return zeros(2)

    def totals(self, values: Any, weight: Any = None) -> Totals:
        """Return the sums of values times weights and of weights, over the batch.

        Args:
            values: ``(batch, ...)``, averaged over all axes but the first.
            weight: ``(batch,)``, or with more axes, up to one weight per value; None
                stands for ones.
        """
        values, weight = _numbers(values, weight)
        values = jnp.mean(values, axis=tuple(range(weight.ndim, values.ndim)))
        weight = broadcast("sample_weight", weight, values.shape)
        total = jnp.sum(mean_per_row(weighed(values, weight)))
        return total, jnp.sum(mean_per_row(weight))

    def result(self, totals: Totals) -> Any:
        """Return the mean, 0 of no values."""
        return over(*totals)


@dataclasses.dataclass(frozen=True)
class Sum(_Stream):
    """The weighted sum of a stream of values.

    Args:
        name: in the logs.

    >>> total = Sum()
    >>> float(total.result(total.totals(jnp.array([1.0, 3.0, 5.0]))))
    9.0
    """

    name: Word = "sum"

    def zeros(self) -> Totals:
        """Return the sum of no values."""
        return zeros(1)

    def totals(self, values: Any, weight: Any = None) -> Totals:
        """Return the sum of values times weights, which are as those of a `Mean`."""
        values, weight = _numbers(values, weight)
        axes = tuple(range(weight.ndim, values.ndim))
        own = broadcast("sample_weight", jnp.expand_dims(weight, axes), values.shape)
        return (jnp.sum(weighed(values, own)),)

    def result(self, totals: Totals) -> Any:
        """Return the sum."""
        return totals[0]


class FunctionMean(Metric):
    """The base of metrics that are the mean of a per-example function over all rows."""

    @abc.abstractmethod
    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        """Return ``(batch,)`` or ``(batch, ...)``.

        Targets and outputs of one axis come as ``(batch, 1)``.
        """

    def zeros(self) -> Totals:
        return zeros(2)

    def totals(self, y_true: Array, y_pred: Array, weight: Weight) -> Totals:
        if y_true.ndim == y_pred.ndim == 1:  # one output an example
            y_true, y_pred = y_true[:, None], y_pred[:, None]
        what, values = f"the metric {self.name!r}", self.per_example(y_true, y_pred)
        values = check_per_example(what, values, weight.shape[0])
        return Mean().totals(values, weight)

    def result(self, totals: Totals) -> Any:
        return over(*totals)


@dataclasses.dataclass(frozen=True, repr=False)
class _OfFunction(OfFunction, FunctionMean):
    """What those share that are the mean of a function of this library."""

    name: str = ""


@dataclasses.dataclass(frozen=True, repr=False)
class MeanMetricWrapper(FunctionMean):
    """The mean of a user's own function over all rows.

    Args:
        fn: ``(y_true, y_pred) -> per-example values``, ``(batch,)`` or
            ``(batch, ...)``.
        name: by default the function's.

    >>> within = MeanMetricWrapper(lambda y, p: abs(y - p) < 0.5, name="within")
    >>> float(within(jnp.array([0.0, 1.0]), jnp.array([0.1, 3.0])))
    0.5
    """

    is_numbered = True

    fn: Annotated[MetricFunction, Checked(check_function)]
    name: str = ""

    @property
    def default_name(self) -> str:
        """The name of the function."""
        return str(getattr(self.fn, "__name__", type(self.fn).__name__))

    def __repr__(self) -> str:
        return as_call(self)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.fn(y_true, y_pred)

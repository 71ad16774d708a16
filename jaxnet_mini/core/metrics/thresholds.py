"""Counts of right and wrong answers at thresholds, which other metrics are made of.

Each output is a yes where it is above a threshold. What adds up over batches is a
histogram: how much weight of true and of false targets has an output above exactly
``k`` of the thresholds. Counts at every threshold follow from it at the end, exactly.
"""

import abc
from collections.abc import Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import as_integer, is_number
from jaxnet_mini.core.losses.functions import aligned
from jaxnet_mini.core.metrics.base import Metric, Totals, zeros
from jaxnet_mini.core.types import Float
from jaxnet_mini.errors import ArgumentError

Thresholds: TypeAlias = float | Sequence[float] | NDArray[Any] | None


def histogram(
    y_true: Array, y_pred: Array, weight: Array, thresholds: tuple[float, ...]
) -> tuple[Array, Array]:
    """Return the weights of true and of false targets by how many thresholds they pass.

    Args:
        y_true: ``(outputs, labels)``; what is not 0 is true.
        y_pred: ``(outputs, labels)``.
        weight: ``(outputs, labels)``.
        thresholds: in ascending order.

    Returns:
        Two arrays ``(len(thresholds) + 1, labels)``.
    """
    bounds = jnp.asarray(thresholds, y_pred.dtype)
    passed = jnp.sum((y_pred[..., None] > bounds[None, None]).astype(jnp.int32), -1)
    true = (y_true != 0.0).astype(weight.dtype)
    labels = jnp.arange(y_pred.shape[1], dtype=jnp.int32)
    empty = jnp.zeros((len(thresholds) + 1, y_pred.shape[1]), weight.dtype)
    place = (passed, jnp.broadcast_to(labels, passed.shape))
    return (
        empty.at[place].add(weight * true),
        empty.at[place].add(weight * (1.0 - true)),
    )


def counts(histogram: Any) -> tuple[Any, Any]:
    """Return the weights above and not above each threshold, JAX or NumPy arrays."""
    above = histogram[::-1].cumsum(axis=0)[::-1][1:]
    return above, histogram.cumsum(axis=0)[:-1]


def spread(weight: Array, shape: tuple[int, ...]) -> Array:
    """Return weights of examples as one weight per output."""
    weight = jnp.expand_dims(weight, tuple(range(weight.ndim, len(shape))))
    return jnp.broadcast_to(weight, shape)


def freeze(metric: Metric, argument: str) -> None:
    """Make a tuple of a list or an array, so that the metric is hashable."""
    value = getattr(metric, argument)
    if isinstance(value, list | np.ndarray):
        frozen = (float(v) if is_number(v) else v for v in value)
        object.__setattr__(metric, argument, tuple(frozen))


def check_thresholds(metric: Metric, thresholds: Thresholds) -> None:
    """Check that thresholds are None or numbers from 0 to 1."""
    for value in bounds_of(thresholds):
        if not is_number(value) or not 0.0 <= value <= 1.0:
            raise ArgumentError(
                f"{type(metric).__name__}: thresholds must be numbers in [0, 1], not "
                f"{value!r}."
            )


def check_integer(
    metric: Metric, argument: str, least: int, optional: bool = False
) -> None:
    """Make an argument an integer that is not too small, or may be None."""
    value = getattr(metric, argument)
    if optional and value is None:
        return
    integer = as_integer(value)
    object.__setattr__(metric, argument, integer)
    if integer is None or integer < least:
        or_none = " or None" if optional else ""
        raise ArgumentError(
            f"{type(metric).__name__}: {argument} must be an integer of at least "
            f"{least}{or_none}, not {value!r}."
        )


def bounds_of(thresholds: Thresholds) -> tuple[Any, ...]:
    """Return frozen thresholds as a tuple; None stands for 0.5."""
    if thresholds is None:
        return (0.5,)
    return thresholds if isinstance(thresholds, tuple) else (thresholds,)


def in_order(values: Any, thresholds: Thresholds) -> Any:
    """Return values of sorted thresholds in the order of the thresholds.

    Args:
        values: ``(len(thresholds), 1)``, JAX or NumPy.
        thresholds: as the user gave them, frozen.

    Returns:
        ``(len(thresholds),)``, and a scalar for a single one.
    """
    values = values[:, 0]
    if not isinstance(thresholds, tuple) or len(thresholds) == 1:
        return values[0]
    order = np.argsort(np.argsort(np.asarray(thresholds), kind="stable"))
    return values[order]


class AtThresholds(Metric):
    """The base of metrics of all outputs, or of output ``class_id``, as one."""

    class_id: int | None = None

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[Any, ...]:
        """The thresholds, in any order."""

    def zeros(self) -> Totals:
        return zeros(2, (len(self.bounds) + 1, 1))

    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, "batch ..."]
    ) -> Totals:
        y_true, y_pred = aligned(y_true, y_pred)
        weight = spread(weight, y_pred.shape)
        if self.class_id is not None:
            if y_pred.ndim < 2 or self.class_id >= y_pred.shape[-1]:
                raise ArgumentError(
                    f"{type(self).__name__}: class_id={self.class_id} of outputs of "
                    f"shape {y_pred.shape}: it counts the outputs from 0."
                )
            y_true, y_pred, weight = (
                array[..., self.class_id] for array in (y_true, y_pred, weight)
            )
        y_true, y_pred, weight = (a.reshape(-1, 1) for a in (y_true, y_pred, weight))
        return histogram(y_true, y_pred, weight, tuple(sorted(self.bounds)))

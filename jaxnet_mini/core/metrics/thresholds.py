"""Counts of right and wrong answers at thresholds, which other metrics are made of.

Each output is a yes where it is above a threshold. What adds up over batches is a
histogram: how much weight of true and of false targets has an output above exactly
``k`` of the thresholds. Counts at every threshold follow from it at the end, exactly.
"""

import abc
import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import check_count, check_fits, is_number
from jaxnet_mini.core.fields import Check, Checked
from jaxnet_mini.core.metrics.arrays import over, spread, zeros
from jaxnet_mini.core.metrics.base import Metric, Totals, Weight
from jaxnet_mini.errors import ArgumentError

OR_NONE = "of at least {} or None"
MaybeCount: TypeAlias = Annotated[int, Checked(check_count, words=OR_NONE)] | None
MaybeIndex: TypeAlias = (
    Annotated[int, Checked(check_count, least=0, words=OR_NONE)] | None
)


def is_share(value: float) -> bool:
    """Tell whether a number is one from 0 to 1."""
    return 0.0 <= value <= 1.0


def histogram(
    batch: Iterable[Array], labels: int, thresholds: tuple[float, ...]
) -> tuple[Array, Array]:
    """Return the weights of true and of false targets by how many thresholds they pass.

    Args:
        batch: targets, of which what is not 0 is true, outputs, and their weights, all
            of one shape.
        labels: how many columns to make of them.
        thresholds: in ascending order.

    Returns:
        Two arrays ``(len(thresholds) + 1, labels)``.
    """
    y_true, y_pred, weight = (array.reshape(-1, labels) for array in batch)
    bounds = jnp.asarray(thresholds, y_pred.dtype)
    passed = jnp.sum((y_pred[..., None] > bounds[None, None]).astype(jnp.int32), -1)
    true = (y_true != 0.0).astype(weight.dtype)
    columns = jnp.broadcast_to(jnp.arange(labels, dtype=jnp.int32), passed.shape)
    empty = jnp.zeros((len(thresholds) + 1, labels), weight.dtype)
    place = (passed, columns)
    return (
        empty.at[place].add(weight * true),
        empty.at[place].add(weight * (1.0 - true)),
    )


def counts(histogram: Any) -> tuple[Any, Any]:
    """Return the weights above and not above each threshold, JAX or NumPy arrays."""
    above = histogram[::-1].cumsum(axis=0)[::-1][1:]
    return above, histogram.cumsum(axis=0)[:-1]


def shares(totals: Totals) -> dict[str, Any]:
    """Return what two histograms say at each threshold, ``(thresholds, labels)``.

    Outputs with a yes are positives. All are weights, or shares of weights, 0 of none.

    Args:
        totals: the histograms of true and of false targets.
    """
    (tp, fn), (fp, tn) = map(counts, totals)
    recall = over(tp, tp + fn)
    return {
        "true_positives": tp,
        "false_negatives": fn,
        "false_positives": fp,
        "true_negatives": tn,
        "precision": over(tp, tp + fp),
        "recall": recall,
        "sensitivity": recall,
        "specificity": over(tn, tn + fp),
    }


check_threshold = functools.partial(
    check_fits, words="numbers in [0, 1]", fits=is_share
)


def check_numbers(
    argument: str, value: Any, each: Check = check_threshold, alone: bool = False
) -> Any:
    """Return numbers as a tuple, so that their metric is hashable.

    Args:
        argument: what messages call them.
        value: a list, a tuple or an array.
        each: checks one of them.
        alone: whether a single number is as good, and stays one.
    """
    if isinstance(value, list | np.ndarray):
        value = tuple(float(v) if is_number(v) else v for v in value)
    if not alone and not isinstance(value, tuple):
        raise ArgumentError(
            f"{argument} must be a list of numbers or None, not {value!r}."
        )
    for number in value if isinstance(value, tuple) else (value,):
        each(argument, number)
    return value


Thresholds: TypeAlias = Annotated[
    float | Sequence[float] | NDArray[Any] | None, Checked(check_numbers, alone=True)
]


def bounds_of(thresholds: Any) -> tuple[Any, ...]:
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

    is_numbered = True
    class_id: int | None = None
    counted: ClassVar[str]
    """Which of `shares` it is."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[Any, ...]:
        """The thresholds, in any order."""

    def seen(self, y_pred: Array) -> Array:
        """Return what is compared with the thresholds."""
        return y_pred

    def zeros(self) -> Totals:
        return zeros(2, (len(self.bounds) + 1, 1))

    def totals(self, y_true: Array, y_pred: Array, weight: Weight) -> Totals:
        y_true, y_pred, weight = spread(y_true, y_pred, weight)
        batch = [y_true, self.seen(y_pred), weight]
        if self.class_id is not None:
            if y_pred.ndim < 2 or self.class_id >= y_pred.shape[-1]:
                raise ArgumentError(
                    f"{type(self).__name__}: class_id={self.class_id} of outputs of "
                    f"shape {y_pred.shape}: it counts the outputs from 0."
                )
            batch = [array[..., self.class_id] for array in batch]
        return histogram(batch, 1, tuple(sorted(self.bounds)))


@dataclasses.dataclass(frozen=True, repr=False)
class _AtEach(AtThresholds):
    """The base of those that give a number at each of the user's thresholds."""

    thresholds: Thresholds = None

    @property
    def bounds(self) -> tuple[Any, ...]:
        return bounds_of(self.thresholds)

    def result(self, totals: Totals) -> Any:
        return in_order(shares(totals)[self.counted], self.thresholds)

"""The area under a curve of shares at thresholds."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import check_count, check_number
from jaxnet_mini.core.fields import Checked, Flag, one_of
from jaxnet_mini.core.losses.functions import EPSILON
from jaxnet_mini.core.metrics.arrays import numpy_of, over, spread, zeros
from jaxnet_mini.core.metrics.base import Metric, Totals, Weight
from jaxnet_mini.core.metrics.thresholds import (
    MaybeCount,
    check_numbers,
    counts,
    histogram,
)
from jaxnet_mini.errors import ArgumentError, ShapeError


def _check_weight(argument: str, value: Any) -> Any:
    kind, name = argument.split()
    return check_number(f"{kind} every one of {name}", value, least=0.0)


ABOVE_1 = Checked(check_count, least=2, words="above 1")
CURVE = one_of("curve", ("ROC", "PR", "PRGAIN"))
METHOD = one_of("summation_method", ("interpolation", "minoring", "majoring"))
Numbers: TypeAlias = Sequence[float] | NDArray[Any] | None


@dataclasses.dataclass(frozen=True, repr=False)
class AUC(Metric):
    """The area under a curve that runs through thresholds from 0 to 1.

    Outputs below 0 count as 0, and those above 1 as 1.

    Args:
        num_thresholds: how many thresholds, evenly spaced.
        curve: ``"ROC"``: recall over the share of false targets that say yes;
            ``"PR"``: precision over recall; ``"PRGAIN"``: their gains over a guess
            (Flach & Kull 2015).
        summation_method: ``"interpolation"``: trapezoids, and for ``"PR"`` the
            interpolation of Davis & Goadrich 2006; ``"minoring"``: the lower corner of
            each step; ``"majoring"``: the upper one.
        name: in the logs.
        thresholds: instead of evenly spaced ones; 0 and 1 are added.
        multi_label: whether each output is a curve of its own; the result is the mean
            of the areas.
        num_labels: the number of outputs with ``multi_label``; a model knows it.
        label_weights: weights of the outputs, one each.
        from_logits: whether outputs come before the sigmoid.

    Source: https://keras.io/api/metrics/classification_metrics/

    >>> y_true = jnp.array([0.0, 0.0, 1.0, 1.0])
    >>> round(float(AUC()(y_true, jnp.array([0.0, 0.5, 0.3, 0.9]))), 4)
    0.75
    """

    is_numbered = True

    num_thresholds: Annotated[int, ABOVE_1] = 200
    curve: Annotated[str, CURVE] = "ROC"
    summation_method: Annotated[str, METHOD] = "interpolation"
    name: str = "auc"
    _: dataclasses.KW_ONLY
    thresholds: Annotated[Numbers, Checked(check_numbers)] = None
    multi_label: Flag = False
    num_labels: MaybeCount = None
    label_weights: Annotated[Numbers, Checked(check_numbers, each=_check_weight)] = None
    from_logits: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thresholds is not None:
            object.__setattr__(self, "num_thresholds", len(self.thresholds) + 2)
        if self.num_labels is not None and not self.multi_label:
            raise ArgumentError(
                f"AUC: num_labels={self.num_labels!r} without multi_label=True: give "
                "both or neither."
            )

    @property
    def bounds(self) -> tuple[float, ...]:
        """The thresholds in ascending order, with ends that part nothing."""
        inner = self.thresholds
        if inner is None:
            last = self.num_thresholds - 1
            inner = tuple(i / last for i in range(1, last))
        # Outputs of exactly 0 and 1 lie within the ends.
        return (-EPSILON, *sorted(inner), 1.0 + EPSILON)

    def for_outputs(self, outputs: int) -> Metric:
        if self.multi_label and self.num_labels is None:
            return dataclasses.replace(self, num_labels=outputs)
        return self

    def zeros(self) -> Totals:
        if self.multi_label and self.num_labels is None:
            raise ArgumentError(
                "AUC: with multi_label=True the sums need num_labels, the number of "
                "outputs: give it."
            )
        return zeros(2, (self.num_thresholds + 1, self.num_labels or 1))

    def totals(self, y_true: Array, y_pred: Array, weight: Weight) -> Totals:
        y_true, y_pred, weight = spread(y_true, y_pred, weight)
        if self.from_logits:
            y_pred = jax.nn.sigmoid(y_pred)
        # The curve goes from end to end only where the outer thresholds part nothing.
        y_pred = jnp.clip(y_pred, 0.0, 1.0)
        outputs = y_pred.shape[-1] if y_pred.ndim > 1 else 1
        weights = self.label_weights or ()
        known = {"num_labels": self.num_labels, "label_weights": len(weights)}
        for argument, expected in known.items():
            if expected and expected != outputs:
                raise ShapeError(
                    f"{self.in_words}: {argument} is for {expected} outputs and "
                    f"y_pred has shape {y_pred.shape}: give as many as the last layer "
                    "has units."
                )
        if weights and not self.multi_label:
            shares = jnp.asarray(weights, weight.dtype)
            weight = weight * jnp.broadcast_to(shares, weight.shape)
        labels = outputs if self.multi_label else 1
        return histogram((y_true, y_pred, weight), labels, self.bounds)

    def result(self, totals: Totals) -> Any:
        (tp, fn), (fp, tn) = map(counts, totals)
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated(tp, fn, fp)
        else:
            x, y = _curve(self.curve, tp, fn, fp, tn)
            xp = numpy_of(y)
            heights = {
                "interpolation": (y[:-1] + y[1:]) / 2.0,
                "minoring": xp.minimum(y[:-1], y[1:]),
                "majoring": xp.maximum(y[:-1], y[1:]),
            }[self.summation_method]
            areas = ((x[:-1] - x[1:]) * heights).sum(axis=0)
        if self.multi_label and self.label_weights:
            shares = numpy_of(areas).asarray(self.label_weights, areas.dtype)
            return over((areas * shares).sum(), shares.sum())
        return areas.mean()


def _curve(curve: str, tp: Any, fn: Any, fp: Any, tn: Any) -> tuple[Any, Any]:
    recall = over(tp, tp + fn)
    if curve == "ROC":
        return over(fp, fp + tn), recall
    if curve == "PR":
        return recall, over(tp, tp + fp)
    scale = over(tp + fn, tn + fp)
    # Both gains diverge where no target is found.
    xp, found = numpy_of(tp), tp > 0.0
    recall_gain = xp.where(found, 1.0 - scale * over(fn, tp), 0.0)
    precision_gain = xp.where(found, 1.0 - scale * over(fp, tp), 1.0)
    return xp.maximum(recall_gain, 0.0), precision_gain


def _interpolated(tp: Any, fn: Any, fp: Any) -> Any:
    """Return the area under the precision-recall curve, by label.

    Between two thresholds true positives vary linearly with all positives ``p``, at
    ``slope``; precision ``(intercept + slope p) / p`` is integrated over recall.
    """
    p = tp + fp
    steps, slope = tp[:-1] - tp[1:], over(tp[:-1] - tp[1:], p[:-1] - p[1:])
    intercept = tp[1:] - slope * p[1:]
    xp, both = numpy_of(p), (p[:-1] > 0.0) & (p[1:] > 0.0)
    ratio = xp.where(both, over(p[:-1], p[1:]), 1.0)
    area = slope * (steps + intercept * xp.log(ratio))
    return over(area, xp.maximum(tp[1:] + fn[1:], 0.0)).sum(axis=0)

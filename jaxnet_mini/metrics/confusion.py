"""Precision, recall and the area under a curve, from counts at thresholds.

Each output is a yes where it is above a threshold. What adds up over batches is a
histogram: how much weight of true and of false targets has an output above exactly
``k`` of the thresholds. Counts at every threshold follow from it at the end, exactly.
"""

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.errors import ArgumentError, ShapeError, find
from jaxnet_mini.losses.functions import EPSILON, aligned
from jaxnet_mini.metrics.base import Metric, Totals, numpy_of, over, zeros
from jaxnet_mini.types import Float


def _histogram(
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


def _counts(histogram: Any) -> tuple[Any, Any]:
    """Return the weights above and not above each threshold, JAX or NumPy arrays."""
    above = histogram[::-1].cumsum(axis=0)[::-1][1:]
    return above, histogram.cumsum(axis=0)[:-1]


def _spread(weight: Array, shape: tuple[int, ...]) -> Array:
    weight = jnp.expand_dims(weight, tuple(range(weight.ndim, len(shape))))
    return jnp.broadcast_to(weight, shape)


def _check_thresholds(metric: Any, values: tuple[Any, ...]) -> None:
    for value in values:
        real = isinstance(value, numbers.Real)
        if not real or not 0.0 <= value <= 1.0:
            raise ArgumentError(
                f"{type(metric).__name__}: thresholds must be numbers in [0, 1], not "
                f"{value!r}."
            )


def _freeze(metric: Any, argument: str) -> None:
    """Make a tuple of a list or an array, so that the metric is hashable."""
    value = getattr(metric, argument)
    if isinstance(value, list | np.ndarray):
        object.__setattr__(metric, argument, tuple(float(v) for v in value))


@dataclasses.dataclass(frozen=True, repr=False)
class _Share(Metric):
    """What `Precision` and `Recall` share."""

    thresholds: float | Sequence[float] | NDArray[Any] | None = None
    top_k: int | None = None
    class_id: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        _freeze(self, "thresholds")
        if self.thresholds is not None:
            _check_thresholds(self, self._bounds)
        for argument, least in (("top_k", 1), ("class_id", 0)):
            value = getattr(self, argument)
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if value is not None and (not whole or value < least):
                raise ArgumentError(
                    f"{type(self).__name__}: {argument} must be an integer of at least "
                    f"{least} or None, not {value!r}."
                )

    @property
    def _bounds(self) -> tuple[Any, ...]:
        if self.thresholds is None:
            return (0.5,) if self.top_k is None else (-np.inf,)
        if isinstance(self.thresholds, tuple):
            return self.thresholds
        return (self.thresholds,)

    def zeros(self) -> Totals:
        return zeros(2, (len(self._bounds) + 1, 1))

    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, "batch ..."]
    ) -> Totals:
        y_true, y_pred = aligned(y_true, y_pred)
        outputs = y_pred.shape[-1]
        if self.top_k is not None:
            if self.top_k > outputs:
                raise ArgumentError(
                    f"{type(self).__name__}: top_k={self.top_k} of {outputs} outputs: "
                    "give a smaller top_k."
                )
            _, largest = jax.lax.top_k(y_pred, self.top_k)
            among = jnp.sum(jax.nn.one_hot(largest, outputs), axis=-2) > 0.0
            y_pred = jnp.where(among, y_pred, -jnp.inf)
        weight = _spread(weight, y_pred.shape)
        if self.class_id is not None:
            if y_pred.ndim < 2 or self.class_id >= outputs:
                raise ArgumentError(
                    f"{type(self).__name__}: class_id={self.class_id} of outputs of "
                    f"shape {y_pred.shape}: it counts the outputs from 0."
                )
            y_true, y_pred, weight = (
                array[..., self.class_id] for array in (y_true, y_pred, weight)
            )
        y_true, y_pred, weight = (a.reshape(-1, 1) for a in (y_true, y_pred, weight))
        return _histogram(y_true, y_pred, weight, tuple(sorted(self._bounds)))

    def _in_order(self, values: Any) -> Any:
        """Return the values of sorted thresholds in the order of the thresholds."""
        values = values[:, 0]
        if not isinstance(self.thresholds, tuple) or len(self.thresholds) == 1:
            return values[0]
        order = np.argsort(np.argsort(np.asarray(self.thresholds), kind="stable"))
        return values[order]


@dataclasses.dataclass(frozen=True, repr=False)
class Precision(_Share):
    """The share of true targets among the outputs that say yes.

    Args:
        thresholds: above it an output says yes; 0.5 by default. Several give an array.
        top_k: only the ``top_k`` largest outputs of a row may say yes; without
            thresholds they all do.
        class_id: look at this output alone.
        name: in the logs.

    Source: https://keras.io/api/metrics/classification_metrics/

    >>> y_true, y_pred = jnp.array([[0.0], [1.0]]), jnp.array([[0.9], [0.8]])
    >>> float(Precision()(y_true, y_pred))
    0.5
    """

    name: str = "precision"

    def result(self, totals: Totals) -> Any:
        true, false = (_counts(histogram)[0] for histogram in totals)
        return self._in_order(over(true, true + false))


@dataclasses.dataclass(frozen=True, repr=False)
class Recall(_Share):
    """The share of true targets whose output says yes.

    Its arguments are those of `Precision`.

    Source: https://keras.io/api/metrics/classification_metrics/

    >>> y_true, y_pred = jnp.array([[1.0], [1.0]]), jnp.array([[0.9], [0.2]])
    >>> float(Recall()(y_true, y_pred))
    0.5
    """

    name: str = "recall"

    def result(self, totals: Totals) -> Any:
        found, missed = _counts(totals[0])
        return self._in_order(over(found, found + missed))


@dataclasses.dataclass(frozen=True, repr=False)
class AUC(Metric):
    """The area under a curve that runs through thresholds from 0 to 1.

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

    num_thresholds: int = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    name: str = "auc"
    thresholds: Sequence[float] | NDArray[Any] | None = None
    multi_label: bool = False
    num_labels: int | None = None
    label_weights: Sequence[float] | NDArray[Any] | None = None
    from_logits: bool = False

    def __post_init__(self) -> None:
        find({"ROC": 0, "PR": 0, "PRGAIN": 0}, self.curve, "curve")
        methods = {"interpolation": 0, "minoring": 0, "majoring": 0}
        find(methods, self.summation_method, "summation_method")
        _freeze(self, "thresholds")
        _freeze(self, "label_weights")
        if self.thresholds is not None:
            _check_thresholds(self, tuple(self.thresholds))
            object.__setattr__(self, "num_thresholds", len(self.thresholds) + 2)
        if not isinstance(self.num_thresholds, numbers.Integral) or (
            self.num_thresholds < 2
        ):
            raise ArgumentError(
                "AUC: num_thresholds must be an integer above 1, not "
                f"{self.num_thresholds!r}."
            )
        if self.num_labels is not None and not self.multi_label:
            raise ArgumentError(
                f"AUC: num_labels={self.num_labels!r} without multi_label=True: give "
                "both or neither."
            )

    @property
    def _bounds(self) -> tuple[float, ...]:
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

    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, "batch ..."]
    ) -> Totals:
        y_true, y_pred = aligned(y_true, y_pred)
        weight = _spread(weight, y_pred.shape)
        if self.from_logits:
            y_pred = jax.nn.sigmoid(y_pred)
        outputs = y_pred.shape[-1] if y_pred.ndim > 1 else 1
        for argument, expected in (
            ("num_labels", self.num_labels),
            ("label_weights", self.label_weights and len(self.label_weights)),
        ):
            if expected and expected != outputs:
                raise ShapeError(
                    f"AUC: {argument} is for {expected} outputs and y_pred has shape "
                    f"{y_pred.shape}: give as many as the last layer has units."
                )
        if self.label_weights and not self.multi_label:
            shares = jnp.asarray(self.label_weights, weight.dtype)
            axes = tuple(range(weight.ndim - 1))
            weight = weight * jnp.expand_dims(shares, axes)
        shape = (-1, outputs if self.multi_label else 1)
        y_true, y_pred, weight = (a.reshape(shape) for a in (y_true, y_pred, weight))
        return _histogram(y_true, y_pred, weight, self._bounds)

    def result(self, totals: Totals) -> Any:
        (tp, fn), (fp, tn) = (_counts(histogram) for histogram in totals)
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated(tp, fp, fn)
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
            shares = np.asarray(self.label_weights, areas.dtype)
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


def _interpolated(tp: Any, fp: Any, fn: Any) -> Any:
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

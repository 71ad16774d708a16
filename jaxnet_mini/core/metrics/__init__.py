"""Metrics, as sums that add up over batches and one result at the end.

Source: https://keras.io/api/metrics/. A metric is a frozen value with pure functions:
``totals`` makes sums from one batch, ``result`` turns the sums of a whole epoch into
the metric. Sums of batches are added, so that it is exact over the epoch whatever the
size of the batches. Weight 0 marks a row that is only padding.
"""

# What is listed below is at home in one of these; each name stands here once.
# ruff: noqa: F403, F405

import dataclasses
import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from jaxnet_mini.base.arguments import is_function
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core.losses.functions import *
from jaxnet_mini.core.metrics import naming, own
from jaxnet_mini.core.metrics.accuracy import *
from jaxnet_mini.core.metrics.arrays import *
from jaxnet_mini.core.metrics.auc import *
from jaxnet_mini.core.metrics.base import *
from jaxnet_mini.core.metrics.confusion import *
from jaxnet_mini.core.metrics.means import *
from jaxnet_mini.core.metrics.of_losses import *
from jaxnet_mini.core.metrics.scores import *
from jaxnet_mini.errors import ArgumentError, find

__all__ = ["METRICS", "Metric", "MetricFunction", "get", "zeros"]
__all__ += ["FunctionMean", "Mean", "MeanMetricWrapper", "Sum", "mean_per_row"]
__all__ += ["Accuracy", "BinaryAccuracy", "CategoricalAccuracy"]
__all__ += ["SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy"]
__all__ += ["TopKCategoricalAccuracy", "accuracy", "binary_accuracy"]
__all__ += ["categorical_accuracy", "sparse_categorical_accuracy"]
__all__ += ["sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy"]
__all__ += ["BinaryCrossentropy", "CategoricalCrossentropy", "CategoricalHinge"]
__all__ += ["CosineSimilarity", "Hinge", "KLDivergence", "LogCoshError", "Poisson"]
__all__ += ["MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError"]
__all__ += ["MeanSquaredLogarithmicError", "RootMeanSquaredError"]
__all__ += ["SparseCategoricalCrossentropy", "SquaredHinge", "crossentropy"]
__all__ += ["binary_crossentropy", "categorical_crossentropy", "categorical_hinge"]
__all__ += ["hinge", "kl_divergence", "log_cosh", "mean_absolute_error"]
__all__ += ["mean_absolute_percentage_error", "mean_squared_error"]
__all__ += ["mean_squared_logarithmic_error", "poisson"]
__all__ += ["sparse_categorical_crossentropy", "squared_hinge"]
__all__ += ["AUC", "F1Score", "FBetaScore", "Precision", "R2Score", "Recall"]
__all__ += ["FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"]
__all__ += ["PrecisionAtRecall", "RecallAtPrecision"]
__all__ += ["SensitivityAtSpecificity", "SpecificityAtSensitivity"]


_LISTED: list[Any] = [globals().get(name) for name in __all__]
_BY_NAME = [
    kind
    for kind in _LISTED
    if isinstance(kind, type)
    and issubclass(kind, Metric)
    and dataclasses.is_dataclass(kind)
    and dataclasses.fields(kind)[0].default is not dataclasses.MISSING
]
"""What is listed above and can be asked for by a word: it needs no argument."""

METRICS: dict[str, Callable[[], Metric]] = {
    **{snake_case(kind.__name__): kind for kind in _BY_NAME},
    **{kind.short: kind for kind in _BY_NAME if kind.short},
    # Words that choose by the shapes.
    "acc": functools.partial(MeanMetricWrapper, accuracy),
    "accuracy": functools.partial(MeanMetricWrapper, accuracy),
    "crossentropy": functools.partial(MeanMetricWrapper, crossentropy),
}
"""Keras's names; those of classes, and capitals, stand for the same."""


_OWN = frozenset(kind for kind in _LISTED if isinstance(kind, type | FunctionType))


def acts_by_row(metric: Metric) -> bool:
    """Return whether the sums of an example are known to depend on it alone.

    Of a user's own function or class nothing is known.
    """
    if type(metric) is MeanMetricWrapper:
        return metric.fn in _OWN
    return type(metric) in _OWN


def resolved(
    metrics: Sequence[Any], weighted_metrics: Sequence[Any]
) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    """Return what a trainer is given as metrics, each with a name of its own.

    Raises:
        UnknownNameError, ArgumentError: see `get`; the user gave one name twice.

    >>> [metric.name for metric in resolved([AUC(), AUC(curve="PR")], [])[0]]
    ['auc', 'auc_1']
    """
    plain, weighted = (
        [(entry, own.folded(get(entry))) for entry in given]
        for given in (metrics, weighted_metrics)
    )
    return naming.named(plain, weighted)


def get(metric: str | Metric | type[Metric] | MetricFunction) -> Metric:
    """Return the metric behind a Keras name, a class, a metric or a callable.

    Args:
        metric: a name, by which the logs go then, as it is written; a `Metric` or a
            class of such; or ``(y_true, y_pred) -> per-example values``, which goes by
            its ``__name__``.

    Raises:
        UnknownNameError: no metric has this name.
        ArgumentError: none of these.

    >>> get("mse").name, get("AUC").name
    ('mse', 'AUC')
    """
    if isinstance(metric, Metric | own.Folded):
        return metric
    if isinstance(metric, str):
        return find(METRICS, snake_case(metric), "metric", metric)().renamed(metric)
    if isinstance(metric, type) and issubclass(metric, Metric):
        return metric()
    if is_function(metric) and not isinstance(metric, type):
        return MeanMetricWrapper(metric)
    raise ArgumentError(
        f"a metric must be a name, a Metric or a callable, not {metric!r}: "
        'write for example metrics=["accuracy"].'
    )

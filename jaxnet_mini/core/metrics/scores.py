"""Scores whose sums are kept for each output: F-scores and R2.

Source: https://keras.io/api/metrics/classification_metrics/ and
https://keras.io/api/metrics/regression_metrics/
"""

import abc
import dataclasses
import math
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_count, check_fits
from jaxnet_mini.core.fields import Checked, one_of
from jaxnet_mini.core.metrics.arrays import numpy_of, over, spread, weighed, zeros
from jaxnet_mini.core.metrics.base import Metric, Totals, Weight
from jaxnet_mini.core.metrics.thresholds import MaybeCount
from jaxnet_mini.errors import ArgumentError, ShapeError


@dataclasses.dataclass(frozen=True, repr=False)
class ByOutput(Metric):
    """The base of metrics whose sums are kept for each output of the network."""

    number_of_sums: ClassVar[int]
    """How many there are for each output."""

    _: dataclasses.KW_ONLY
    num_outputs: MaybeCount = None

    @abc.abstractmethod
    def summands(self, y_true: Array, y_pred: Array, weight: Array) -> Totals:
        """Return what is summed over the examples; all are ``(examples, outputs)``."""

    def for_outputs(self, outputs: int) -> Metric:
        if self.num_outputs is None:
            return dataclasses.replace(self, num_outputs=outputs)
        return self

    def zeros(self) -> Totals:
        if self.num_outputs is None:
            raise ArgumentError(
                f"{type(self).__name__}: the sums need num_outputs, the number of "
                "outputs: give it."
            )
        return zeros(self.number_of_sums, (self.num_outputs,))

    def totals(self, y_true: Array, y_pred: Array, weight: Weight) -> Totals:
        y_true, y_pred, weight = spread(y_true, y_pred, weight)
        outputs = y_pred.shape[-1] if y_pred.ndim > 1 else 1
        if self.num_outputs not in (None, outputs):
            raise ShapeError(
                f"{self.in_words}: num_outputs is {self.num_outputs} and y_pred "
                f"has shape {y_pred.shape}: give as many as the last layer has units."
            )
        rows = (
            array.astype(weight.dtype).reshape(-1, outputs)
            for array in (y_true, y_pred, weight)
        )
        return tuple(jnp.sum(summand, axis=0) for summand in self.summands(*rows))


AVERAGE = one_of("average", ("micro", "macro", "weighted"))
THRESHOLD = Checked(
    check_fits, words="a number in (0, 1] or None", fits=lambda v: 0.0 < v <= 1.0
)
ABOVE_0 = Checked(
    check_fits, words="a number above 0", fits=lambda v: 0.0 < v < math.inf
)


class _FScore(ByOutput):
    """What `F1Score` and `FBetaScore` share."""

    average: str | None
    threshold: float | None
    beta = 1.0
    number_of_sums = 3

    def summands(self, y_true: Array, y_pred: Array, weight: Array) -> Totals:
        if self.threshold is None:
            largest = jnp.max(y_pred, axis=-1, keepdims=True)
            # A row of zeros says nothing.
            yes = (y_pred >= largest) & (jnp.abs(y_pred) > 1e-9)
        else:
            yes = y_pred > self.threshold
        said = yes.astype(weight.dtype)
        summands = (said * y_true, said, y_true)
        return tuple(weighed(summand, weight) for summand in summands)

    def result(self, totals: Totals) -> Any:
        right, said, true = totals
        if self.average == "micro":
            right, said, true = right.sum(), said.sum(), true.sum()
        square = self.beta**2
        scores = over((1.0 + square) * right, said + square * true)
        if self.average == "macro":
            return scores.mean()
        if self.average == "weighted":
            return over((scores * true).sum(), true.sum())
        return scores


@dataclasses.dataclass(frozen=True, repr=False)
class F1Score(_FScore):
    """The harmonic mean of precision and recall.

    Args:
        average: None: a score for each output; ``"macro"``: their mean;
            ``"weighted"``: the same weighted by how many targets are true;
            ``"micro"``: the score of all outputs together.
        threshold: above it an output says yes; None: the largest output of a row does.
        name: in the logs.
        num_outputs: the number of outputs; a model knows it.

    Source: https://keras.io/api/metrics/classification_metrics/

    >>> y_true = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    >>> y_pred = [[0.4, 0.6], [0.2, 0.8], [0.1, 0.9]]
    >>> [round(float(score), 3) for score in F1Score()(y_true, y_pred)]
    [0.0, 0.8]
    """

    average: Annotated[str, AVERAGE] | None = None
    threshold: Annotated[float, THRESHOLD] | None = None
    name: str = "f1_score"


@dataclasses.dataclass(frozen=True, repr=False)
class FBetaScore(_FScore):
    """The harmonic mean of precision and recall, where recall counts ``beta`` times.

    Args:
        average: as of `F1Score`, and so are the others.
        beta: how much more recall counts than precision.
        threshold: above it an output says yes; None: the largest output of a row does.
        name: in the logs.
        num_outputs: the number of outputs; a model knows it.

    Source: https://keras.io/api/metrics/classification_metrics/

    >>> y_true = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    >>> y_pred = [[0.4, 0.6], [0.2, 0.8], [0.1, 0.9]]
    >>> [round(float(s), 3) for s in FBetaScore(beta=2.0)(y_true, y_pred)]
    [0.0, 0.909]
    """

    average: Annotated[str, AVERAGE] | None = None
    beta: Annotated[float, ABOVE_0] = 1.0
    threshold: Annotated[float, THRESHOLD] | None = None
    name: str = "fbeta_score"


# Of the sum of squares: what float32 makes of a sum of squares that is 0 is below it.
_NOISE = 1e-6

AGGREGATION = one_of(
    "class_aggregation", ("uniform_average", "variance_weighted_average")
)


@dataclasses.dataclass(frozen=True, repr=False)
class R2Score(ByOutput):
    """How much of the variance of the targets the outputs explain, 1 at best.

    It is 0 for outputs that are the mean of the targets, and for targets that are
    constant. Sums are of float32: standardize targets whose mean is beyond a hundred
    times their deviation. From a thousand times on they count as constant.

    Args:
        class_aggregation: ``"uniform_average"``: the mean over the outputs;
            ``"variance_weighted_average"``: the same weighted by the variances of the
            targets; None: a score for each output.
        num_regressors: that many explaining variables adjust the score downwards,
            unless there are no more values than that. All outputs' values count, as
            in Keras.
        name: in the logs.
        num_outputs: the number of outputs; a model knows it.

    Source: https://keras.io/api/metrics/regression_metrics/

    >>> score = R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    >>> round(float(score), 4)
    0.5714
    """

    number_of_sums = 5

    class_aggregation: Annotated[str, AGGREGATION] | None = "uniform_average"
    num_regressors: Annotated[int, Checked(check_count, least=0)] = 0
    name: str = "r2_score"

    def summands(self, y_true: Array, y_pred: Array, weight: Array) -> Totals:
        error = y_true - y_pred
        return (
            weight,
            weighed(y_true, weight),
            weighed(y_true * y_true, weight),
            weighed(error * error, weight),
            (weight != 0.0).astype(weight.dtype),
        )

    def result(self, totals: Totals) -> Any:
        weight, total, squares, errors, counted = totals
        xp, variance = numpy_of(total), squares - over(total * total, weight)
        varied = variance > _NOISE * squares
        scores = xp.where(varied, 1.0 - over(errors, variance), 0.0)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        if self.class_aggregation == "variance_weighted_average":
            variance = xp.where(varied, variance, 0.0)
            scores = over((scores * variance).sum(), variance.sum())
        values = counted.sum() - 1.0
        free = values - self.num_regressors
        adjusted = 1.0 - (1.0 - scores) * over(values, free)
        return xp.where(free > 0.0, adjusted, scores)

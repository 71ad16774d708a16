"""The coefficient of determination."""

import dataclasses
from typing import Any

from jax import Array

from jaxnet_mini.core.metrics.base import Totals, numpy_of, over, weighed
from jaxnet_mini.core.metrics.by_output import ByOutput
from jaxnet_mini.core.metrics.thresholds import check_integer
from jaxnet_mini.errors import find

# Of the sum of squares: what float32 makes of a sum of squares that is 0 is below it.
_NOISE = 1e-6


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

    class_aggregation: str | None = "uniform_average"
    num_regressors: int = 0
    name: str = "r2_score"
    num_outputs: int | None = dataclasses.field(default=None, kw_only=True)
    number_of_sums = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_aggregation is not None:
            known = {"uniform_average": 0, "variance_weighted_average": 0}
            find(known, self.class_aggregation, "class_aggregation")
        check_integer(self, "num_regressors", least=0)

    def summands(
        self, y_true: Array, y_pred: Array, weight: Array
    ) -> tuple[Array, ...]:
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

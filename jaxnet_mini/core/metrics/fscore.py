"""F-scores: one number for precision and recall."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core.metrics.base import Totals, over, weighed
from jaxnet_mini.core.metrics.by_output import ByOutput
from jaxnet_mini.errors import ArgumentError, find


class _FScore(ByOutput):
    """What `F1Score` and `FBetaScore` share."""

    average: str | None
    threshold: float | None
    beta: float = 1.0
    number_of_sums = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.average is not None:
            find({"micro": 0, "macro": 0, "weighted": 0}, self.average, "average")
        kind, beta = type(self).__name__, self.beta
        if not is_number(beta) or not 0.0 < beta < np.inf:
            raise ArgumentError(f"{kind}: beta must be a number above 0, not {beta!r}.")
        threshold: Any = self.threshold
        if threshold is not None and (
            not is_number(threshold) or not 0.0 < threshold <= 1.0
        ):
            raise ArgumentError(
                f"{kind}: threshold must be a number in (0, 1] or None, not "
                f"{threshold!r}."
            )

    def summands(
        self, y_true: Array, y_pred: Array, weight: Array
    ) -> tuple[Array, ...]:
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

    average: str | None = None
    threshold: float | None = None
    name: str = "f1_score"
    num_outputs: int | None = dataclasses.field(default=None, kw_only=True)


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

    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    name: str = "fbeta_score"
    num_outputs: int | None = dataclasses.field(default=None, kw_only=True)

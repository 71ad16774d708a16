"""Counts of right and wrong answers, shares of them, and the best of a share.

Source: https://keras.io/api/metrics/classification_metrics/
"""

import dataclasses
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import check_count, check_fits
from jaxnet_mini.core.fields import Checked
from jaxnet_mini.core.metrics.arrays import numpy_of
from jaxnet_mini.core.metrics.base import Totals
from jaxnet_mini.core.metrics.thresholds import (
    AtThresholds,
    MaybeCount,
    MaybeIndex,
    _AtEach,
    is_share,
    shares,
)
from jaxnet_mini.errors import ArgumentError


@dataclasses.dataclass(frozen=True, repr=False)
class _Count(_AtEach):
    """What the four counts share."""

    name: str = ""


class TruePositives(_Count):
    """The weight of true targets whose output says yes.

    Args:
        thresholds: above it an output says yes; 0.5 by default. Several give an array.
        name: in the logs; by default the class in snake case.

    >>> float(TruePositives()([[0.0], [1.0]], [[0.9], [0.8]]))
    1.0
    """

    counted = "true_positives"


class FalsePositives(_Count):
    """The weight of false targets whose output says yes.

    Args:
        name: in the logs; ``thresholds`` are those of `TruePositives`.

    >>> FalsePositives([0.5, 0.95])([[0.0], [1.0]], [[0.9], [0.8]]).tolist()
    [1.0, 0.0]
    """

    counted = "false_positives"


class TrueNegatives(_Count):
    """The weight of false targets whose output says no.

    Args:
        name: in the logs; ``thresholds`` are those of `TruePositives`.

    >>> float(TrueNegatives()([[0.0], [1.0]], [[0.2], [0.8]]))
    1.0
    """

    counted = "true_negatives"


class FalseNegatives(_Count):
    """The weight of true targets whose output says no.

    Args:
        name: in the logs; ``thresholds`` are those of `TruePositives`.

    >>> float(FalseNegatives()([[0.0], [1.0]], [[0.2], [0.8]]))
    0.0
    """

    counted = "false_negatives"


@dataclasses.dataclass(frozen=True, repr=False)
class _Share(_AtEach):
    """What `Precision` and `Recall` share."""

    top_k: MaybeCount = None
    class_id: MaybeIndex = None
    name: str = ""

    @property
    def bounds(self) -> tuple[Any, ...]:
        if self.thresholds is None and self.top_k is not None:
            return (-np.inf,)
        return super().bounds

    def seen(self, y_pred: Array) -> Array:
        if self.top_k is None:
            return y_pred
        outputs = y_pred.shape[-1]
        if self.top_k > outputs:
            raise ArgumentError(
                f"{self.in_words}: top_k={self.top_k} of {outputs} outputs: give a "
                "smaller top_k."
            )
        _, largest = jax.lax.top_k(y_pred, self.top_k)
        among = jnp.sum(jax.nn.one_hot(largest, outputs), axis=-2) > 0.0
        return jnp.where(among, y_pred, -jnp.inf)


class Precision(_Share):
    """The share of true targets among the outputs that say yes.

    Args:
        thresholds: above it an output says yes; 0.5 by default. Several give an array.
        top_k: only the ``top_k`` largest outputs of a row may say yes; without
            thresholds they all do.
        class_id: look at this output alone.
        name: in the logs; by default the class in snake case.

    Source: https://keras.io/api/metrics/classification_metrics/

    >>> y_true, y_pred = jnp.array([[0.0], [1.0]]), jnp.array([[0.9], [0.8]])
    >>> float(Precision()(y_true, y_pred))
    0.5
    """

    counted = "precision"


class Recall(_Share):
    """The share of true targets whose output says yes.

    Args:
        name: in the logs; the others are those of `Precision`.

    Source: https://keras.io/api/metrics/classification_metrics/

    >>> y_true, y_pred = jnp.array([[1.0], [1.0]]), jnp.array([[0.9], [0.2]])
    >>> float(Recall()(y_true, y_pred))
    0.5
    """

    counted = "recall"


Share: TypeAlias = Annotated[
    float, Checked(check_fits, words="a number in [0, 1]", fits=is_share)
]


class _Best(AtThresholds):
    """The best of one share at any threshold where another is large enough.

    Which other one is the name of the first field.
    """

    num_thresholds: int

    @property
    def bounds(self) -> tuple[float, ...]:
        last = self.num_thresholds - 1
        return tuple(i / last for i in range(last + 1)) if last else (0.5,)

    def seen(self, y_pred: Array) -> Array:
        return jnp.clip(y_pred, 0.0, 1.0)

    def result(self, totals: Totals) -> Any:
        found = shares(totals)
        other = dataclasses.fields(self)[0].name  # type: ignore[arg-type]
        enough, wanted = found[other] >= getattr(self, other), found[self.counted]
        return numpy_of(wanted).where(enough, wanted, 0.0).max()


@dataclasses.dataclass(frozen=True, repr=False)
class PrecisionAtRecall(_Best):
    """The best precision at any threshold where the recall is at least ``recall``.

    It is 0 where no threshold gives that. Outputs below 0 count as 0, and those above
    1 as 1.

    Args:
        recall: the least recall, in [0, 1].
        num_thresholds: how many thresholds, evenly spaced from 0 to 1.
        class_id: look at this output alone.
        name: in the logs.

    >>> y_true = jnp.array([0.0, 0.0, 1.0, 1.0])
    >>> y_pred = jnp.array([0.1, 0.5, 0.3, 0.9])
    >>> float(PrecisionAtRecall(0.5)(y_true, y_pred))
    1.0
    """

    counted = "precision"

    recall: Share
    num_thresholds: Annotated[int, Checked(check_count)] = 200
    class_id: MaybeIndex = None
    name: str = "precision_at_recall"


@dataclasses.dataclass(frozen=True, repr=False)
class RecallAtPrecision(_Best):
    """The best recall at any threshold where the precision is at least ``precision``.

    Args:
        precision: the least precision, in [0, 1].
        num_thresholds: as of `PrecisionAtRecall`, and so are the others.
        class_id: look at this output alone.
        name: in the logs.

    >>> y_true = jnp.array([0.0, 0.0, 1.0, 1.0])
    >>> y_pred = jnp.array([0.1, 0.5, 0.3, 0.9])
    >>> float(RecallAtPrecision(0.5)(y_true, y_pred))
    1.0
    """

    counted = "recall"

    precision: Share
    num_thresholds: Annotated[int, Checked(check_count)] = 200
    class_id: MaybeIndex = None
    name: str = "recall_at_precision"


@dataclasses.dataclass(frozen=True, repr=False)
class SensitivityAtSpecificity(_Best):
    """The best sensitivity where the specificity is at least ``specificity``.

    Sensitivity is another word for recall; specificity is the share of false targets
    whose output says no.

    Args:
        specificity: the least specificity, in [0, 1].
        num_thresholds: as of `PrecisionAtRecall`, and so are the others.
        class_id: look at this output alone.
        name: in the logs.

    >>> y_true = jnp.array([0.0, 0.0, 1.0, 1.0])
    >>> y_pred = jnp.array([0.1, 0.5, 0.3, 0.9])
    >>> float(SensitivityAtSpecificity(0.5)(y_true, y_pred))
    1.0
    """

    counted = "sensitivity"

    specificity: Share
    num_thresholds: Annotated[int, Checked(check_count)] = 200
    class_id: MaybeIndex = None
    name: str = "sensitivity_at_specificity"


@dataclasses.dataclass(frozen=True, repr=False)
class SpecificityAtSensitivity(_Best):
    """The best specificity where the sensitivity is at least ``sensitivity``.

    See `SensitivityAtSpecificity`.

    Args:
        sensitivity: the least sensitivity, in [0, 1].
        num_thresholds: as of `PrecisionAtRecall`, and so are the others.
        class_id: look at this output alone.
        name: in the logs.

    >>> y_true = jnp.array([0.0, 0.0, 1.0, 1.0])
    >>> y_pred = jnp.array([0.1, 0.5, 0.3, 0.9])
    >>> float(SpecificityAtSensitivity(0.5)(y_true, y_pred))
    1.0
    """

    counted = "specificity"

    sensitivity: Share
    num_thresholds: Annotated[int, Checked(check_count)] = 200
    class_id: MaybeIndex = None
    name: str = "specificity_at_sensitivity"

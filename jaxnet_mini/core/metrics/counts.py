"""How many answers are right and wrong, yes and no.

Source: https://keras.io/api/metrics/classification_metrics/
"""

import dataclasses
from typing import Any

from jaxnet_mini.core.metrics.base import Totals
from jaxnet_mini.core.metrics.thresholds import (
    AtThresholds,
    Thresholds,
    bounds_of,
    check_thresholds,
    counts,
    freeze,
    in_order,
)


@dataclasses.dataclass(frozen=True, repr=False)
class _Count(AtThresholds):
    """What the four counts share."""

    thresholds: Thresholds = None
    name: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        freeze(self, "thresholds")
        check_thresholds(self, self.thresholds)

    @property
    def bounds(self) -> tuple[Any, ...]:
        return bounds_of(self.thresholds)


@dataclasses.dataclass(frozen=True, repr=False)
class TruePositives(_Count):
    """The weight of true targets whose output says yes.

    Args:
        thresholds: above it an output says yes; 0.5 by default. Several give an array.
        name: in the logs.

    >>> float(TruePositives()([[0.0], [1.0]], [[0.9], [0.8]]))
    1.0
    """

    name: str = "true_positives"

    def result(self, totals: Totals) -> Any:
        return in_order(counts(totals[0])[0], self.thresholds)


@dataclasses.dataclass(frozen=True, repr=False)
class FalsePositives(_Count):
    """The weight of false targets whose output says yes.

    Args:
        name: in the logs; ``thresholds`` are those of `TruePositives`.

    >>> FalsePositives([0.5, 0.95])([[0.0], [1.0]], [[0.9], [0.8]]).tolist()
    [1.0, 0.0]
    """

    name: str = "false_positives"

    def result(self, totals: Totals) -> Any:
        return in_order(counts(totals[1])[0], self.thresholds)


@dataclasses.dataclass(frozen=True, repr=False)
class TrueNegatives(_Count):
    """The weight of false targets whose output says no.

    Args:
        name: in the logs; ``thresholds`` are those of `TruePositives`.

    >>> float(TrueNegatives()([[0.0], [1.0]], [[0.2], [0.8]]))
    1.0
    """

    name: str = "true_negatives"

    def result(self, totals: Totals) -> Any:
        return in_order(counts(totals[1])[1], self.thresholds)


@dataclasses.dataclass(frozen=True, repr=False)
class FalseNegatives(_Count):
    """The weight of true targets whose output says no.

    Args:
        name: in the logs; ``thresholds`` are those of `TruePositives`.

    >>> float(FalseNegatives()([[0.0], [1.0]], [[0.2], [0.8]]))
    0.0
    """

    name: str = "false_negatives"

    def result(self, totals: Totals) -> Any:
        return in_order(counts(totals[0])[1], self.thresholds)

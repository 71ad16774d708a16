"""The best of one share at any threshold where another is large enough.

Source: https://keras.io/api/metrics/classification_metrics/
"""

import abc
import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core.losses.functions import aligned
from jaxnet_mini.core.metrics.base import Totals, numpy_of, over
from jaxnet_mini.core.metrics.thresholds import AtThresholds, check_integer, counts
from jaxnet_mini.core.types import Float
from jaxnet_mini.errors import ArgumentError


class _Best(AtThresholds):
    """What they share; the first argument is the share that must be reached."""

    num_thresholds: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self._least) or not 0.0 <= self._least <= 1.0:
            raise ArgumentError(
                f"{type(self).__name__}: {self._argument} must be a number in [0, 1], "
                f"not {self._least!r}."
            )
        check_integer(self, "num_thresholds", least=1)
        check_integer(self, "class_id", least=0, optional=True)

    @property
    def _argument(self) -> str:
        return dataclasses.fields(self)[0].name  # type: ignore[arg-type]

    @property
    def _least(self) -> Any:
        return getattr(self, self._argument)

    @property
    def bounds(self) -> tuple[float, ...]:
        last = self.num_thresholds - 1
        return tuple(i / last for i in range(last + 1)) if last else (0.5,)

    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, "batch ..."]
    ) -> Totals:
        y_true, y_pred = aligned(y_true, y_pred)
        return super().totals(y_true, jnp.clip(y_pred, 0.0, 1.0), weight)

    @abc.abstractmethod
    def _shares(self, tp: Any, fn: Any, fp: Any, tn: Any) -> tuple[Any, Any]:
        """Return the share that must be reached and the other, by threshold."""

    def result(self, totals: Totals) -> Any:
        (tp, fn), (fp, tn) = (counts(histogram) for histogram in totals)
        constrained, wanted = self._shares(tp, fn, fp, tn)
        xp = numpy_of(wanted)
        return xp.where(constrained >= self._least, wanted, 0.0).max()


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

    recall: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str = "precision_at_recall"

    def _shares(self, tp: Any, fn: Any, fp: Any, tn: Any) -> tuple[Any, Any]:
        return over(tp, tp + fn), over(tp, tp + fp)


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

    precision: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str = "recall_at_precision"

    def _shares(self, tp: Any, fn: Any, fp: Any, tn: Any) -> tuple[Any, Any]:
        return over(tp, tp + fp), over(tp, tp + fn)


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

    specificity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str = "sensitivity_at_specificity"

    def _shares(self, tp: Any, fn: Any, fp: Any, tn: Any) -> tuple[Any, Any]:
        return over(tn, tn + fp), over(tp, tp + fn)


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

    sensitivity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str = "specificity_at_sensitivity"

    def _shares(self, tp: Any, fn: Any, fp: Any, tn: Any) -> tuple[Any, Any]:
        return over(tp, tp + fn), over(tn, tn + fp)

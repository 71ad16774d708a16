"""Metrics whose sums are kept for each output of the network."""

import abc
import dataclasses

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.losses.functions import aligned
from jaxnet_mini.core.metrics.base import Metric, Totals, in_words, zeros
from jaxnet_mini.core.metrics.thresholds import check_integer, spread
from jaxnet_mini.core.types import Float
from jaxnet_mini.errors import ArgumentError, ShapeError


class ByOutput(Metric):
    """The base of such metrics: derive a dataclass with a field ``num_outputs``."""

    num_outputs: int | None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer(self, "num_outputs", least=1, optional=True)

    @property
    @abc.abstractmethod
    def number_of_sums(self) -> int:
        """How many sums there are for each output."""

    @abc.abstractmethod
    def summands(
        self, y_true: Array, y_pred: Array, weight: Array
    ) -> tuple[Array, ...]:
        """Return what is summed over the examples; all are ``(examples, outputs)``."""

    def for_outputs(self, outputs: int) -> Metric:
        if self.num_outputs is None:
            return dataclasses.replace(self, num_outputs=outputs)  # type: ignore[type-var]
        return self

    def zeros(self) -> Totals:
        if self.num_outputs is None:
            raise ArgumentError(
                f"{type(self).__name__}: the sums need num_outputs, the number of "
                "outputs: give it."
            )
        return zeros(self.number_of_sums, (self.num_outputs,))

    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, "batch ..."]
    ) -> Totals:
        y_true, y_pred = aligned(y_true, y_pred)
        weight = spread(weight, y_pred.shape)
        outputs = y_pred.shape[-1] if y_pred.ndim > 1 else 1
        if self.num_outputs not in (None, outputs):
            raise ShapeError(
                f"{in_words(self)}: num_outputs is {self.num_outputs} and y_pred "
                f"has shape {y_pred.shape}: give as many as the last layer has units."
            )
        rows = (
            array.astype(weight.dtype).reshape(-1, outputs)
            for array in (y_true, y_pred, weight)
        )
        return tuple(jnp.sum(summand, axis=0) for summand in self.summands(*rows))

"""Metrics in Keras's form: what a user's ``update_state`` does, from batch to batch.

Such a class is no sum of batches: what its variables become may be any function of what
they were. So they are carried on instead of added up. ``update_state`` and ``result``
run on a copy whose variables have the values that are carried, and the object itself
stays as it is.
"""

import dataclasses
import functools
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import inspection
from jaxnet_mini.core.metrics.base import Metric, Weight
from jaxnet_mini.core.metrics.by_hand import copied, counted
from jaxnet_mini.core.values import Value
from jaxnet_mini.core.variables import plain

Values: TypeAlias = Any
"""What a metric has counted, a list: the values of its variables, and the sums of those
that it holds and of the class of this library that it derives from."""


@dataclasses.dataclass(frozen=True, repr=False)
class Folded(Value):
    """A metric in Keras's form, as one that is asked for each batch.

    Rows that fill up a batch come to no ``update_state``: of such a batch the others
    come one by one.

    Args:
        metric: the user's object.
        name: in the logs.
    """

    metric: Any
    name: str
    default_name = ""  # the user's class has named it
    is_carried = True  # from batch to batch, and not added up

    def __repr__(self) -> str:
        return repr(self.metric)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.metric, name)  # its variables, and Keras's pure words

    def renamed(self, name: str) -> "Folded":
        """Return the same metric by another name."""
        return dataclasses.replace(self, name=name)

    def for_outputs(self, _: int) -> "Folded":
        """Return itself, whatever the number of outputs."""
        return self

    def zeros(self) -> Values:
        """Return what has been counted before the first batch."""
        copy = copied(self.metric)
        copy.reset_state()
        return counted(copy)

    def totals(self, y_true: Array, y_pred: Array, weight: Weight) -> Values:
        """Return what has been counted after one batch alone."""
        return self.fold(y_true, y_pred, weight, None)

    def fold(
        self, y_true: Any, y_pred: Any, weight: Any, mask: Any, values: Values = None
    ) -> Values:
        """Return what has been counted after one more batch.

        Args:
            y_true: targets.
            y_pred: outputs.
            weight: of the rows, ``(batch,)``; None for none.
            mask: ``(batch,)``, 0 for padding; None where there is none.
            values: what has been counted before; None for nothing.
        """
        values = self.zeros() if values is None else self._typed(values)
        batch = y_true, y_pred, weight
        at_once = functools.partial(self._updated, batch)
        if mask is None:
            return at_once(values)
        real = mask.astype(bool)

        def one(row: Array, values: Values) -> Values:
            rows = jax.tree.map(
                lambda of_all: jax.lax.dynamic_slice_in_dim(of_all, row, 1), batch
            )
            update = functools.partial(self._updated, rows)
            return jax.lax.cond(real[row], update, lambda values: values, values)

        one_by_one = functools.partial(jax.lax.fori_loop, 0, len(real), one)
        return jax.lax.cond(jnp.all(real), at_once, one_by_one, values)

    def _typed(self, values: Values) -> Values:
        return counted(copied(self.metric, values))

    def _updated(self, batch: tuple[Any, Any, Any], values: Values) -> Values:
        copy = copied(self.metric, values)
        y_true, y_pred, weight = batch
        kind: Any = type(self.metric)
        taken = inspection.parameters_of(kind, "update_state")
        named = {"sample_weight": weight} if "sample_weight" in taken else {}
        copy.update_state(y_true, y_pred, **named)
        return counted(copy)

    def result(self, totals: Values) -> Any:
        """Return what the user's ``result`` makes of what has been counted."""
        result = copied(self.metric, totals).result()
        return jax.tree.map(plain, result)


def folded(metric: Metric) -> Any:
    """Return a metric as a trainer takes it, of one in Keras's form a `Folded`."""
    in_keras_form = "update_state" in inspection.defined_in(type(metric))
    return Folded(metric, metric.name) if in_keras_form else metric

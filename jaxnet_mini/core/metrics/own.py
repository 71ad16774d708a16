"""Metrics in Keras's form: what a user's ``update_state`` does, from batch to batch.

Such a class is no sum of batches: what its variables become may be any function of what
they were. So they are carried on instead of added up. ``update_state`` and ``result``
run on a copy whose variables have the values that are carried, and the object itself
stays as it is.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import inspection
from jaxnet_mini.core.metrics.base import Metric, Totals
from jaxnet_mini.core.metrics.by_hand import SO_FAR, ByHand
from jaxnet_mini.core.types import Float
from jaxnet_mini.core.values import MADE_OF, Value
from jaxnet_mini.core.variables import Variable, plain

Values = dict[str, Any]
"""What a metric has counted: ``own``, its variables by name; ``so_far``, the sums of
the class of this library that it derives from; ``parts``, of the metrics it holds."""


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

    def __repr__(self) -> str:
        return repr(self.metric)

    def renamed(self, name: str) -> "Folded":
        """Return the same metric by another name."""
        return dataclasses.replace(self, name=name)

    def for_outputs(self, _: int) -> "Folded":
        """Return itself, whatever the number of outputs."""
        return self

    def zeros(self) -> Values:
        """Return what has been counted before the first batch."""
        copy = _copied(self.metric, _first(self.metric))
        copy.reset_state()
        return _counted(copy)

    def totals(
        self, y_true: Array, y_pred: Array, weight: Float[Array, "batch ..."]
    ) -> Totals:
        """Return what has been counted after one batch alone."""
        return self.fold(self.zeros(), Seen(self, y_true, y_pred, weight, None))

    def fold(self, values: Values, seen: "Seen") -> Values:
        """Return what has been counted after one more batch."""
        values = _typed(self.metric, values)
        y_true, y_pred, weight, mask = seen.y_true, seen.y_pred, seen.weight, seen.mask

        def at_once(values: Values) -> Values:
            return self._updated(values, y_true, y_pred, weight)

        if mask is None:
            return at_once(values)
        real = mask.astype(bool)

        def one(row: Array, values: Values) -> Values:
            parts = jax.tree.map(
                lambda of_all: jax.lax.dynamic_slice_in_dim(of_all, row, 1),
                (y_true, y_pred, weight),
            )
            after: Values = jax.lax.cond(
                real[row],
                lambda values: self._updated(values, *parts),
                lambda values: values,
                values,
            )
            return after

        def one_by_one(values: Values) -> Values:
            after: Values = jax.lax.fori_loop(0, len(real), one, values)
            return after

        after: Values = jax.lax.cond(jnp.all(real), at_once, one_by_one, values)
        return after

    def _updated(self, values: Values, y_true: Any, y_pred: Any, weight: Any) -> Values:
        copy = _copied(self.metric, values)
        kind: Any = type(self.metric)
        taken = inspection.parameters_of(kind, "update_state")
        named = {"sample_weight": weight} if "sample_weight" in taken else {}
        copy.update_state(y_true, y_pred, **named)
        return _counted(copy)

    def result(self, totals: Values) -> Any:
        """Return what the user's ``result`` makes of what has been counted."""
        return _copied(self.metric, _typed(self.metric, totals)).result()


@jax.tree_util.register_pytree_node_class
@dataclasses.dataclass(frozen=True)
class Seen:
    """A batch that a metric is still to be asked for.

    Attributes:
        metric: which.
        y_true: targets.
        y_pred: outputs.
        weight: of the rows, ``(batch,)``; None for none.
        mask: ``(batch,)``, 0 for padding; None where there is none.
    """

    metric: Folded
    y_true: Any
    y_pred: Any
    weight: Any
    mask: Any

    def tree_flatten(self) -> tuple[tuple[Any, ...], Folded]:
        """Return the arrays, and the metric."""
        return (self.y_true, self.y_pred, self.weight, self.mask), self.metric

    @classmethod
    def tree_unflatten(cls, metric: Folded, arrays: Any) -> "Seen":
        """Put together what `tree_flatten` took apart."""
        return cls(metric, *arrays)


def folded(metric: Metric) -> Any:
    """Return a metric as a trainer takes it, of one in Keras's form a `Folded`."""
    in_keras_form = is_in_keras_form(type(metric))
    return Folded(metric, metric.name) if in_keras_form else metric


def is_in_keras_form(kind: type) -> bool:
    """Tell whether a class has an ``update_state`` of a user's own."""
    return "update_state" in inspection.defined_in(kind)


def _held(metric: Any) -> dict[str, Any]:
    kept = (SO_FAR, "_values", "_value_key")
    return {n: v for n, v in vars(metric).items() if n not in kept}


def _within(value: Any, function: Any) -> Any:
    """Return what a function makes of metrics and variables in an attribute."""
    if isinstance(value, ByHand | Variable):
        return function(value)
    if type(value) in (list, tuple):
        return type(value)(_within(entry, function) for entry in value)
    if type(value) is dict:
        return {name: _within(entry, function) for name, entry in value.items()}
    return value


def _parts(metric: Any) -> tuple[list[Variable], list[Any]]:
    """Return the variables of a metric, and the metrics that it holds, each once."""
    found: dict[int, Any] = {}
    for name, value in _held(metric).items():
        if name != MADE_OF:
            _within(value, lambda one: found.setdefault(id(one), one))
    variables = [one for one in found.values() if isinstance(one, Variable)]
    return variables, [one for one in found.values() if isinstance(one, ByHand)]


def _first(metric: Any) -> Values:
    variables, parts = _parts(metric)
    key = jax.random.key(0)
    return {
        "own": {variable.name: variable.spec.first(key) for variable in variables},
        "so_far": metric.zeros(),
        "parts": [_first(part) for part in parts],
    }


def _typed(metric: Any, values: Values) -> Values:
    """Return values as arrays of the dtypes that they have as variables."""
    variables, parts = _parts(metric)
    own = values["own"]
    return {
        "own": {v.name: jnp.asarray(own[v.name]).astype(v.dtype) for v in variables},
        "so_far": jax.tree.map(
            lambda leaf: jnp.asarray(leaf, jax.dtypes.canonicalize_dtype(float)),
            values["so_far"],
        ),
        "parts": [_typed(*pair) for pair in zip(parts, values["parts"], strict=True)],
    }


def _copied(metric: Any, values: Values) -> Any:
    """Return a copy of a metric whose variables have these values."""
    copy = object.__new__(type(metric))
    own = dict(values["own"])
    _, parts = _parts(metric)
    of_part = {
        id(part): _copied(part, inner)
        for part, inner in zip(parts, values["parts"], strict=True)
    }

    def put(one: Any) -> Any:
        if isinstance(one, Variable):
            return Variable(one.spec, own, one.owner)
        return of_part.get(id(one), one)

    vars(copy).update({n: _within(v, put) for n, v in _held(metric).items()})
    vars(copy)[SO_FAR] = values["so_far"]
    return copy


def _counted(copy: Any) -> Values:
    """Return what a copy has counted."""
    variables, parts = _parts(copy)
    return {
        "own": {variable.name: jnp.asarray(plain(variable)) for variable in variables},
        "so_far": copy._so_far,
        "parts": [_counted(part) for part in parts],
    }

"""Metrics that are used by hand: counted batch after batch, or by Keras's pure words.

What one has counted stands beside what it is. It is taken from a metric and given to a
copy of it, so that ``update_state`` and ``result`` of any class are pure functions.
"""

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.values import held, mapped
from jaxnet_mini.core.variables import ValueLike, Variable, plain, taken_over
from jaxnet_mini.errors import ArgumentError

SO_FAR = "_so_far"
"""Where the sums are kept."""


class ByHand:
    """What lets a metric be used by hand, as in Keras; ``totals`` makes the sums.

    A metric is a frozen value, and nothing else here changes one. What it has counted
    by hand stands beside what it is: it is compared, copied, written and compiled
    without.
    """

    zeros: Callable[[], Any]
    totals: Callable[..., Any]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        own = vars(cls).get("result")
        if inspect.isfunction(own) and len(inspect.signature(own).parameters) == 2:
            setattr(cls, "result", _of_what_was_counted(own))  # noqa: B010

    @functools.cached_property
    def _so_far(self) -> Any:  # which what compares and copies values passes over
        return self.zeros()

    def update_state(self, *batch: Any, **named: Any) -> None:
        """Count one more batch, for `result`.

        Args:
            batch: what the metric takes when it is called.
            named: likewise, such as ``sample_weight``.
        """
        self._count(self._counted(*batch, **named))

    def _count(self, new: Any) -> None:
        before = vars(self).get(SO_FAR)
        more = new if before is None else jax.tree.map(jnp.add, before, new)
        vars(self)[SO_FAR] = more

    def _called(self, *batch: Any, **named: Any) -> Any:
        """Count one more batch, and return the metric of all that was counted.

        What JAX traces is not to be kept: there it is that of the batch alone.
        """
        own: Any = self
        if type(own).update_state is not ByHand.update_state:  # a user's
            own = copied(self) if _is_traced((batch, named, jnp.zeros(()))) else self
            own.update_state(*batch, **named)
            return own.result()
        new = self._counted(*batch, **named)
        if _is_traced(new):
            return own.result(new)
        self._count(new)
        return own.result()

    def reset_state(self) -> None:
        """Forget what was counted by `update_state`."""
        vars(self).pop(SO_FAR, None)

    def _counted(self, *batch: Any, **named: Any) -> Any:
        """Return the sums of a batch that is given by hand."""
        return self.totals(*batch, **named)

    @property
    def variables(self) -> list[ValueLike]:
        """What it counts in, of arrays that can be read and assigned to.

        First come those of `Metric.add_variable` by their names, then sums.
        """
        found: list[ValueLike] = []
        for part in _parts(self):
            if isinstance(part, Variable):
                found.append(part)
            else:
                leaves = jax.tree.leaves(part._so_far)
                found += [Counted(part, index) for index in range(len(leaves))]
        return found

    def stateless_update_state(
        self, metric_variables: Sequence[Any], *batch: Any, **named: Any
    ) -> list[Array]:
        """Return what the variables are after one more batch; nothing changes here.

        Args:
            metric_variables: what they are before, in the order of `variables`.
            batch: as for `update_state`.
            named: likewise.

        Raises:
            ArgumentError: there are more or fewer of them.

        >>> from jaxnet_mini.metrics import Mean
        >>> mean = Mean()
        >>> counted = mean.stateless_update_state(mean.stateless_reset_state(), 3.0)
        >>> float(mean.stateless_result(counted)), float(mean.result())
        (3.0, 0.0)
        """
        other = copied(self, self._of_list(metric_variables))
        other.update_state(*batch, **named)
        return jax.tree.leaves(counted(other))

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the metric of what the variables are, see `stateless_update_state`."""
        return copied(self, self._of_list(metric_variables)).result()

    def stateless_reset_state(self) -> list[Array]:
        """Return what the variables are before the first batch."""
        other = copied(self)
        other.reset_state()
        return jax.tree.leaves(counted(other))

    def _of_list(self, metric_variables: Sequence[Any]) -> Any:
        own = jax.eval_shape(lambda: counted(copied(self)))
        structure: Any = jax.tree.structure(own)
        if len(metric_variables) != structure.num_leaves:
            raise ArgumentError(
                f"{type(self).__name__} has {structure.num_leaves} variables and was "
                f"given {len(metric_variables)}: start from its stateless_reset_state()"
                " or variables."
            )
        return jax.tree.unflatten(structure, map(plain, metric_variables))


def _is_traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


class Counted(ValueLike):
    """One array of the sums that a metric has counted by hand.

    Args:
        metric: whose.
        index: among them.
    """

    def __init__(self, metric: ByHand, index: int) -> None:
        self.metric, self.index = metric, index

    @property
    def value(self) -> Array:
        """The array."""
        array: Array = jnp.asarray(jax.tree.leaves(self.metric._so_far)[self.index])
        return array

    shape = property(lambda self: self.value.shape, doc="Its shape.")
    dtype = property(lambda self: self.value.dtype, doc="Its dtype.")

    def assign(self, value: Any) -> Array:
        """Put another value in its place, of the same shape; return it.

        Raises:
            ArgumentError: it has another shape.
        """
        leaves, structure = jax.tree.flatten(self.metric._so_far)
        array = taken_over(value).astype(self.dtype)
        if array.shape != self.shape:
            raise ArgumentError(
                f"a variable of {type(self.metric).__name__} has the shape "
                f"{self.shape} and was given {array.shape}: keep its shape."
            )
        leaves[self.index] = array
        vars(self.metric)[SO_FAR] = jax.tree.unflatten(structure, leaves)
        return array


# So functions that JAX compiles take one, as the array that it stands for.
jax.tree_util.register_pytree_node(
    Counted, lambda own: ((own.value,), None), lambda _, values: values[0]
)


def _of_what_was_counted(result: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method ``result`` that may be called without sums."""

    @functools.wraps(result)
    def called(self: Any, totals: Any = None) -> Any:
        if totals is None:
            return jnp.asarray(result(self, self._so_far))
        return result(self, totals)

    return called


def _mapped(metric: Any, function: Callable[[Any], Any]) -> dict[str, Any]:
    """Return attributes, with what a function makes of metrics and variables there."""

    def own(value: Any) -> Any:
        return function(value) if isinstance(value, ByHand | Variable) else value

    found: dict[str, Any] = mapped(held(metric), own)
    return found


def _parts(metric: Any) -> list[Any]:
    """Return the variables of a metric by their names, and all metrics, each once."""
    parts = [metric]

    def note(one: Any) -> Any:
        if all(one is not part for part in parts):
            parts.append(one)
        return one

    for part in parts:  # more and more of them
        if isinstance(part, ByHand):
            _mapped(part, note)
    variables = [part for part in parts if isinstance(part, Variable)]
    metrics = [part for part in parts if isinstance(part, ByHand)]
    return [*sorted(variables, key=lambda variable: variable.name), *metrics]


def copied(metric: Any, values: Any = None) -> Any:
    """Return a copy of a metric that has counted these values, None for nothing."""
    copies: dict[int, Any] = {}
    parts = _parts(metric)
    for part, value in zip(parts, values or map(_first, parts), strict=True):
        if isinstance(part, Variable):
            own = {part.name: jnp.asarray(value).astype(part.dtype)}
            copies[id(part)] = Variable(part.spec, own, part.owner)
        else:
            copies[id(part)] = copy.copy(part)
            vars(copies[id(part)])[SO_FAR] = jax.tree.map(_as_float, value)
    for part in parts:
        if isinstance(part, ByHand):
            own = _mapped(part, lambda one: copies[id(one)])
            vars(copies[id(part)]).update(own)
    return copies[id(metric)]


def _first(part: Any) -> Any:
    """Return what a variable or a metric begins with."""
    if isinstance(part, Variable):
        return part.spec.first(jax.random.key(0))
    return part.zeros()


def _as_float(leaf: Any) -> Array:
    return jnp.asarray(leaf, jax.dtypes.canonicalize_dtype(float))


def counted(copy: Any) -> Any:
    """Return what a copy has counted."""
    return [
        jnp.asarray(plain(part)) if isinstance(part, Variable) else part._so_far
        for part in _parts(copy)
    ]

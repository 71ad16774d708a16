"""Sums of loss and metrics over many batches, and how far a loop is."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import Partial

from jaxnet_mini.core import metrics
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.types import Bool, Int, Shape


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["total", "lost"],
    meta_fields=["structure", "shapes"],
)
@dataclasses.dataclass(frozen=True)
class Sums:
    """Sums of loss and metrics over many batches, and what rounding has lost of them.

    Compensated summation (Kahan 1965) keeps the sums of an epoch exact to the last
    digits, and the same to the bit however the epoch is cut into pieces. All numbers
    stand in one vector: a step adds them at once, and one array comes to the host.

    Args:
        total: all sums, one after the other, ``(numbers,)``.
        lost: what is to be taken off them, ``(numbers,)``.
        structure: how they hang together, see `value`.
        shapes: of the arrays within it.
    """

    total: Any
    lost: Any
    structure: Any
    shapes: tuple[Shape, ...]

    @classmethod
    def zeros(cls, like: dict[str, Any]) -> "Sums":
        """Return sums of nothing, on the host, of the structure and shapes given."""
        leaves, structure = jax.tree.flatten(like)
        shapes = tuple(tuple(leaf.shape) for leaf in leaves)
        numbers = sum(map(math.prod, shapes))
        zeros = np.zeros(numbers, jax.dtypes.canonicalize_dtype(float))
        return cls(zeros, zeros, structure, shapes)

    @classmethod
    def of_nothing(cls, losses: Sequence[str], asked: Sequence[Any]) -> "Sums":
        """Return the sums of loss and metrics of no batch, on the host.

        Args:
            losses: what each is called.
            asked: the metrics.
        """

        def zeros() -> dict[str, Any]:
            own = {metric.name: metric.zeros() for metric in asked}
            return {name: metrics.zeros(2) for name in losses} | own

        sums = cls.zeros(jax.eval_shape(zeros))
        carried = [metric for metric in asked if getattr(metric, "is_carried", False)]
        if carried:
            with jax.ensure_compile_time_eval():
                first = {m.name: jax.device_get(m.zeros()) for m in carried}
            begun = map(np.ravel, jax.tree.leaves(sums.value() | first))
            total = np.concatenate(list(begun)).astype(sums.lost.dtype)
            sums = dataclasses.replace(sums, total=total)
        return sums

    def add(self, new: dict[str, Any]) -> "Sums":
        """Return the sums with those of one more batch."""
        dtype = self.total.dtype
        carried = {name for name, entry in new.items() if isinstance(entry, Partial)}
        if carried:
            before = self._value()
            new = new | {name: new[name](before[name]) for name in carried}
        leaves = [jnp.ravel(leaf).astype(dtype) for leaf in jax.tree.leaves(new)]
        plus = _in_one(leaves) - self.lost
        total = self.total + plus
        # Of an infinite sum nothing is lost, and infinity less itself is NaN.
        lost = jnp.where(jnp.isfinite(total), (total - self.total) - plus, 0.0)
        if carried:
            entries = jax.tree_util.tree_leaves_with_path(new)
            kept = np.concatenate(
                [np.full(leaf.size, path[0].key in carried) for path, leaf in entries]
            )
            total = jnp.where(kept, jnp.concatenate(leaves), total)
            lost = jnp.where(kept, 0.0, lost)
        return dataclasses.replace(self, total=total, lost=lost)

    def value(self) -> dict[str, Any]:
        """Return the sums by name: on the host in float64, within a program by JAX."""
        if isinstance(self.total, jax.core.Tracer):
            return self._value()
        total, lost = jax.device_get((self.total, self.lost))
        value = np.asarray(total, np.float64) - np.asarray(lost, np.float64)
        return self._by_name(value)

    def _value(self) -> dict[str, Any]:
        return self._by_name(self.total - self.lost)

    def _by_name(self, value: Any) -> dict[str, Any]:
        leaves, start = [], 0
        for shape in self.shapes:
            end = start + math.prod(shape)
            leaves.append(value[start:end].reshape(shape))
            start = end
        named: dict[str, Any] = jax.tree.unflatten(self.structure, leaves)
        return named


def _in_one(vectors: list[Array]) -> Array:
    """Return all numbers in one vector; what is one number is chosen by its place.

    On a GPU whatever follows a concatenation is computed by itself.
    """
    if any(vector.size > 1 for vector in vectors):
        return jnp.concatenate(vectors)
    # The host's: what picks a place is then a constant, and nothing to be computed.
    places = np.arange(len(vectors))
    chosen = jnp.broadcast_to(vectors[-1], places.shape)
    for place, vector in enumerate(vectors[:-1]):
        chosen = jnp.where(places == place, vector[0], chosen)
    return chosen


def finished(totals: "dict[str, Any] | Sums") -> dict[str, Any]:
    """Return the sums of one batch or of many by name, all metrics asked."""
    if isinstance(totals, Sums):
        return totals.value()
    return {
        name: entry() if isinstance(entry, Partial) else entry
        for name, entry in totals.items()
    }


def results_of(asked: Sequence[Any], totals: dict[str, Any]) -> dict[str, Any]:
    """Return what metrics make of their sums, by name.

    Of several results in a dictionary each goes by its own name, as in Keras.
    """
    found: dict[str, Any] = {}
    for metric in asked:
        result = metric.result(totals[metric.name])
        found |= result if isinstance(result, Mapping) else {metric.name: result}
    return found


class Progress(NamedTuple):
    """What a loop returns.

    ``failed`` is the index of the first step whose loss was not finite, where the loop
    ended at once and ``state`` is of no use; -1 where all went well. ``finite`` tells
    whether all parameters, and all that layers remember, are finite.
    """

    state: TrainState
    sums: Sums
    failed: Int[Array, ""]
    finite: Bool[Array, ""]

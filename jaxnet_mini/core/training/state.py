"""The pytrees of training: what goes from step to step, and what goes into one."""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.types import Bool, Int, Params, RandomKey, Shape, State, Variables
from jaxnet_mini.errors import ArgumentError, short


class TrainState(NamedTuple):
    """All that changes during training, a pytree.

    ``key`` stays the same: step ``n`` draws from ``jax.random.fold_in(key, n)``.
    ``layer_state`` is what layers remember, by name; ``{}`` where none does.
    """

    params: Params
    optimizer_state: Any
    key: RandomKey
    step: Int[Array, ""]
    layer_state: State = {}  # noqa: RUF012  (never changed)

    @property
    def variables(self) -> Variables:
        """What the network computes with."""
        return Variables(self.params, self.layer_state)

    def with_variables(self, variables: Variables) -> "TrainState":
        """Return the same with other parameters and another state of the layers."""
        return self._replace(params=variables.params, layer_state=variables.state)


class Batch(NamedTuple):
    """Examples of one step; a plain tuple ``(x, y)`` will do as well.

    ``weight`` multiplies the loss of an example, as ``sample_weight`` does in Keras;
    ``mask`` is 1 for an example and 0 for padding, which counts nowhere. Both are one
    number a row, ``(batch,)`` or ``(batch, 1)``.
    """

    x: Any
    y: Any
    weight: Any = None
    mask: Array | None = None

    @classmethod
    def of(cls, batch: Any) -> "Batch":
        """Return a batch that is given as one or as a tuple.

        Raises:
            ArgumentError: it is neither, or holds something else than arrays.
        """
        if not isinstance(batch, tuple | list) or not 2 <= len(batch) <= 4:
            raise ArgumentError(
                "a batch is a tuple (x, y) or (x, y, weight), with None for y where "
                f"nothing is compared, not {short(batch)}."
            )
        made = cls(*batch)
        for name, arrays in (("x", made.x), ("y", made.y)):
            for leaf in jax.tree.leaves(arrays):
                if not getattr(leaf, "ndim", 0):
                    raise ArgumentError(
                        f"{name} of a batch must be an array with a row for each "
                        "example, or a tuple or dictionary of such arrays, and holds "
                        f"{short(leaf)}: give jnp.asarray({name})."
                    )
        return made


MOST_TOGETHER = 2**20
"""Of more numbers an array is looked at by itself: it may be split over devices."""


def all_finite(tree: Any) -> Bool[Array, ""]:
    """Return whether all numbers of a tree are finite."""
    finite = [jnp.isfinite(leaf) for leaf in jax.tree.leaves(tree)]
    if not finite:
        return jnp.array(True)
    parts = [x if x.size <= MOST_TOGETHER else jnp.all(x) for x in finite]
    # In one vector, and kept so: each leaf by itself would be two or three kernels.
    together = jnp.concatenate([jnp.ravel(part) for part in parts])
    return jnp.all(jax.lax.optimization_barrier(together))


NO_ROW = -1
"""What an order holds where a batch has no row: padding, which counts nowhere."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FlatRows:
    """Rows one after another in a flat array, from ``start`` on, each of shape ``row``.

    >>> rows = FlatRows(jnp.arange(7), start=1, row=(3,))
    >>> rows.take(jnp.array([1, 0]))
    Array([[4, 5, 6],
           [1, 2, 3]], dtype=int32)
    """

    flat: Any
    start: int = dataclasses.field(metadata={"static": True})
    row: Shape = dataclasses.field(metadata={"static": True})

    def take(self, rows: Int[Array, " batch"]) -> Array:
        """Return some of the rows, all of which there must be."""
        size = math.prod(self.row)
        taken = jax.lax.gather(
            self.flat,
            (self.start + rows * size)[:, None],
            jax.lax.GatherDimensionNumbers((1,), (), (0,)),
            (size,),
            mode="promise_in_bounds",
        )
        return taken.reshape(-1, *self.row)


class Data(NamedTuple):
    """Examples as the loops take them, a pytree of arrays on the host or the device.

    ``x`` is ``(rows, ...)`` as a whole, or `FlatRows` of them, or ``(steps, batch,
    ...)`` stacked as batches, of several inputs a tree of such arrays; ``y`` and
    ``weight`` likewise or None. Only the first ``rows`` examples count, an ``int32``;
    the others are padding.
    """

    x: Any
    y: Any
    weight: Any
    rows: Any


def length(arrays: Any) -> int:
    """Return how many rows an array has, or several arrays that have as many."""
    return len(jax.tree.leaves(arrays)[0])


def batch_of(data: Data, rows: Int[Array, " batch"]) -> Batch:
    """Return the examples of some rows, of which `NO_ROW` is padding."""
    # Padding computes with a real row, so that it is never NaN by itself.
    mask, rows = rows >= 0, jnp.maximum(rows, 0)

    def gather(array: Array | FlatRows) -> Array:
        if isinstance(array, FlatRows):
            return array.take(rows)
        return jnp.asarray(array).at[rows].get(mode="promise_in_bounds")

    x, y, weight = jax.tree.map(
        gather,
        (data.x, data.y, data.weight),
        is_leaf=lambda array: isinstance(array, FlatRows),
    )
    return Batch(x, y, weight, mask)

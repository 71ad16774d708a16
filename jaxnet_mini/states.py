"""The pytrees of training: what goes from step to step, and what goes into one."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.types import Bool, Int, Params, RandomKey


class TrainState(NamedTuple):
    """All that changes during training, a pytree.

    ``key`` stays the same: step ``n`` draws from ``jax.random.fold_in(key, n)``.
    """

    params: Params
    optimizer_state: Any
    key: RandomKey
    step: Int[Array, ""]


class Batch(NamedTuple):
    """Examples of one step; a plain tuple ``(x, y)`` will do as well.

    ``weight`` multiplies the loss of an example, as ``sample_weight`` does in Keras;
    ``mask`` is 1 for an example and 0 for padding, which counts nowhere.
    """

    x: Array
    y: Array
    weight: Array | None = None
    mask: Array | None = None


class Sums(NamedTuple):
    """Sums of loss and metrics over many batches, and what rounding has lost of them.

    Compensated summation (Kahan 1965) keeps the sums of an epoch exact to the last
    digits, and the same to the bit however the epoch is cut into pieces.
    """

    total: dict[str, Any]
    lost: dict[str, Any]

    def add(self, new: dict[str, Any]) -> "Sums":
        """Return the sums with those of one more batch."""
        new = jax.tree.map(lambda s, n: n.astype(s.dtype), self.total, new)
        new = jax.tree.map(jnp.subtract, new, self.lost)
        total = jax.tree.map(jnp.add, self.total, new)
        # Of an infinite sum nothing is lost, and infinity less itself is NaN.
        lost = jax.tree.map(
            lambda t, s, n: jnp.where(jnp.isfinite(t), (t - s) - n, 0.0),
            total,
            self.total,
            new,
        )
        return Sums(total, lost)

    def value(self) -> dict[str, Any]:
        """Return the sums on the host in float64."""
        total, lost = jax.device_get((self.total, self.lost))
        value: dict[str, Any] = jax.tree.map(
            lambda t, r: np.asarray(t, np.float64) - np.asarray(r, np.float64),
            total,
            lost,
        )
        return value


class Progress(NamedTuple):
    """What a loop returns.

    ``failed`` is the index of the first step whose loss was not finite, where the loop
    ended at once and ``state`` is of no use; -1 where all went well. ``finite`` tells
    for each parameter, in the order of ``jax.tree.leaves``, if all of it is finite.
    """

    state: TrainState
    sums: Sums
    failed: Int[Array, ""]
    finite: Bool[Array, " leaves"]

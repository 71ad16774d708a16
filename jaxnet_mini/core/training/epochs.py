"""Several epochs in one program, where nobody looks in between."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.training.state import Data, TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Bool, Int


class Epochs(NamedTuple):
    """What several epochs return.

    Args:
        state: after the last of them.
        sums: of each, ``(epochs, numbers)``.
        whole: whether loss and weights of each were finite; otherwise the others are
            of no use.
    """

    state: TrainState
    sums: Sums
    whole: Bool[Array, " epochs"]

    def sums_of(self, epoch: int) -> Sums:
        """Return the sums of one of the epochs."""
        own = {"total": self.sums.total[epoch], "lost": self.sums.lost[epoch]}
        return dataclasses.replace(self.sums, **own)


def loop(
    trainer: Trainer,
    state: TrainState,
    data: Data,
    orders: Int[Array, "epochs steps batch"],
    steps: Int[Array, ""] | int,
    count: Int[Array, ""] | int,
) -> Epochs:
    """Take the first ``count`` epochs of ``orders``, one after another.

    Args:
        trainer: this and the following as `Trainer.loop` takes them.
        state: where to start.
        data: the examples, on the device.
        orders: which row goes where, in each epoch.
        steps: how many steps each has; the rest of an order is padding. May be traced.
        count: how many epochs; the rest of the orders is padding. May be traced.
    """
    none = trainer.no_sums()

    def stacked(vector: Any) -> Array:
        return jnp.zeros((orders.shape[0], *vector.shape), vector.dtype)

    def take_epoch(index: Array, before: Epochs) -> Epochs:
        after = trainer.loop(before.state, data, orders[index], 0, steps, none)
        sums = jax.tree.map(
            lambda all_, own: all_.at[index].set(own), before.sums, after.sums
        )
        whole = (after.failed < 0) & after.finite
        return Epochs(after.state, sums, before.whole.at[index].set(whole))

    start = Epochs(
        state, jax.tree.map(stacked, none), jnp.zeros(orders.shape[0], jnp.bool_)
    )
    result: Epochs = jax.lax.fori_loop(0, count, take_epoch, start)
    return result

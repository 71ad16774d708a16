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


class Passes(NamedTuple):
    """Epochs to take, one after another.

    Args:
        orders: which row goes where in each, ``(epochs, steps, batch)``.
        steps: how many steps each has; the rest of an order is padding. May be traced.
        epochs: how many; the rest of the orders is padding. May be traced.
    """

    orders: Any
    steps: Int[Array, ""] | int
    epochs: Int[Array, ""] | int


class HeldOut(NamedTuple):
    """What to evaluate on after epochs.

    Args:
        batches: examples, ``(steps, batch, ...)``.
        last: the batch before which to stop.
        due: after which epochs, ``(epochs,)``.
    """

    batches: Data
    last: Int[Array, ""] | int
    due: Any


class Epochs(NamedTuple):
    """What several epochs return.

    Args:
        state: after the last of them.
        sums: of each, ``(epochs, numbers)``.
        held_out: of the evaluation after each, of nothing where none was due; or None.
        whole: whether loss and weights of each were finite; otherwise the others are
            of no use.
    """

    state: TrainState
    sums: Sums
    held_out: Sums | None
    whole: Bool[Array, " epochs"]


def sums_of(epochs: Sums, index: int) -> Sums:
    """Return the sums of one of several epochs."""
    own = {"total": epochs.total[index], "lost": epochs.lost[index]}
    return dataclasses.replace(epochs, **own)


def loop(
    trainer: Trainer,
    state: TrainState,
    data: Data,
    passes: Passes,
    held_out: HeldOut | None = None,
) -> Epochs:
    """Take epochs, one after another.

    Args:
        trainer: this and the following as `Trainer.loop` takes them.
        state: where to start.
        data: the examples, on the device.
        passes: the epochs.
        held_out: what to evaluate on after them, if anything.
    """
    none, untested = trainer.no_sums(), trainer.no_sums(training=False)
    orders, steps = jnp.asarray(passes.orders), passes.steps

    def tested(state: TrainState, held_out: HeldOut, index: Array) -> Sums:
        last = jnp.where(held_out.due[index], held_out.last, 0)
        return trainer.evaluate(state.variables, held_out.batches, 0, last, untested)

    def take_epoch(index: Array, before: Epochs) -> Epochs:
        after = trainer.loop(before.state, data, orders[index], 0, steps, none)
        others = before.held_out
        if held_out is not None:
            others = put(others, tested(after.state, held_out, index), index)
        whole = (after.failed < 0) & after.finite
        sums = put(before.sums, after.sums, index)
        return Epochs(after.state, sums, others, before.whole.at[index].set(whole))

    def zeros(sums: Sums) -> Any:
        return jax.tree.map(lambda v: jnp.zeros((len(orders), *v.shape), v.dtype), sums)

    def put(all_: Any, own: Any, index: Array) -> Any:
        return jax.tree.map(lambda all_, own: all_.at[index].set(own), all_, own)

    whole = jnp.zeros(len(orders), jnp.bool_)
    others = None if held_out is None else zeros(untested)
    start = Epochs(state, zeros(none), others, whole)
    result: Epochs = jax.lax.fori_loop(0, passes.epochs, take_epoch, start)
    return result

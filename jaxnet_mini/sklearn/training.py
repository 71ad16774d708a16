"""One fit of an estimator: what it starts from, and its epochs in the compiled loop."""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import interrupts
from jaxnet_mini.core.optimizers.rates import set_learning_rate
from jaxnet_mini.core.training.state import NO_ROW, Data, TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.transformations import init
from jaxnet_mini.data import epoch_order, resident
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.devices import forks, threads, transfers
from jaxnet_mini.devices.threads import Step
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.steps import QUIET_SECONDS, Pace, run_steps
from jaxnet_mini.sklearn.ridge import Ridge


@dataclasses.dataclass
class Run:
    """One fit on its way.

    Args:
        trainer: what is learned.
        state: parameters and optimizer, the last whole ones while it trains.
        rows: which rows of the data it learns from, in the order in which they go into
            the batches; shuffled again for each epoch.
        batch_size: examples in a step.
        epochs: at most.
        rng: shuffles the rows; None leaves them as they are.
    """

    trainer: Ridge
    state: TrainState
    rows: NDArray[Any]
    batch_size: int
    epochs: int
    rng: np.random.RandomState | None
    stop_training: bool = False

    def next_order(self) -> NDArray[Any]:
        """Return the order of another epoch, see `jaxnet_mini.Trainer.loop`."""
        if self.rng is not None:
            # As sklearn.utils.shuffle does it, so that batches are the same.
            places = np.arange(len(self.rows))
            self.rng.shuffle(places)
            self.rows = self.rows[places]
        shape = epoch_order.order_shape(len(self.rows), self.batch_size)
        order = np.full(shape, NO_ROW, np.int32)
        order.reshape(-1)[: len(self.rows)] = self.rows
        return order

    @property
    def steps(self) -> int:
        """How many an epoch has."""
        return epoch_order.steps_for(len(self.rows), self.batch_size)

    @property
    def learning_rate(self) -> float:
        """That of the next step."""
        return float(self.state.optimizer_state.hyperparams["learning_rate"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        own = set_learning_rate(self.state.optimizer_state, value)
        self.state = self.state._replace(optimizer_state=own)

    def mean_loss(self, sums: Sums) -> float:
        """Return the loss of an epoch, of the sums of its steps."""
        return float(self.trainer.logs(sums)["loss"])


def start(trainer: Ridge, params: Any, kept: Any = None) -> TrainState:
    """Return the state before the first step.

    Args:
        trainer: whose.
        params: the weights, by the names of the layers.
        kept: the leaves of an optimizer's state to go on from; None for a fresh one.
    """
    # On the host: what computes it would be compiled for longer than a short fit takes.
    like = jax.eval_shape(functools.partial(init, trainer.optimizer), params)
    if kept is not None:
        state = jax.tree.unflatten(jax.tree.structure(like), kept)
    else:
        state = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like)
        numbers = {
            name: np.asarray(getattr(trainer.optimizer, name), leaf.dtype)
            for name, leaf in like.hyperparams.items()
        }
        state = state._replace(hyperparams=numbers)
    return TrainState(params, state, jax.random.key(0), jnp.asarray(np.int32(0)))


def data_of(x: NDArray[Any], y: NDArray[Any], weight: Any, batch_size: int) -> Data:
    """Return rows as the loop takes them, still on the host.

    Raises:
        DataError: a number does not fit the device's dtype.
    """
    return resident.resident(Examples(x, y, weight), batch_size)


def train(run: Run, data: Data, ended: Callable[[float], None]) -> None:
    """Run the epochs of one fit.

    Args:
        run: which.
        data: from `data_of`.
        ended: called after each epoch with its loss; it may set ``stop_training``.

    Raises:
        NonFiniteError: the loss or a weight turned NaN or infinite.
    """
    forks.check("fit")
    transfers.check("fit")
    kernels = tuple(
        leaf.shape for leaf in jax.tree.leaves(run.state.params) if leaf.ndim == 2
    )
    device = threads.fitting(
        Step(run.batch_size, kernels), float(run.steps * run.epochs)
    )
    with threads.given_back(device), transfers.meant(), interrupts.held_back():
        run.state, data = jax.device_put((run.state, data), device)
        pace = Pace(QUIET_SECONDS)
        for epoch in range(run.epochs):
            ended(run.mean_loss(_epoch(run, data, epoch, pace)))
            if run.stop_training:
                break


def _epoch(run: Run, data: Data, epoch: int, pace: Pace) -> Sums:
    program, sums = run.trainer.program(), run.trainer.no_sums()
    order, step = run.next_order(), 0
    while step < run.steps:
        interrupts.let_in()
        length = pace.steps(run.steps - step)
        watch = time.perf_counter()
        piece = Piece(data, order, step, step + length)
        sums, failure = run_steps(run, program, piece, sums, (epoch, step))
        if failure is not None:
            raise failure
        pace.ran(length, time.perf_counter() - watch)
        step += length
    return sums

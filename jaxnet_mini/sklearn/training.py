"""One fit of an estimator: what it starts from, and its epochs in the compiled loop."""

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import interrupts
from jaxnet_mini.core.optimizers.rates import set_learning_rate
from jaxnet_mini.core.training.epochs import Epochs, Passes, sums_of
from jaxnet_mini.core.training.state import NO_ROW, Data, TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.transformations import init
from jaxnet_mini.data import epoch_order, resident
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.devices import forks, programs, threads, transfers, trials
from jaxnet_mini.devices.products import StepProducts
from jaxnet_mini.loops import stretches
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.steps import QUIET_SECONDS, Pace, run_steps
from jaxnet_mini.sklearn.ridge import Ridge


@dataclasses.dataclass
class Fit:
    """One fit on its way.

    Args:
        trainer: what is learned.
        state: parameters and optimizer, the last whole ones while it trains.
        rows: which rows of the data it learns from, in the order in which they go into
            the batches; shuffled again for each epoch.
        batch_size: examples in a step.
        epochs: at most.
        rng: shuffles the rows; None leaves them as they are.
        of_optimizer: the parameters of the estimator that its optimizer goes by.
        sure: how many more epochs it takes whatever their losses are, at least one.
    """

    trainer: Ridge
    state: TrainState
    rows: NDArray[Any]
    batch_size: int
    epochs: int
    rng: np.random.RandomState | None
    of_optimizer: Mapping[str, Any]
    sure: int = 1
    stop_training: bool = False

    def next_order(self) -> NDArray[Any]:
        """Return the order of another epoch, see `jaxnet_mini.Trainer.loop`."""
        if self.rng is not None:
            # As sklearn.utils.shuffle does it, so that batches are the same.
            places = np.arange(len(self.rows))
            self.rng.shuffle(places)
            self.rows = self.rows[places]
        return self.order

    @property
    def order(self) -> NDArray[Any]:
        """That of the last epoch."""
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
    leaves, structure = jax.tree.flatten(params)
    shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
    like = _optimizer_state(trainer.transformation, structure, shapes)
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


# Of all candidates of a search it is the same, and each would trace it anew.
@functools.lru_cache(maxsize=64)
def _optimizer_state(
    transformation: Any, structure: Any, shapes: tuple[tuple[Any, Any], ...]
) -> Any:
    """Return shapes and dtypes of the state of an optimizer, for such parameters."""
    leaves = [jax.ShapeDtypeStruct(*own) for own in shapes]
    params = jax.tree.unflatten(structure, leaves)
    return jax.eval_shape(functools.partial(init, transformation), params)


def data_of(x: NDArray[Any], y: NDArray[Any], weight: Any, batch_size: int) -> Data:
    """Return rows as the loop takes them, still on the host.

    Raises:
        DataError: a number does not fit the device's dtype.
    """
    return resident.resident(Examples(x, y, weight), batch_size)


def train(run: Fit, data: Data, ended: Callable[[float], None]) -> None:
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
    step = StepProducts(run.batch_size, kernels)
    device, rival = threads.fitting(step, float(run.steps * run.epochs))
    most, rows = min(run.epochs, run.sure), run.steps * run.batch_size
    together = stretches.how_many(step, run.steps, rows, most)
    with (
        threads.given_back(device, rival),
        transfers.meant(),
        interrupts.held_back(),
    ):
        if rival is not None:
            some = trials.steps_of(step.seconds, run.steps), together
            one, pool = (_trial(run, data, where, some) for where in (rival, device))
            device = rival if threads.tried(step, one, pool) else device
        run.state, data = jax.device_put((run.state, data), device)
        pace, epoch = Pace(QUIET_SECONDS), 0
        while epoch < run.epochs and not run.stop_training:
            if together == 1:
                all_sums = [_epoch(run, data, epoch, pace)]
            else:
                count = min(together, run.epochs - epoch, run.sure)
                all_sums = _epochs(run, data, (epoch, count, together), pace)
            for sums in all_sums:
                ended(run.mean_loss(sums))
            epoch += len(all_sums)


def _trial(
    run: Fit, data: Data, device: Any, which: tuple[int, int]
) -> Callable[[], Any]:
    """Return what computes some steps on a device, and changes nothing.

    Args:
        run: the fit.
        data: its examples.
        device: which; None stands for JAX's own.
        which: how many steps, and how many epochs a program takes.
    """
    steps, together = which
    program, none = run.trainer.program(), run.trainer.no_sums()
    state, placed = jax.device_put((run.state, data), device)
    order = run.order
    if together == 1:
        return lambda: programs.loop(program, state, placed, order, 0, steps, none)
    passes = Passes(np.stack([order] * together), steps, 1)
    return lambda: programs.epochs(program, state, placed, passes)


def _epochs(
    run: Fit, data: Data, which: tuple[int, int, int], pace: Pace
) -> list[Sums]:
    """Run several epochs at once, and return the sums of each.

    Args:
        run: the fit.
        data: its examples, on the device.
        which: the index of the first, how many at most, and how many a program takes.
        pace: of epochs.
    """
    interrupts.let_in()
    first, most, together = which
    count = min(most, pace.steps(most))
    watch = time.perf_counter()
    own = [run.next_order() for _ in range(count)]
    orders = np.stack(own + [own[-1]] * (together - count))
    before, program = run.state, run.trainer.program()
    passes = Passes(orders, run.steps, count)
    after: Epochs = programs.epochs(program, before, data, passes)
    after = after._replace(**jax.device_get({"sums": after.sums, "whole": after.whole}))
    if not after.whole[:count].all():
        _find_failure(run, data, own, first)
    run.state = after.state
    pace.ran(count, time.perf_counter() - watch)
    return [sums_of(after.sums, epoch) for epoch in range(count)]


def _find_failure(run: Fit, data: Data, orders: list[NDArray[Any]], first: int) -> None:
    """Take epochs again, one by one, up to the step of which the error tells.

    Raises:
        NonFiniteError: always: the loop is deterministic.
    """
    program, none = run.trainer.program(), run.trainer.no_sums()
    for epoch, order in enumerate(orders, first):
        piece = Piece(data, order, 0, run.steps)
        _, failure = run_steps(run, program, piece, none, (epoch, 0))
        if failure is not None:
            raise failure


def _epoch(run: Fit, data: Data, epoch: int, pace: Pace) -> Sums:
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

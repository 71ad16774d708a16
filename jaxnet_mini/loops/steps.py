"""Steps of the compiled loop, as many at once as nobody waits for.

The host looks in between two runs of it, and where a run turned NaN or infinite it
finds the last state that was whole.
"""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet_mini.core.networks import protocol, weights
from jaxnet_mini.core.training.state import NO_ROW, Data, TrainState, batch_of
from jaxnet_mini.core.training.sums import Progress, Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.devices import programs, transfers
from jaxnet_mini.errors import NonFiniteError
from jaxnet_mini.loops import padding
from jaxnet_mini.loops.feed import Piece

QUIET_SECONDS = 1.0
"""Without a bar the host still looks in once a second, so that Ctrl-C works."""


@runtime_checkable
class Learner(Protocol):
    """What is trained: it holds the state and may ask to stop."""

    stop_training: bool
    state: TrainState


class Pace:
    """How many steps to run before the host looks in again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._steps = 8

    def steps(self, left: int) -> int:
        """Return how many of the steps ``left`` should take about ``seconds``."""
        # A short rest is not worth a piece of its own.
        return left if left < 1.5 * self._steps else self._steps

    def ran(self, steps: int, seconds: float) -> None:
        """Learn from ``steps`` that took ``seconds``."""
        # At most eightfold: the first pieces are short and measured badly.
        wanted = int(steps * self.seconds / max(seconds, 1e-6))
        self._steps = max(1, min(wanted, 8 * max(steps, self._steps)))


def run_steps(
    learner: Learner,
    program: Trainer,
    piece: Piece,
    sums: Sums,
    where: tuple[int, int],
) -> tuple[Sums, NonFiniteError | None]:
    """Run the steps of a piece; keep the new state and return the sums.

    Args:
        learner: holds the state.
        program: what to run, see `Trainer.program`.
        piece: examples, their order, and the steps to take.
        sums: those of the steps before.
        where: epoch and step within it, for the message of an error.

    Returns:
        The sums, and None; or, where the loss or a weight turned NaN or infinite, the
        error to raise. The learner then keeps the last state in which all weights were
        finite.
    """
    epoch, done = where
    for part in parts(program, learner.state, piece):
        before = learner.state
        after: Progress = programs.loop(program, before, *part, sums)
        failed, finite = jax.device_get((after.failed, after.finite))
        if failed >= 0 or not finite:
            end = part.last if failed < 0 else int(failed)
            whole = part._replace(last=end)
            step, state, culprit = _last_finite(program, before, whole)
            learner.state = state
            return after.sums, _error(culprit, epoch, done + step - part.first)
        learner.state, sums = after.state, after.sums
        done += part.last - part.first
    return sums, None


def _error(culprit: str, epoch: int, batch: int) -> NonFiniteError:
    error = NonFiniteError(
        f"{culprit} turned NaN or infinite in epoch {epoch + 1} at step {batch + 1}: "
        "the model keeps the weights from before. Try a smaller learning rate, or clip "
        "gradients with optax.chain(optax.clip_by_global_norm(1.0), ...)."
    )
    error.batch = batch
    return error


def parts(program: Trainer, state: TrainState, piece: Piece) -> list[Piece]:
    """Return a piece in several where batches are filled up, and that would count."""
    own = program.own_method(training=True) is not None
    if not own and protocol.acts_by_row(program.net):
        return [piece]
    size = piece.order.shape[-1]
    with transfers.meant():
        runs = of_one_size(piece.order, piece.first, piece.last)
        if all(rows == size for *_, rows in runs):
            return [piece]
        if not own and not padding_counts(program.net, state, piece.examples, size):
            return [piece]
        return [_run(piece, *run) for run in runs]


def padding_counts(net: Any, state: TrainState, data: Data, batch_size: int) -> bool:
    """Tell whether it would count in training what fills up a batch of such data."""
    rows = jnp.zeros(batch_size, jnp.int32)
    x = jax.eval_shape(lambda: batch_of(data, rows).x)
    return padding.counts(net, state.variables, x, training=True)


def _run(piece: Piece, first: int, last: int, rows: int) -> Piece:
    """Return steps of a piece whose batches have so many rows, and no padding."""
    if rows == piece.order.shape[-1]:
        return piece._replace(first=first, last=last)
    return Piece(piece.examples, piece.order[first:last, :rows], 0, last - first)


def of_one_size(order: Any, first: int, last: int) -> list[tuple[int, int, int]]:
    """Return steps that follow each other and whose batches are of one size.

    Args:
        order: ``(steps, batch)``, see `jaxnet_mini.data.epoch_order`.
        first: the first step to look at.
        last: the step before which to stop.

    Returns:
        For each run of them its first step, the step before which it ends, and the
        rows of a batch, without those that fill it up.
    """
    sizes = np.sum(transfers.to_host(order[first:last]) != NO_ROW, axis=1)
    ends = [*np.flatnonzero(np.diff(sizes)) + 1, *[len(sizes)] * (first < last)]
    begins = [0, *ends[:-1]]
    return [
        (first + int(begin), first + int(end), int(sizes[begin]))
        for begin, end in zip(begins, ends, strict=False)
    ]


def _last_finite(
    program: Trainer, before: TrainState, piece: Piece
) -> tuple[int, TrainState, str]:
    """Find the last step before which all weights were finite, by running it again.

    The loop is deterministic, so that looking back costs nothing until it is needed.
    """
    none = program.no_sums()

    def run(last: int) -> tuple[TrainState, bool]:
        after = programs.loop(program, before, *piece._replace(last=last), none)
        return after.state, bool(transfers.to_host(after.finite))

    state, finite = run(piece.last)
    if finite:
        return piece.last, state, "the loss"
    good, bad = piece.first, piece.last
    while bad - good > 1:
        middle = (good + bad) // 2
        if run(middle)[1]:
            good = middle
        else:
            bad = middle
    after = weights.of(run(bad)[0].variables)
    broken = (
        path
        for path, array in after.items()
        if not np.isfinite(transfers.to_host(array)).all()
    )
    culprit = next(broken)
    return good, run(good)[0], f"the weight {culprit!r}"

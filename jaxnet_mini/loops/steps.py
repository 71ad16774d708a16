"""Steps of the compiled loop, as many at once as nobody waits for.

The host looks in between two runs of it, and where a run turned NaN or infinite it
finds the last state that was whole.
"""

from typing import Protocol, runtime_checkable

import jax
import numpy as np

from jaxnet_mini.core.networks import holding, weights
from jaxnet_mini.core.training.state import NO_ROW, TrainState
from jaxnet_mini.core.training.sums import Progress, Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.devices import programs, transfers
from jaxnet_mini.errors import NonFiniteError
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
    own = program.own_method(training=True)
    padded = own is None and holding.bears_padding(program.net)
    for part in [piece] if padded else _without_padding(piece):
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


def _without_padding(piece: Piece) -> list[Piece]:
    """Return a piece in several where batches are filled up, each of one size."""
    with transfers.meant():
        order = transfers.to_host(piece.order[piece.first : piece.last])
        sizes = np.sum(order != NO_ROW, axis=1)
        if np.all(sizes == order.shape[1]):
            return [piece]
        ends = [*np.flatnonzero(np.diff(sizes)) + 1, len(sizes)]
        parts, begin = [], 0
        for end in map(int, ends):
            rows = int(sizes[begin])
            first, last = piece.first + begin, piece.first + end
            part = piece._replace(first=first, last=last)
            if rows < order.shape[1]:
                shorter = piece.order[first:last, :rows]
                part = Piece(piece.examples, shorter, 0, last - first)
            parts.append(part)
            begin = end
    return parts


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

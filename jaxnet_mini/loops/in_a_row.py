"""Short epochs in a row: begun one after another, looked at when some have ended.

To wait for an epoch, keep its logs and begin the next takes the host about a
millisecond, as long as a short epoch takes. Where nobody looks at the model between
epochs, several are on their way at once, with the same bits.
"""

import functools
import time

import jax
import numpy as np

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import Logs
from jaxnet_mini.callbacks.base import needs_logs_alone
from jaxnet_mini.loops.fit_call import FitCall
from jaxnet_mini.loops.logs import sums_to_logs, with_held_out
from jaxnet_mini.loops.run import UnkeptRun
from jaxnet_mini.loops.stretches import (
    Ended,
    InOneProgram,
    Singly,
    Stretch,
    Stretches,
    may_be_begun,
)
from jaxnet_mini.views.summary import size

SECONDS = 0.1
"""A row of epochs takes about so long at most: Ctrl-C is heard after it."""

MOST, MOST_BYTES = 16, 64 << 20
"""So many epochs are in a row at most, whose states and orders need so many bytes: each
has its own as long as it is on its way."""


class InARow:
    """Takes epochs of one ``fit`` in a row.

    Args:
        call: what they are of.

    Attributes:
        on_their_way: those that have begun, and whose logs nobody has yet.
    """

    def __init__(self, call: FitCall) -> None:
        self._call, self._most = call, _most(call)
        self.on_their_way = list[Stretch]()
        self._since = 0.0
        # How long an epoch takes, the first one tells.
        self._alone = 1 if call.prepared.epochs_in_one == 1 else 0

    @functools.cached_property
    def _stretches(self) -> Stretches:
        call = self._call
        if call.prepared.epochs_in_one > 1:
            return InOneProgram(call.prepared, call.plan)
        return Singly(call)

    def take(self, first: int, last: int) -> list[Logs]:
        """Take epochs that nobody waits for.

        More are begun before these have ended, so that the device has no rest.

        Args:
            first: the index of the first.
            last: the index of the one before which to stop.

        Returns:
            The logs of each. Of none where the next epoch is to be taken by itself,
            since somebody looks, or it is long, or the loss or a weight would turn NaN
            or infinite in one of the next; the state is that of before then.
        """
        call, begun, left = self._call, self.on_their_way, last - first
        wanted = self._wanted(left)
        if wanted < 2 and not begun:
            self._alone -= 1
            return []
        call.check()
        if not begun:
            self._since = time.perf_counter()
        self._begin(first, last, wanted)
        all_begun = sum(stretch.count for stretch in begun) == left
        stretches = begun[: len(begun) if all_begun else -(-len(begun) // 2)]
        ended = self._ended(first, stretches)
        if not all(epoch.went_well for epoch in ended):
            self._alone = len(ended)
            begun.clear()
            return []
        del begun[: len(stretches)]
        call.learner.state = stretches[-1].state
        share = (time.perf_counter() - self._since) / len(ended)
        self._since = time.perf_counter()
        return [self._logs(first + i, share, epoch) for i, epoch in enumerate(ended)]

    def _wanted(self, left: int) -> int:
        """Return how many epochs are to be on their way, of those that are left."""
        call = self._call
        if self._alone > 0 or self._most < 2 or call.learner.stop_training:
            return 1
        if self._stretches.most > 1:
            return min(left, 2 * self._stretches.most)
        usual = min(call.history.timing["epoch_seconds"][-MOST:])
        return min(self._most, left, int(SECONDS / max(usual, 1e-6)))

    def _begin(self, first: int, last: int, wanted: int) -> None:
        """Begin epochs until so many are on their way."""
        begun = self.on_their_way
        next_one = first + sum(stretch.count for stretch in begun)
        while next_one < first + wanted:
            interrupts.let_in()
            count = min(self._stretches.most, last - next_one)
            state = begun[-1].state if begun else self._call.learner.state
            begun.append(self._stretches.begin(next_one, count, state))
            next_one += count

    def _ended(self, first: int, stretches: list[Stretch]) -> list[Ended]:
        """Wait for epochs, and return how they have ended."""
        numbers = jax.device_get([stretch.numbers for stretch in stretches])
        ended = list[Ended]()
        for stretch, own in zip(stretches, numbers, strict=True):
            index = first + len(ended)
            ended += self._stretches.ended(index, stretch.count, own)
        return ended

    def _logs(self, epoch: int, seconds: float, ended: Ended) -> Logs:
        """Return the logs of an epoch, and keep how long it took."""
        call, trainer = self._call, self._call.prepared.trainer
        call.callbacks.call("on_epoch_begin", epoch, {})
        call.history.time(seconds, 0.0, call.plan.rows_per_epoch)
        logs = sums_to_logs(trainer, ended.sums)
        if ended.held_out is None:
            return logs
        return with_held_out(logs, sums_to_logs(trainer, ended.held_out))


def _most(call: FitCall) -> int:
    """Return how many epochs may be in a row; 1 where somebody looks at each."""
    nobody_looks = (
        call.verbose == 0
        and isinstance(call.run, UnkeptRun)
        and all(map(needs_logs_alone, call.callbacks.callbacks))
    )
    if not (nobody_looks and may_be_begun(call.prepared)):
        return 1
    state = call.learner.state
    own = size((state.variables, state.optimizer_state))
    own += np.size(call.plan.no_order) * np.dtype(np.int32).itemsize
    return min(MOST, MOST_BYTES // own)

"""Short epochs in a row: begun one after another, looked at when all have ended.

To wait for an epoch, keep its logs and begin the next takes the host about a
millisecond, as long as a short epoch takes. Where nobody looks at the model between
epochs, several are on their way at once. Their programs are those that any epoch runs,
and so the bits are.
"""

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import Logs
from jaxnet_mini.callbacks.base import needs_logs_alone
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.data.stacks import PlacedStacks
from jaxnet_mini.devices import processes, programs
from jaxnet_mini.loops import evaluate, steps
from jaxnet_mini.loops.feed import Resident
from jaxnet_mini.loops.fit_call import FitCall, variables_of
from jaxnet_mini.loops.logs import sums_to_logs, with_held_out
from jaxnet_mini.loops.run import UnkeptRun
from jaxnet_mini.views.summary import size

SECONDS = 0.1
"""A row of epochs takes about so long at most: Ctrl-C is heard after it."""

MOST, MOST_BYTES = 16, 64 << 20
"""So many epochs are in a row at most, whose states and orders need so many bytes: each
has its own as long as it is on its way."""


class _Begun(NamedTuple):
    """An epoch on its way.

    Args:
        state: after it.
        sums: of its steps.
        checks: for each run of the loop the step that failed, and whether all is
            finite, see `jaxnet_mini.core.training.sums.Progress`.
        held_out: the sums of the evaluation after it, None where none is due.
    """

    state: TrainState
    sums: Sums
    checks: list[tuple[Any, Any]]
    held_out: Sums | None

    @property
    def numbers(self) -> Any:
        """All but the state."""
        return self.sums, self.checks, self.held_out


class InARow:
    """Takes epochs of one ``fit`` in a row.

    Args:
        call: what they are of.
    """

    def __init__(self, call: FitCall) -> None:
        self._call = call
        self._most = _most(call)
        self._on_their_way = list[_Begun]()
        # How long an epoch takes, the first one tells.
        self._alone = 1
        self._since = 0.0
        prepared = call.prepared
        stacks, here = prepared.held_out.stacks, prepared.place.here
        if stacks is not None:
            self._evaluate = evaluate.unwatched(prepared.trainer, stacks, here)

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
        call, begun = self._call, self._on_their_way
        count = self._count(last - first)
        if count < 2 and not begun:
            self._alone -= 1
            return []
        call.check()
        if not begun:
            self._since = time.perf_counter()
        while len(begun) < count:
            interrupts.let_in()
            state = begun[-1].state if begun else call.learner.state
            begun.append(self._begin(first + len(begun), state))
        all_begun = len(begun) == last - first
        ended = begun[: count if all_begun else -(-count // 2)]
        seen = jax.device_get([epoch.numbers for epoch in ended])
        if not all(_went_well(checks) for _, checks, _ in seen):
            self._alone = len(ended)
            begun.clear()
            return []
        del begun[: len(ended)]
        call.learner.state = ended[-1].state
        share = (time.perf_counter() - self._since) / len(ended)
        self._since = time.perf_counter()
        return [
            self._logs(first + index, share, sums, held_out)
            for index, (sums, _, held_out) in enumerate(seen)
        ]

    def _count(self, left: int) -> int:
        """Return how many epochs are to be on their way, of those that are left."""
        call = self._call
        if self._alone > 0 or self._most < 2 or call.learner.stop_training:
            return 1
        usual = min(call.history.timing["epoch_seconds"][-MOST:])
        return min(self._most, left, int(SECONDS / max(usual, 1e-6)))

    def _begin(self, epoch: int, state: TrainState) -> _Begun:
        """Begin an epoch, and the evaluation after it, from a state on its way."""
        call, prepared = self._call, self._call.prepared
        program, sums, checks = prepared.trainer.program(), call.no_sums, []
        for piece in prepared.feed.pieces(call.plan, epoch):
            for part in steps.parts(program, state, piece):
                after = programs.loop(program, state, *part, sums)
                state, sums = after.state, after.sums
                checks.append((after.failed, after.finite))
        held_out, stacks = None, prepared.held_out.stacks
        if stacks is not None and prepared.held_out.due(epoch + 1):
            held_out = self._evaluate(variables_of(prepared, state))
        return _Begun(state, sums, checks, held_out)

    def _logs(
        self, epoch: int, seconds: float, sums: Sums, held_out: Sums | None
    ) -> Logs:
        """Return the logs of an epoch that has ended, and keep how long it took."""
        call, trainer = self._call, self._call.prepared.trainer
        call.callbacks.call("on_epoch_begin", epoch, {})
        call.history.time(seconds, 0.0, call.plan.rows_per_epoch)
        logs = sums_to_logs(trainer, sums)
        if held_out is not None:
            logs = with_held_out(logs, sums_to_logs(trainer, held_out))
        return logs


def _went_well(checks: list[tuple[Any, Any]]) -> bool:
    return all(failed < 0 and finite for failed, finite in checks)


def _most(call: FitCall) -> int:
    """Return how many epochs may be in a row; 1 where somebody looks at each."""
    prepared, stacks = call.prepared, call.prepared.held_out.stacks
    nobody_looks = (
        call.verbose == 0
        and isinstance(call.run, UnkeptRun)
        and all(map(needs_logs_alone, call.callbacks.callbacks))
    )
    place = prepared.place
    is_here = (
        type(prepared.feed) is Resident
        and place.mesh is None
        and not processes.several()
    )
    if stacks is not None:
        is_here &= isinstance(stacks, PlacedStacks) and place.here is place
    if not (nobody_looks and is_here):
        return 1
    state = call.learner.state
    own = size((state.variables, state.optimizer_state))
    own += np.size(call.plan.no_order) * np.dtype(np.int32).itemsize
    return min(MOST, MOST_BYTES // own)

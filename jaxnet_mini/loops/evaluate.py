"""One call of ``evaluate`` or ``predict``, seen from the host."""

import dataclasses
import itertools
from collections.abc import Generator
from typing import Any, Protocol, runtime_checkable

import jax

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import CallbackList, Logs, ProgbarLogger
from jaxnet_mini.core.training.state import Data
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.devices import processes, programs
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.loops.logs import sums_to_logs

IN_FLIGHT = 2
"""How many stacks wait to be computed, at most, besides the one that is copied."""


@runtime_checkable
class Source(Protocol):
    """Where the examples of an evaluation or a prediction come from, in stacks."""

    @property
    def batches(self) -> int | None:
        """How many batches there are; None where nobody knows it."""

    @property
    def rows(self) -> int:
        """How many examples they hold, or then one of them."""

    def runs(self, stepwise: bool) -> Generator[tuple[Data, int, int], None, None]:
        """Yield a stack with the batches to run: all with rows, or one at a time."""

    def stack(self, number: int) -> Data:
        """Return a stack."""


@interrupts.held_back()
def evaluate(
    trainer: Trainer,
    params: Any,
    stacks: Source,
    callbacks: CallbackList,
    placement: Placement,
    verbose: int = 0,
) -> Logs:
    """Return loss and metrics over all stacks of batches, as floats.

    The parameters lie where ``placement`` says, and the stacks are put there.

    Raises:
        DataError: see `jaxnet_mini.data.casting.fill`; for the first stack, before
        anything
            is compiled or called.
    """
    program = trainer.program()
    stepwise = callbacks.watches_batches("test")
    runs = stacks.runs(stepwise)
    begun = next(runs)
    sums = placement.everywhere(trainer.no_sums())
    in_flight: list[Sums] = []
    progbar = ProgbarLogger.among(callbacks.callbacks)
    bar = progbar.bar("Evaluate", stacks.batches, stacks.rows, verbose)
    try:
        if verbose:
            stack = placement.batches(begun[0])
            none = programs.evaluate(program, params, stack, 0, 0, sums)
            jax.block_until_ready(none)
            bar.compiled(bar.clock.elapsed)
            bar.clock.start()
        callbacks.model.stop_evaluating = False
        callbacks.call("on_test_begin", {})
        done = 0
        for stack, first, last in itertools.chain([begun], runs):
            interrupts.let_in()
            if stepwise:
                callbacks.call("on_test_batch_begin", done, {})
            stack = placement.batches(stack)
            sums = programs.evaluate(program, params, stack, first, last, sums)
            in_flight.append(sums)
            if len(in_flight) > IN_FLIGHT:
                jax.block_until_ready(in_flight.pop(0))
            done += last - first
            if stepwise or bar.redraws or done == stacks.batches:
                # Otherwise the next stack is on its way while this one is computed.
                logs = sums_to_logs(trainer, sums)
                if stepwise:
                    callbacks.call("on_test_batch_end", done - 1, logs)
                bar.update(done, bar.clock.elapsed, logs)
                if callbacks.model.stop_evaluating:
                    break
        else:
            if stacks.batches is None:
                logs = sums_to_logs(trainer, sums)
                bar.update(done, bar.clock.elapsed, logs)
                bar.count(done)
        if processes.several():
            logs = sums_to_logs(trainer, _of_all_processes(sums))
        callbacks.call("on_test_end", logs)
        bar.end(logs)
    finally:
        runs.close()
        bar.abandon()
    return logs


def _of_all_processes(sums: Sums) -> Sums:
    """Return the sums over the rows of all processes."""
    total, lost = (processes.gathered(part).sum(0) for part in (sums.total, sums.lost))
    return dataclasses.replace(sums, total=total, lost=lost)

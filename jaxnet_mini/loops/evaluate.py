"""One call of ``evaluate``, seen from the host."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import CallbackList, Logs
from jaxnet_mini.core.metrics.own import Folded
from jaxnet_mini.core.training.state import Data
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Variables
from jaxnet_mini.devices import processes, programs
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.loops import padding
from jaxnet_mini.loops.forward import Job, Source, run_through
from jaxnet_mini.loops.logs import sums_to_logs


@interrupts.held_back()
def evaluate(
    trainer: Trainer,
    variables: Variables,
    stacks: Source,
    callbacks: CallbackList,
    placement: Placement,
    verbose: int = 0,
    *,
    steps: int | None = None,
) -> Logs:
    """Return loss and metrics over all stacks of batches, as floats.

    What the network computes with lies where ``placement`` says, and the stacks are
    put there; ``steps`` is how many a person is shown.

    Raises:
        DataError: see `jaxnet_mini.loops.forward.run_through`.
    """
    method = trainer.own_method(training=False)
    if processes.several() and method is not None:
        raise ArgumentError(
            f"{method.word} goes on from batch to batch, and several processes "
            "evaluate at once: leave it out, or evaluate in one process."
        )
    for metric in trainer.all_metrics:
        if processes.several() and isinstance(metric, Folded):
            raise ArgumentError(
                f"the metric {metric.name!r} goes on from batch to batch by its "
                "update_state, and several processes evaluate at once: write it as "
                "sums, with zeros, totals and result."
            )
    none = placement.everywhere(trainer.no_sums(training=False))
    work = _Evaluation(trainer, variables, placement, none)
    return run_through(work, stacks, callbacks, verbose, steps)


def unwatched(
    trainer: Trainer, stacks: Source, placement: Placement
) -> Callable[[Variables], Sums]:
    """Return what begins evaluations that nobody watches, and gives sums on their way.

    The arguments are those of `evaluate`.
    """
    none: Sums = placement.everywhere(trainer.no_sums(training=False))

    def begin(variables: Variables) -> Sums:
        work = _Evaluation(trainer, variables, placement, none)
        for run in stacks.runs(stepwise=False):
            work.take(*run)
        return work.sums

    return begin


class _Evaluation:
    """See `jaxnet_mini.loops.forward.Work`."""

    label, flag = "Evaluate", "stop_evaluating"
    hook: Job = "test"

    def __init__(
        self,
        trainer: Trainer,
        variables: Variables,
        placement: Placement,
        sums: Sums,
    ) -> None:
        self.trainer, self.program = trainer, trainer.program()
        self.variables, self.placement = variables, placement
        self.sums = sums

    def compile(self, stack: Data, room: bool) -> Any:
        placed = self.placement.stack(stack)
        arguments = self.program, self.variables, placed, 0, 0, self.sums
        if room:
            programs.evaluate.compile_with_room(*arguments)
        return programs.evaluate(*arguments)

    def take(self, stack: Data, first: int, last: int) -> Any:
        placed = self.placement.stack(stack)
        net = None if self.trainer.own_method(training=False) else self.trainer.net
        for part in padding.parts(net, self.variables, (placed, first, last)):
            self._take(*part)
        return self.sums

    def _take(self, placed: Data, first: int, last: int) -> None:
        self.sums = programs.evaluate(
            self.program, self.variables, placed, first, last, self.sums
        )

    def batch(self) -> Logs:
        return self.logs()

    def logs(self) -> Logs:
        return sums_to_logs(self.trainer, self.sums)

    def end(self) -> Logs:
        if processes.several():
            return sums_to_logs(self.trainer, _of_all_processes(self.sums))
        return self.logs()


def _of_all_processes(sums: Sums) -> Sums:
    """Return the sums over the rows of all processes."""
    total, lost = (processes.gathered(part).sum(0) for part in (sums.total, sums.lost))
    return dataclasses.replace(sums, total=total, lost=lost)

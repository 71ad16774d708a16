"""What ``evaluate`` and ``predict`` share: one run through stacks of batches."""

import itertools
from collections.abc import Generator
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import jax

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import CallbackList, Logs, ProgbarLogger
from jaxnet_mini.callbacks.progress_bar import Bar
from jaxnet_mini.core.training.state import Data

Job: TypeAlias = Literal["test", "predict"]
"""What callbacks call an evaluation and a prediction."""

IN_FLIGHT = 2
"""How many stacks wait to be computed, at most, besides the one that is copied."""

LEAST_BYTES = 4 << 20
"""Beside smaller stacks it is not worth while to give back what compiling took."""


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


@runtime_checkable
class Work(Protocol):
    """What is done with the stacks.

    Attributes:
        label: what the bar calls it.
        hook: what callbacks call it: ``on_test_begin``, ``on_predict_begin``.
        flag: the attribute of the model by which a callback ends it.
    """

    label: str
    hook: Job
    flag: str

    def compile(self, stack: Data, room: bool) -> Any:
        """Compile what `take` runs, and return what is there once that is done.

        Args:
            stack: one of them.
            room: whether to give back what compiling took.
        """

    def take(self, stack: Data, first: int, last: int) -> Any:
        """Begin to compute batches of a stack; return what is there in the end."""

    def batch(self) -> Logs:
        """Return what hooks are told after a batch."""

    def logs(self) -> Logs:
        """Return what is shown once all that is begun has been computed."""

    def end(self) -> Logs:
        """Return what is known in the end."""


def run_through(
    work: Work,
    stacks: Source,
    callbacks: CallbackList,
    verbose: int,
    steps: int | None = None,
) -> Logs:
    """Compute all stacks; return what is known in the end.

    A stack is on its way while the one before it is computed, unless somebody looks.

    Args:
        work: what is done with them.
        stacks: of batches.
        callbacks: hooks.
        verbose: 0, 1 or 2.
        steps: how many steps a person is shown, where rows are computed in larger
            batches than those that are counted; None for as many as there are batches.

    Raises:
        DataError: see `jaxnet_mini.data.casting.fill`; for the first stack, before
            anything is compiled or called.
    """
    stepwise = callbacks.watches_batches(work.hook)
    runs = stacks.runs(stepwise)
    begun = next(runs)
    progbar = ProgbarLogger.among(callbacks.callbacks)
    batches = stacks.batches
    counted = batches if steps is None or batches is None else steps

    def shown(done: int) -> int:
        return -(-done * (counted or 1) // (batches or 1))

    bar = progbar.bar(work.label, counted, stacks.rows, verbose)
    try:
        _compile(work, begun[0], verbose, bar)
        setattr(callbacks.model, work.flag, False)
        callbacks.call(f"on_{work.hook}_begin", {})
        done, in_flight = 0, list[Any]()
        for stack, first, last in itertools.chain([begun], runs):
            interrupts.let_in()
            if stepwise:
                callbacks.call(f"on_{work.hook}_batch_begin", done, {})
            in_flight.append(work.take(stack, first, last))
            if len(in_flight) > IN_FLIGHT:
                jax.block_until_ready(in_flight.pop(0))
            done += last - first
            if stepwise:
                callbacks.call(f"on_{work.hook}_batch_end", done - 1, work.batch())
            if stepwise or bar.redraws:
                bar.update(shown(done), bar.clock.elapsed, work.logs())
            if getattr(callbacks.model, work.flag):
                break
        else:
            if stacks.batches is None:
                bar.count(done)
        in_flight.clear()
        logs = work.end()
        bar.update(shown(done), bar.clock.elapsed, logs)
        callbacks.call(f"on_{work.hook}_end", logs)
        bar.end(logs)
    finally:
        runs.close()
        bar.abandon()
    return logs


def _compile(work: Work, stack: Data, verbose: int, bar: Bar) -> None:
    """Compile before anything is computed, if somebody waits or memory is short."""
    room = sum(leaf.nbytes for leaf in jax.tree.leaves(stack)) >= LEAST_BYTES
    if verbose or room:
        jax.block_until_ready(work.compile(stack, room))
        bar.compiled(bar.clock.elapsed)
        bar.clock.start()

"""One call of ``fit``, seen from the host.

It runs the compiled loop in pieces, from one redraw of the progress bar to the next,
and calls the callbacks in between. All numbers come from the pure functions of
`jaxnet_mini.core.training.trainer`; what stands here is when to ask for them.
"""

import contextlib
import math
from collections.abc import Generator
from typing import Any

import jax

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import Logs, ProgbarLogger
from jaxnet_mini.callbacks.progress_bar import Bar, Stopwatch
from jaxnet_mini.core.training.finish import finished
from jaxnet_mini.core.training.point import Point
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.data import in_place
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices import memory, processes, programs
from jaxnet_mini.loops.evaluate import evaluate
from jaxnet_mini.loops.faster import Faster
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.fit_call import FitCall, variables_of
from jaxnet_mini.loops.forward import Source
from jaxnet_mini.loops.in_a_row import InARow
from jaxnet_mini.loops.logs import sums_to_logs, with_held_out
from jaxnet_mini.loops.prepare import Prepared
from jaxnet_mini.loops.steps import QUIET_SECONDS, Pace, run_steps
from jaxnet_mini.loops.stretches import InOneProgram


def compile_ahead(prepared: Prepared, state: TrainState, plan: Plan) -> Stopwatch:
    """Start to compile what `train_epochs` will run.

    The compiler takes 1 MB for each kernel of a program, some 70 for a loop. Beside
    large examples programs are compiled one after another, and what the one took is
    given back before the next: no two of them are in memory at a time.

    Args:
        prepared: what to learn.
        state: the state as it will be, or its shapes and dtypes.
        plan: how to go through the examples.

    Returns:
        What counts the time until all is compiled.
    """
    compiling = Stopwatch()
    compiling.start()
    if prepared.epochs_in_one > 1:
        InOneProgram(prepared, plan).compile_ahead(state)
        return compiling
    program, none = prepared.trainer.program(), prepared.trainer.no_sums()
    sums, shapes = prepared.place.everywhere(none), prepared.feed.shapes(plan)
    arguments = program, state, *shapes, 0, 0, sums
    if in_place.are_large(prepared.examples):
        programs.loop.compile_ahead(*arguments, first=_weights_are_there)
        return compiling
    programs.loop.compile_ahead(*arguments)
    if prepared.held_out.stacks is not None:
        held_out = _first_held_out(prepared, state, prepared.held_out.stacks)
        programs.evaluate.compile_ahead(program, *held_out)
    return compiling


def _weights_are_there() -> None:
    """Wait until what makes the weights is compiled, and give back what that took."""
    programs.fresh.wait()
    memory.give_back()


def _first_held_out(
    prepared: Prepared, state: TrainState, stacks: Source
) -> tuple[Any, ...]:
    """Return the arguments of an evaluation of no steps."""
    here = prepared.place.here
    none = here.everywhere(prepared.trainer.no_sums(training=False))
    return variables_of(prepared, state), here.stack(stacks.stack(0)), 0, 0, none


def train_epochs(call: FitCall, compiling: Stopwatch) -> Generator[int, None, None]:
    """Run the epochs of one ``fit``, and wait after each.

    Args:
        call: what to run; its history receives the timing.
        compiling: what `compile_ahead` returned.

    Yields:
        How many are done. Who waits may end the training there, as callbacks do.

    Raises:
        NonFiniteError: the loss or a weight turned NaN or infinite, and no callback
            makes that an orderly end.
        FileError: the run cannot be kept.
    """
    learner, callbacks, run, plan = call.learner, call.callbacks, call.run, call.plan
    _run_nothing(call)
    call.history.timing["compile_seconds"] = compiling.stop()
    call.history.timing["threads"] = call.prepared.place.threads
    callbacks.call("on_train_begin", {})
    start = run.start
    run.put_back(learner, callbacks.callbacks)
    call.prepared.held_out.pass_over(range(plan.initial_epoch, start.epoch))
    pace, logs, known = Pace(QUIET_SECONDS), start.logs, None
    faster, row, epoch = Faster(call), InARow(call), start.epoch
    last = epoch if start.stopped else plan.epochs
    while epoch < last and not (learner.stop_training and epoch > start.epoch):
        if faster.is_due() and not row.on_their_way:
            call = faster.call()
            row = InARow(call)
        all_logs = row.take(epoch, last)
        if not all_logs:
            logs, known = _one_epoch(call, epoch, known, pace, compiling.seconds)
            interrupts.let_in()
            all_logs = [logs]
        for logs in all_logs:
            callbacks.call("on_epoch_end", epoch, logs)
            epoch += 1
            stopped = learner.stop_training
            done = Point(epoch, logs=logs, stopped=stopped)
            run.keep(done, learner, callbacks.callbacks, stopped or epoch == last)
            yield epoch
    learner.state = finished(call.prepared.trainer, learner.state)
    callbacks.call("on_train_end", logs)
    run.finish()


def _run_nothing(call: FitCall) -> None:
    """Wait for the compiler: loops of no steps return at once."""
    prepared, state = call.prepared, call.learner.state
    if prepared.epochs_in_one > 1:
        nothing = InOneProgram(prepared, call.plan).begin(0, 0, state)
        jax.block_until_ready(nothing.numbers)
        return
    program, stacks = prepared.trainer.program(), prepared.held_out.stacks
    large = in_place.are_large(prepared.examples)
    empty, none = prepared.feed.empty(call.plan), call.no_sums
    results: list[Any] = [programs.loop(program, state, *empty, 0, 0, none)]
    if large:
        jax.block_until_ready(results)
        memory.give_back()
    if stacks is not None:
        first = _first_held_out(prepared, state, stacks)
        results.append(programs.evaluate(program, *first))
    jax.block_until_ready(results)
    if large and stacks is not None:
        memory.give_back()
    prepared.held_out.make()


def _one_epoch(
    call: FitCall, epoch: int, known: int | None, pace: Pace, compiled: float
) -> tuple[Logs, int | None]:
    """Train for an epoch, and validate where that is due.

    Args:
        call: what to run.
        epoch: its index.
        known: how many steps the one before it had, where nobody else knows it.
        pace: how often to look in.
        compiled: how many seconds compiling took.

    Returns:
        The logs, and how many steps it had, where nobody else knows it.
    """
    learner, prepared, plan, run = call.learner, call.prepared, call.plan, call.run
    validation, stacks = prepared.held_out, prepared.held_out.stacks
    progbar = ProgbarLogger.among(call.callbacks.callbacks)
    label = f"Epoch {epoch + 1}/{plan.epochs}"
    bar = progbar.bar(label, plan.steps, plan.rows_per_epoch, call.verbose)
    if known is not None:
        bar.count(known)
    try:
        first = epoch == run.start.epoch
        if first:
            bar.compiled(compiled, prepared.place.note)
        if bar.redraws:
            pace.seconds = progbar.seconds
        call.callbacks.call("on_epoch_begin", epoch, {})
        begun = Point(epoch)
        if first and run.start.sums is not None:
            # The hook has seen to what it needs itself, and the model is as it was.
            run.put_back(learner, call.callbacks.callbacks)
            learner.state = prepared.place.params(learner.state)
            sums = prepared.place.everywhere(run.start.sums)
            begun = Point(epoch, run.start.step, sums)
        with contextlib.closing(prepared.feed.pieces(plan, epoch, begun.step)) as feed:
            logs, seconds = _Epoch(call, begun, pace, bar).run(feed)
        if not (plan.counted or learner.stop_training):
            known = bar.step
            bar.count(known)
        rows = bar.rows_in(bar.step - begun.step)
        call.history.time(seconds, bar.waited, rows)
        if stacks is not None and validation.due(epoch + 1):
            params, here = variables_of(prepared, learner.state), prepared.place.here
            own = evaluate(prepared.trainer, params, stacks, call.callbacks, here)
            logs = with_held_out(logs, own)
        bar.end(logs)
    finally:
        bar.abandon()
    return logs, known


class _Epoch:
    """An epoch on its way: how far it is, and what it has summed up.

    Args:
        call: what to run.
        begun: where it begins.
        pace: how often to look in.
        bar: shows how far it is.
    """

    def __init__(self, call: FitCall, begun: Point, pace: Pace, bar: Bar) -> None:
        self.call, self.begun, self.pace, self.bar = call, begun, pace, bar
        self.trainer = trainer = call.prepared.trainer
        self.program = trainer.program()
        self.stepwise = call.callbacks.watches_batches("train")
        self.done = begun.step
        self.sums: Sums = call.no_sums if begun.sums is None else begun.sums
        self.logs = sums_to_logs(trainer, self.sums) if self.done else {}
        self.training, self.waiting = Stopwatch(), Stopwatch()
        steps = call.plan.steps
        # Counted from the first epoch on, wherever this run started.
        self.before = (
            begun.epoch * steps if steps else int(call.learner.state.step) - self.done
        )

    def run(self, pieces: Generator[Piece, None, None]) -> tuple[Logs, float]:
        """Take all steps; return the logs, and how long training alone took."""
        while True:
            self.training.start()
            self.waiting.start()
            piece = next(pieces, None)
            self.waiting.stop()
            self.training.stop()
            if piece is None or self._run(piece):
                return self.logs, self.training.seconds

    def _run(self, piece: Piece) -> bool:
        """Take the steps of a piece; return whether that ended the training."""
        learner, callbacks, run = self.call.learner, self.call.callbacks, self.call.run
        step = piece.first
        while step < piece.last:
            interrupts.let_in()
            # Asked to stop before the first step it takes one, however fast steps are.
            single = self.stepwise or learner.stop_training
            length = 1 if single else self.pace.steps(piece.last - step)
            due = run.steps_until_due(self.before + self.done)
            if due is not None:
                length = min(length, due)
            # Clocks differ, and all processes have to take the same steps.
            length = processes.agreed(length)
            if self.stepwise:
                callbacks.call("on_train_batch_begin", self.done, {})
            self.call.check()
            taken = self._take(piece._replace(first=step, last=step + length))
            step += taken
            self.done += taken
            if self.stepwise:
                callbacks.call("on_train_batch_end", self.done - 1, self.logs)
            bar = self.bar
            bar.update(self.done, bar.clock.elapsed, self.logs, self.waiting.seconds)
            if learner.stop_training:
                return True
            if taken == due:
                now = Point(self.begun.epoch, self.done, self.sums)
                run.keep(now, learner, callbacks.callbacks, ended=False)
        return False

    def _take(self, piece: Piece) -> int:
        """Take the steps of a piece at once; return how many were taken.

        Raises:
            NonFiniteError: see `train_epochs`.
        """
        learner, length = self.call.learner, piece.last - piece.first
        self.training.start()
        where = self.begun.epoch, self.done
        self.sums, failure = run_steps(learner, self.program, piece, self.sums, where)
        failed = failure is not None
        if failure is not None:
            # Only what is asked for now counts as an answer.
            learner.stop_training = False
            self.call.callbacks.call("on_non_finite", failure)
            if not learner.stop_training:
                try:
                    raise failure
                finally:
                    # It knows this function and its arrays, which must not know it.
                    del failure
            length = failure.batch + 1 - self.done
        # The compiler may leave parts elsewhere; there they would need a program of
        # their own.
        learner.state = self.call.prepared.place.params(learner.state)
        self.logs = sums_to_logs(self.trainer, self.sums)
        if failed:
            self.logs["loss"] = math.nan
        self.pace.ran(length, self.training.stop())
        return length

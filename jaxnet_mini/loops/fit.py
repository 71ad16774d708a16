"""One call of ``fit``, seen from the host.

It runs the compiled loop in pieces, from one redraw of the progress bar to the next,
and calls the callbacks in between. All numbers come from the pure functions of
`jaxnet_mini.core.training.trainer`; what stands here is when to ask for them.
"""

import contextlib
import math
from collections.abc import Generator
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import CallbackList, History, Logs, ProgbarLogger
from jaxnet_mini.callbacks.progress_bar import Bar, Stopwatch
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.sums import Point, Progress, Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices import processes, programs, transfers
from jaxnet_mini.devices.placement import at_home
from jaxnet_mini.errors import NonFiniteError
from jaxnet_mini.loops.evaluate import Source, evaluate
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.logs import sums_to_logs, with_held_out
from jaxnet_mini.loops.prepare import Prepared
from jaxnet_mini.loops.run import Run

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


def compile_ahead(prepared: Prepared, state: TrainState, plan: Plan) -> Stopwatch:
    """Start to compile what `train_epochs` will run.

    Args:
        prepared: what to learn.
        state: the state as it will be, or its shapes and dtypes.
        plan: how to go through the examples.

    Returns:
        What counts the time until all is compiled.
    """
    compiling = Stopwatch()
    compiling.start()
    program, none = prepared.trainer.program(), prepared.trainer.no_sums()
    sums, shapes = prepared.place.everywhere(none), prepared.feed.shapes(plan)
    programs.loop.compile_ahead(program, state, *shapes, 0, 0, sums)
    if prepared.held_out.stacks is not None:
        first = _first_held_out(prepared, state, prepared.held_out.stacks)
        programs.evaluate.compile_ahead(program, *first)
    return compiling


def _first_held_out(
    prepared: Prepared, state: TrainState, stacks: Source
) -> tuple[Any, ...]:
    """Return the arguments of an evaluation of no steps."""
    here = prepared.place.here
    none = here.everywhere(prepared.trainer.no_sums())
    return _params(prepared, state), here.batches(stacks.stack(0)), 0, 0, none


def _params(prepared: Prepared, state: TrainState) -> Any:
    """Return the parameters where this process evaluates by itself."""
    return prepared.place.here.params(at_home(state.params))


def train_epochs(
    learner: Learner,
    prepared: Prepared,
    plan: Plan,
    callbacks: CallbackList,
    history: History,
    compiling: Stopwatch,
    verbose: int,
    run: Run,
) -> None:
    """Run the epochs of one ``fit``.

    Args:
        learner: holds the state, replaced after each piece.
        prepared: what to learn, and on what to evaluate.
        plan: how to go through the examples.
        callbacks: hooks to call; ``history`` is the last of them.
        history: receives the timing.
        compiling: what `compile_ahead` returned.
        verbose: 0, 1 or 2.
        run: where to start, and who keeps how far it is.

    Raises:
        NonFiniteError: the loss or a weight turned NaN or infinite, and no callback
            makes that an orderly end.
        FileError: the run cannot be kept.
    """
    trainer, place = prepared.trainer, prepared.place
    feed, validation = prepared.feed, prepared.held_out
    program = trainer.program()
    # Loops of no steps return at once, so that this is the time of compiling.
    state, none = learner.state, place.everywhere(trainer.no_sums())
    results: list[Any] = [programs.loop(program, state, *feed.empty(plan), 0, 0, none)]
    if validation.stacks is not None:
        first = _first_held_out(prepared, state, validation.stacks)
        results.append(programs.evaluate(program, *first))
    jax.block_until_ready(results)
    history.timing["compile_seconds"] = compiling.stop()
    callbacks.call("on_train_begin", {})
    progbar = ProgbarLogger.among(callbacks.callbacks)
    pace: Pace | None = None
    start = run.start
    run.put_back(learner, callbacks.callbacks)
    validation.pass_over(range(plan.initial_epoch, start.epoch))
    logs, known = start.logs, None
    for epoch in range(start.epoch, 0 if start.stopped else plan.epochs):
        label = f"Epoch {epoch + 1}/{plan.epochs}"
        bar = progbar.bar(label, plan.steps, plan.rows_per_epoch, verbose)
        if known is not None:
            bar.count(known)
        try:
            if epoch == start.epoch:
                bar.compiled(compiling.seconds)
            pace = pace or Pace(progbar.seconds if bar.redraws else QUIET_SECONDS)
            callbacks.call("on_epoch_begin", epoch, {})
            done, sums = 0, none
            if epoch == start.epoch and start.sums is not None:
                # The hook has seen to what it needs itself, and the model is as it was.
                run.put_back(learner, callbacks.callbacks)
                done, sums = start.step, place.everywhere(start.sums)
            begun = Point(epoch, done, sums)
            with contextlib.closing(feed.pieces(plan, epoch, done)) as pieces:
                logs, seconds = _train_epoch(
                    learner, prepared, pieces, plan, begun, callbacks, bar, pace, run
                )
            if not (plan.counted or learner.stop_training):
                known = bar.step
                bar.count(known)
            history.time(seconds, bar.waited, bar.rows_in(bar.step - done))
            if validation.stacks is not None and validation.due(epoch + 1):
                params, here = _params(prepared, learner.state), place.here
                stacks = validation.stacks
                held_out = evaluate(trainer, params, stacks, callbacks, here)
                logs = with_held_out(logs, held_out)
            bar.end(logs)
        finally:
            bar.abandon()
        interrupts.let_in()
        callbacks.call("on_epoch_end", epoch, logs)
        stopped = learner.stop_training
        done_now = Point(epoch + 1, logs=logs, stopped=stopped)
        ended = stopped or epoch + 1 == plan.epochs
        run.keep(done_now, learner, callbacks.callbacks, ended)
        if stopped:
            break
    callbacks.call("on_train_end", logs)
    run.finish()


def _train_epoch(
    learner: Learner,
    prepared: Prepared,
    pieces: Generator[Piece, None, None],
    plan: Plan,
    begun: Point,
    callbacks: CallbackList,
    bar: Bar,
    pace: Pace,
    run: Run,
) -> tuple[Logs, float]:
    """Return the logs, and how long training alone took."""
    trainer = prepared.trainer
    program = trainer.program()
    stepwise = callbacks.watches_batches("train")
    watch = Stopwatch()
    epoch, done, sums = begun.epoch, begun.step, begun.sums or trainer.no_sums()
    before = epoch * plan.steps if plan.steps else int(learner.state.step) - done
    logs = sums_to_logs(trainer, sums) if done else {}
    waiting = Stopwatch()
    while True:
        watch.start()
        waiting.start()
        piece = next(pieces, None)
        waiting.stop()
        watch.stop()
        if piece is None:
            return logs, watch.seconds
        step, last = piece.first, piece.last
        while step < last:
            interrupts.let_in()
            length = 1 if stepwise else pace.steps(last - step)
            due = run.steps_until_due(before + done)
            if due is not None:
                length = min(length, due)
            # Clocks differ, and all processes have to take the same steps.
            length = processes.agreed(length)
            if stepwise:
                callbacks.call("on_train_batch_begin", done, {})
            watch.start()
            taken = piece._replace(first=step, last=step + length)
            sums, failure = run_steps(learner, program, taken, sums, (epoch, done))
            if failure is not None:
                # Only what is asked for now counts as an answer.
                learner.stop_training = False
                callbacks.call("on_non_finite", failure)
                if not learner.stop_training:
                    try:
                        raise failure
                    finally:
                        # It knows this function and its arrays, which must not know it.
                        del failure
                length = failure.batch + 1 - done
            # The compiler may leave parts elsewhere; there they would need a program of
            # their own.
            learner.state = prepared.place.params(learner.state)
            logs = sums_to_logs(trainer, sums)
            if failure is not None:
                logs["loss"] = math.nan
            pace.ran(length, watch.stop())
            step += length
            done += length
            if stepwise:
                callbacks.call("on_train_batch_end", done - 1, logs)
            bar.update(done, bar.clock.elapsed, logs, waiting.seconds)
            if learner.stop_training:
                return logs, watch.seconds
            if length == due:
                now = Point(epoch, done, sums)
                run.keep(now, learner, callbacks.callbacks, ended=False)


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
    before = learner.state
    after: Progress = programs.loop(program, before, *piece, sums)
    failed, finite = jax.device_get((after.failed, after.finite))
    if failed < 0 and finite.all():
        learner.state = after.state
        return after.sums, None
    end = piece.last if failed < 0 else int(failed)
    step, state, culprit = _last_finite(program, before, piece._replace(last=end))
    learner.state = state
    epoch, done = where
    batch = done + step - piece.first
    error = NonFiniteError(
        f"{culprit} turned NaN or infinite in epoch {epoch + 1} at step {batch + 1}: "
        "the model keeps the weights from before. Try a smaller learning rate, or clip "
        "gradients with optax.chain(optax.clip_by_global_norm(1.0), ...)."
    )
    error.batch = batch
    return after.sums, error


def _last_finite(
    program: Trainer, before: TrainState, piece: Piece
) -> tuple[int, TrainState, str]:
    """Find the last step before which all weights were finite, by running it again.

    The loop is deterministic, so that looking back costs nothing until it is needed.
    """
    none = program.no_sums()

    def run(last: int) -> tuple[TrainState, NDArray[Any]]:
        after = programs.loop(program, before, *piece._replace(last=last), none)
        return after.state, transfers.to_host(after.finite)

    state, finite = run(piece.last)
    if finite.all():
        return piece.last, state, "the loss"
    good, bad = piece.first, piece.last
    while bad - good > 1:
        middle = (good + bad) // 2
        if run(middle)[1].all():
            good = middle
        else:
            bad = middle
    _, finite = run(bad)
    paths = list(weights.by_path(before.params))
    return good, run(good)[0], f"the weight {paths[int(np.argmin(finite))]!r}"

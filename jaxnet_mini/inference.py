"""One call of ``evaluate`` or ``predict``, seen from the host."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini import data, programs
from jaxnet_mini.callbacks import CallbackList, Logs, ProgbarLogger
from jaxnet_mini.data import Data
from jaxnet_mini.progress import Stopwatch
from jaxnet_mini.states import Sums
from jaxnet_mini.train import Trainer


def evaluate(
    trainer: Trainer,
    params: Any,
    stacks: list[Data],
    callbacks: CallbackList,
    verbose: int = 0,
) -> Logs:
    """Return loss and metrics over all stacks of batches, as floats."""
    program = trainer.program()
    stepwise = callbacks.watches_batches("test")
    rows, steps = _extent(stacks)
    watch = Stopwatch()
    sums = programs.no_sums(trainer)
    bar = ProgbarLogger.among(callbacks.callbacks).bar("Evaluate", steps, rows, verbose)
    try:
        if verbose:
            watch.start()
            jax.block_until_ready(
                programs.evaluate(program, params, stacks[0], 0, 0, sums)
            )
            bar.compiled(watch.stop())
            watch = Stopwatch()
        callbacks.model.stop_evaluating = False
        callbacks.call("on_test_begin", {})
        done = 0
        watch.start()
        for stack, first, last in _runs(stacks, stepwise):
            if stepwise:
                callbacks.call("on_test_batch_begin", done, {})
            sums = programs.evaluate(program, params, stack, first, last, sums)
            done += last - first
            if stepwise or bar.redraws or done == steps:
                # Otherwise the next stack is on its way while this one is computed.
                logs = sums_to_logs(trainer, sums)
                watch.stop()
                if stepwise:
                    callbacks.call("on_test_batch_end", done - 1, logs)
                bar.update(done, watch.seconds, logs)
                if callbacks.model.stop_evaluating:
                    break
                watch.start()
        callbacks.call("on_test_end", logs)
        bar.end(logs)
    finally:
        bar.abandon()
    return logs


def predict_batch(net: Any, params: Any, x: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return the outputs for the first rows of one batch, the shortest way."""
    return np.asarray(programs.apply(net, params, x))[:rows].copy()


def predict(
    net: Any, params: Any, stacks: list[Data], callbacks: CallbackList, verbose: int
) -> NDArray[Any]:
    """Return the outputs for all rows of all stacks, in order, as a NumPy array."""
    stepwise = callbacks.watches_batches("predict")
    rows, steps = _extent(stacks)
    watch = Stopwatch()
    pieces: list[Any] = []
    bar = ProgbarLogger.among(callbacks.callbacks).bar("Predict", steps, rows, verbose)
    try:
        callbacks.model.stop_predicting = False
        callbacks.call("on_predict_begin", {})
        done = 0
        watch.start()
        for stack, first, last in _runs(stacks, stepwise):
            if stepwise:
                callbacks.call("on_predict_batch_begin", done, {})
            outputs = programs.predict(net, params, stack.x, first, last)
            done += last - first
            if stepwise:
                outputs = np.asarray(outputs)[first:last]
                batch_size = outputs.shape[1]
                logs = {"outputs": outputs[0][: rows - (done - 1) * batch_size]}
                callbacks.call("on_predict_batch_end", done - 1, logs)
            pieces.append(outputs)
            if bar.redraws:
                jax.block_until_ready(outputs)
            watch.stop()
            bar.update(done, watch.seconds, {})
            watch.start()
            if callbacks.model.stop_predicting:
                rows = min(rows, done * stack.x.shape[1])
                break
        flat = [np.asarray(piece).reshape(-1, *piece.shape[2:]) for piece in pieces]
        callbacks.call("on_predict_end", {})
        bar.update(done, watch.seconds + watch.stop(), {})
        bar.end({})
    finally:
        bar.abandon()
    return flat[0][:rows] if len(flat) == 1 else np.concatenate(flat)[:rows]


def _extent(stacks: list[Data]) -> tuple[int, int]:
    batch_size = stacks[0].x.shape[1]
    rows = sum(int(stack.rows) for stack in stacks)
    return rows, data.steps_for(rows, batch_size)


def _runs(stacks: list[Data], stepwise: bool) -> Iterator[tuple[Data, int, int]]:
    """Yield a stack with the batches to run: all that hold rows, or one at a time."""
    for stack in stacks:
        steps = data.steps_for(int(stack.rows), stack.x.shape[1])
        if stepwise:
            yield from ((stack, step, step + 1) for step in range(steps))
        else:
            yield stack, 0, steps


def sums_to_logs(trainer: Trainer, sums: Sums) -> Logs:
    """Return loss and metrics as plain floats, computed on the host in float64.

    A metric of several values, such as a precision at each of some thresholds, is a
    list.
    """
    logs = trainer.logs(sums.value())
    return {name: np.asarray(value).tolist() for name, value in logs.items()}

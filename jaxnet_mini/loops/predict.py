"""One call of ``predict``, seen from the host."""

import itertools
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import CallbackList, ProgbarLogger
from jaxnet_mini.devices import programs, transfers
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.loops.evaluate import IN_FLIGHT, Source


def predict_batch(net: Any, params: Any, x: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return the outputs for the first rows of one batch, the shortest way."""
    return transfers.to_host(programs.apply(net, params, x))[:rows].copy()


@interrupts.held_back()
def predict(
    net: Any,
    params: Any,
    stacks: Source,
    callbacks: CallbackList,
    placement: Placement,
    verbose: int,
) -> NDArray[Any]:
    """Return the outputs for all rows of all stacks, in order, as a NumPy array.

    Raises:
        DataError: see `evaluate`.
    """
    stepwise = callbacks.watches_batches("predict")
    runs = stacks.runs(stepwise)
    begun = next(runs)
    pieces: list[tuple[Any, int]] = []
    progbar = ProgbarLogger.among(callbacks.callbacks)
    bar = progbar.bar("Predict", stacks.batches, stacks.rows, verbose)
    try:
        callbacks.model.stop_predicting = False
        callbacks.call("on_predict_begin", {})
        done = 0
        for stack, first, last in itertools.chain([begun], runs):
            interrupts.let_in()
            if stepwise:
                callbacks.call("on_predict_batch_begin", done, {})
            inputs = placement.batches(stack.x)
            outputs = programs.predict(net, params, inputs, first, last)
            done += last - first
            size = stack.x.shape[1]
            rows = min(int(stack.rows) - first * size, (last - first) * size)
            if stepwise:
                outputs = transfers.to_host(outputs)[first:last]
                logs = {"outputs": outputs[0][:rows]}
                callbacks.call("on_predict_batch_end", done - 1, logs)
            pieces.append((outputs, rows))
            if bar.redraws:
                jax.block_until_ready(outputs)
            elif len(pieces) > IN_FLIGHT:
                jax.block_until_ready(pieces[-IN_FLIGHT - 1])
            bar.update(done, bar.clock.elapsed, {})
            if callbacks.model.stop_predicting:
                break
        else:
            if stacks.batches is None:
                bar.count(done)
        flat = [_rows(*piece) for piece in pieces]
        callbacks.call("on_predict_end", {})
        bar.update(done, bar.clock.elapsed, {})
        bar.end({})
    finally:
        runs.close()
        bar.abandon()
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def _rows(outputs: Any, rows: int) -> NDArray[Any]:
    """Return the first rows of a stack of outputs."""
    host: NDArray[Any] = transfers.to_host(outputs)
    return host.reshape(-1, *outputs.shape[2:])[:rows]

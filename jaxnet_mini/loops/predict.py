"""One call of ``predict``, seen from the host."""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import CallbackList, Logs
from jaxnet_mini.core.training.state import Data, length
from jaxnet_mini.core.types import RandomKey, Variables
from jaxnet_mini.devices import programs, transfers
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.loops import padding
from jaxnet_mini.loops.forward import Job, Source, run_through


def predict_batch(
    net: Any, variables: Variables, x: Any, rows: int, key: RandomKey | None
) -> Any:
    """Return the outputs for the first rows of one batch, the shortest way."""

    def first(outputs: jax.Array) -> NDArray[Any]:
        return transfers.to_host(outputs)[:rows].copy()

    drawn: tuple[Any, ...] = ()
    if key is not None:
        size = jax.tree.leaves(x)[0].shape[0]
        drawn = (key, np.arange(size) < rows)
    found = programs.apply(net, variables, x, *drawn)
    one = isinstance(found, jax.Array)
    return first(found) if one else jax.tree.map(first, found)


@interrupts.held_back()
def predict(
    net: Any,
    variables: Variables,
    stacks: Source,
    callbacks: CallbackList,
    placement: Placement,
    verbose: int,
    *,
    steps: int | None = None,
    key: RandomKey | None = None,
) -> Any:
    """Return the outputs for all rows of all stacks, in order, as NumPy arrays.

    A person is shown ``steps``, or else as many as there are batches. A ``key`` is for
    networks of which a part acts as in training in any case.

    Raises:
        DataError: see `jaxnet_mini.loops.forward.run_through`.
    """
    work = _Prediction(net, variables, placement, key)
    run_through(work, stacks, callbacks, verbose, steps)
    return work.outputs


class _Prediction:
    """See `jaxnet_mini.loops.forward.Work`."""

    label, flag = "Predict", "stop_predicting"
    hook: Job = "predict"

    def __init__(
        self,
        net: Any,
        variables: Variables,
        placement: Placement,
        key: RandomKey | None,
    ) -> None:
        self.net, self.variables, self.placement = net, variables, placement
        self.key = key
        self.pieces: list[tuple[Any, slice, int]] = []
        self.outputs: Any = None

    def compile(self, stack: Data, room: bool) -> Any:
        stack = stack._replace(x=self.placement.stack(stack.x))
        arguments = self._arguments(stack, 0, 0)
        if room:
            programs.predict.compile_with_room(*arguments)
        return programs.predict(*arguments)

    def _arguments(self, stack: Data, first: int, last: int) -> tuple[Any, ...]:
        drawn: tuple[Any, ...] = ()
        if self.key is not None:
            drawn = ((jax.random.fold_in(self.key, len(self.pieces)), stack.rows),)
        return self.net, self.variables, stack.x, first, last, *drawn

    def take(self, stack: Data, first: int, last: int) -> Any:
        stack = stack._replace(x=self.placement.stack(stack.x))
        batches = stack, first, last
        for part, begin, end in padding.parts(self.net, self.variables, batches):
            outputs = programs.predict(*self._arguments(part, begin, end))
            size = jax.tree.leaves(part.x)[0].shape[1]
            rows = min(int(part.rows) - begin * size, (end - begin) * size)
            self.pieces.append((outputs, slice(begin, end), rows))
        return outputs

    def batch(self) -> Logs:
        # A copy, or each batch would keep the outputs of its whole stack.
        *_, rows = self.pieces[-1]
        outputs = jax.tree.map(np.copy, _rows(*self.pieces[-1]))
        self.pieces[-1] = jax.tree.map(lambda own: own[None], outputs), slice(1), rows
        return {"outputs": outputs}

    def logs(self) -> Logs:
        jax.block_until_ready(self.pieces[-1][0])
        return {}

    def end(self) -> Logs:
        rows, outputs = sum(rows for *_, rows in self.pieces), self.pieces[0][0]
        self.outputs = jax.tree.map(
            lambda own: np.empty((rows, *own.shape[2:]), own.dtype), outputs
        )
        del outputs
        first = 0
        while self.pieces:
            # Each is let go of once it is copied, or all would be there twice.
            first = _copy(_rows(*self.pieces.pop(0)), self.outputs, first)
        return {}


def _copy(rows: Any, whole: Any, first: int) -> int:
    """Copy rows into a whole from its row ``first`` on; return the one behind them."""
    last = first + length(rows)
    jax.tree.map(lambda own, all_: np.copyto(all_[first:last], own), rows, whole)
    return last


def _rows(outputs: Any, batches: slice, rows: int) -> Any:
    """Return the first rows of some batches of a stack of outputs."""

    def of_one(outputs: Any) -> NDArray[Any]:
        host: NDArray[Any] = transfers.to_host(outputs)[batches]
        return host.reshape(-1, *outputs.shape[2:])[:rows]

    return jax.tree.map(of_one, outputs)

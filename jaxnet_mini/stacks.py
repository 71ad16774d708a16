"""Batches that a user gives, on their way to an evaluation or a prediction."""

from collections.abc import Generator, Iterator
from threading import Event

import jax

from jaxnet_mini.base.ahead import ahead
from jaxnet_mini.buffers import Buffers, Gathered
from jaxnet_mini.checked import Checked, grown
from jaxnet_mini.checks import Examples
from jaxnet_mini.core.training.state import Data


class BatchStacks:
    """What `data.Stacks` is of arrays: each batch is a stack of its own.

    So loss and metrics see the batches that the user knows. A batch is padded to the
    size of the first, or of a larger one that came before it.

    Args:
        checked: where the batches come from.

    Attributes:
        batches: how many an evaluation has; None where nobody knows it.
        rows: how many examples these have; where nobody knows it, one of them.
        begun: how many times they were run through.
        first: the first batch.
    """

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._buffers = Buffers()
        self.first = checked.first
        self._size = len(self.first.x)
        self.batches = checked.steps
        self.rows = (self.batches or 1) * self._size
        self.begun = 0

    def stack(self, number: int) -> Data:
        """Return a stack that looks like all others, whatever its number."""
        del number
        return self._stack(self.first, self._size)

    def runs(self, stepwise: bool) -> Generator[tuple[Data, int, int], None, None]:
        """Yield each batch as a stack, with the steps to run of it.

        Raises:
            ArgumentError, DataError, ShapeError: a batch is bad or does not come.
        """
        del stepwise  # each is a step
        begun, self.begun = self.begun, self.begun + 1

        def made(ended: Event) -> Iterator[tuple[Data, int, int]]:
            for _ in self._checked.go_to(begun, 0):
                if ended.is_set():
                    return
            size, left = self._size, self.batches
            while left is None or left:
                batch = self._checked.next()
                if batch is None:
                    return
                size = grown(size, len(batch.x))
                with self._checked.named():
                    # Copied before the next one comes: many refill one buffer.
                    stack = self._stack(batch, size)
                yield stack, 0, 1
                left = None if left is None else left - 1

        with self._checked.epoch():
            yield from ahead(made)

    def _stack(self, batch: Examples, size: int) -> Data:
        gathered = Gathered(self.first, size, self._buffers)
        gathered.put(0, batch)
        x, y, weight, rows = gathered.done()
        x, y, weight = jax.tree.map(lambda array: array[None], (x, y, weight))
        return Data(x, y, weight, rows)

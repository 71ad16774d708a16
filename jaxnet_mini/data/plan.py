"""How one call of ``fit`` goes through the data."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.data import epoch_order


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one call of ``fit`` goes through the data.

    ``seed`` and the index of a pass over the data determine the order of that pass. A
    step is computed in ``batch_pieces`` pieces of its batch. Where nobody knows how
    many batches an epoch will have, it is not ``counted``, and ``rows`` are those of
    one.
    """

    rows: int
    batch_size: int
    epochs: int
    initial_epoch: int
    steps_per_epoch: int | None
    shuffle: bool
    seed: tuple[int, ...]
    batch_pieces: int = 1
    counted: bool = True

    @property
    def steps_per_pass(self) -> int:
        """The number of batches in all rows."""
        return epoch_order.steps_for(self.rows, self.batch_size)

    @property
    def steps(self) -> int | None:
        """The number of steps in an epoch; None where it is not counted."""
        return self._steps if self.counted else None

    @property
    def _steps(self) -> int:
        return self.steps_per_epoch or self.steps_per_pass

    @property
    def rows_per_epoch(self) -> int:
        """The number of rows in an epoch; of one of some steps, as if all were full.

        Where it is not counted, of each of its steps.
        """
        return self._steps * self.batch_size if self.steps_per_epoch else self.rows

    def pieces(self, epoch: int, done: int = 0) -> Iterator[tuple[int, int, int]]:
        """Yield ``(pass over the data, first step, last step)`` of an epoch.

        The first ``done`` steps are left out. An epoch is one pass, unless
        ``steps_per_epoch`` says otherwise: then each epoch goes on where the one
        before it ended, as in Keras. Rows in their own order begin with the first of
        them, whichever epoch that is.
        """
        # In another order those of earlier epochs, of the same seed, come before.
        begin = (epoch - (0 if self.shuffle else self.initial_epoch)) * self._steps
        position, end = begin + done, begin + self._steps
        while position < end:
            number, first = divmod(position, self.steps_per_pass)
            last = min(self.steps_per_pass, first + end - position)
            yield number, first, last
            position += last - first

    @property
    def no_order(self) -> NDArray[Any]:
        """What an order looks like, for a loop of no steps."""
        shape = epoch_order.order_shape(self.rows, self.batch_size, self.batch_pieces)
        return np.zeros(shape, np.int32)

    def order(self, number: int) -> NDArray[Any]:
        """Return the order of a pass over the data."""
        return epoch_order.order(
            self.seed,
            number,
            self.rows,
            self.batch_size,
            self.shuffle,
            self.batch_pieces,
        )

"""Batches that a user gives, checked one by one."""

import contextlib
from collections.abc import Callable, Iterator

from jaxnet_mini.data import checks
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.iterables import Batches, Triple
from jaxnet_mini.errors import DataError, JaxnetError


class CheckedBatches:
    """Batches that are checked as they come, all like the first.

    Args:
        batches: where they come from.
        check: makes checked examples of one.

    Attributes:
        first: the first batch, in memory of its own: it is looked at long before its
            turn, and may be refilled meanwhile.

    Raises:
        ArgumentError, DataError, ShapeError: the first is bad.
    """

    def __init__(self, batches: Batches, check: Callable[[Triple], Examples]) -> None:
        self.first = checks.copied(check(batches.first))
        self.steps = batches.steps
        self._batches = batches
        self._check = check

    def next(self) -> Examples | None:
        """Return the next batch, None where all of a pass have come.

        Raises:
            ArgumentError, DataError, ShapeError: it is bad, or there is none.
        """
        batch = self._batches.next()
        if batch is None:
            return None
        if batch is self._batches.first:
            return self.first
        with self.named():
            checked = self._check(batch)
        self._compare(checked)
        return checked

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Say in an error that it came with the batch that was asked for last."""
        try:
            yield
        except JaxnetError as error:
            raise type(error)(f"in batch {self._batches.taken}, {error}") from None

    def go_to(
        self, epoch: int, step: int, seed: tuple[int, ...] | None = None
    ) -> Iterator[Examples]:
        """Go on from an epoch's step; yield the batches of the epoch before it.

        See `Batches.go_to`.
        """
        for left in range(self._batches.go_to(epoch, step, seed), 0, -1):
            batch = self.next()
            if batch is not None and left <= step:
                yield batch

    @contextlib.contextmanager
    def epoch(self) -> Iterator[None]:
        """Tell the iterable that an epoch begins and, if it is whole, that it ends."""
        self._batches.tell("on_epoch_begin")
        yield
        self._batches.tell("on_epoch_end")

    def _compare(self, batch: Examples) -> None:
        """Raise a DataError where a batch is not like the first."""
        here, first = dict(batch.named()), dict(self.first.named())
        for name in {**first, **here}:
            came, wanted = (
                f"dtype {own[name].dtype}" if name in own else "none"
                for own in (here, first)
            )
            if came != wanted:
                raise DataError(
                    f"batch {self._batches.taken} of x has {came} for {name}, and the "
                    f"first had {wanted}: give all batches alike."
                )


def grown(size: int, rows: int) -> int:
    """Return the size to pad batches to, where one of so many rows has come.

    A power of two, so that sizes that grow again and again are few programs.
    """
    return size if rows <= size else 1 << (rows - 1).bit_length()

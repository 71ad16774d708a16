"""A user's iterable of batches: a generator, a data loader, a data set."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from jaxnet_mini import arguments
from jaxnet_mini.arrays import is_array
from jaxnet_mini.checks import as_triple
from jaxnet_mini.errors import ArgumentError, DataError

ARRAYS = (list, tuple, range, str, bytes, Mapping, Set)
"""What can be iterated over and is taken as one array, or as a mistake."""


class Batches:
    """Batches that are asked for one after another.

    Args:
        iterable: gives ``(x, y)`` or ``(x, y, sample_weight)``.
        steps: those of an epoch; None is one pass over the iterable.

    Attributes:
        first: the first batch, as a triple.
        steps: those of an epoch.
        taken: how many were asked for so far.

    Raises:
        ArgumentError: nobody knows how many batches an epoch has, or the first is none.
        DataError: there is no batch.
    """

    def __init__(self, iterable: Any, steps: int | None) -> None:
        self._iterable: Any = iterable
        self._continued = steps is not None
        if steps is None:
            if not hasattr(iterable, "__len__"):
                raise ArgumentError(
                    "steps_per_epoch is needed where x is a "
                    f"{type(iterable).__name__}, of which nobody knows the length: "
                    "give the number of batches in an epoch."
                )
            steps = arguments.check_count("len(x)", len(iterable))
        self.steps = steps
        self.taken = 0
        iterator: Iterator[Any] = iter(iterable)
        self._one_pass = iterator is iterable
        try:
            first = next(iterator)
        except StopIteration:
            raise DataError(
                "x gives no batch: an iterable of at least one (x, y) is expected."
            ) from None
        self.first = as_triple(first, "a batch of x")
        self._iterator = iterator
        self._looked_at = True

    def next(self) -> tuple[Any, Any, Any]:
        """Return the next batch, as a triple: `first` itself where it is that one.

        Where steps were given, an iterable that has ended begins again.

        Raises:
            ArgumentError: what came is no batch.
            DataError: there is none.
        """
        if self._looked_at:
            self._looked_at, self.taken = False, 1
            return self.first
        for _ in range(2):
            for batch in self._iterator:
                self.taken += 1
                return as_triple(batch, "a batch of x")
            if self._one_pass or not self._continued:
                break
            self._iterator = iter(self._iterable)
        raise DataError(
            f"x gave out after {self.taken} batches, and an epoch has {self.steps}: "
            "let it give as many as steps_per_epoch times epochs, or ask for fewer."
        )

    def go_to(self, epoch: int, step: int) -> None:
        """Go on from an epoch's step, which may lie back where x can begin again.

        Where steps were given, the batches of an epoch are those after the epoch
        before it; else each epoch is a pass of its own.
        """
        place = step + (epoch * self.steps if self._continued else 0)
        if place < self.taken:
            self._iterator, self.taken = iter(self._iterable), 0
            self._looked_at = False
        for _ in range(place - self.taken):
            self.next()


def gives_batches(x: Any) -> bool:
    """Return whether ``x`` is an iterable of batches, and no array."""
    own = hasattr(x, "__iter__") or (
        hasattr(x, "__getitem__") and hasattr(x, "__len__")
    )
    return own and not isinstance(x, ARRAYS) and not is_array(x)


def opened(
    x: Any, y: Any, sample_weight: Any, steps_per_epoch: int | None
) -> Batches | None:
    """Return the batches that ``x`` gives, or None where it is an array.

    Raises:
        ArgumentError: targets or weights are given beside it; see also `Batches`.
        DataError: see `Batches`.
    """
    if not gives_batches(x):
        return None
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ArgumentError(
                f"{name} is given beside an x that gives batches "
                f"({type(x).__name__}): let x give (x, y) or (x, y, sample_weight), "
                "or give arrays."
            )
    return Batches(x, steps_per_epoch)

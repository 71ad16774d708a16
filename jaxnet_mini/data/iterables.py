"""Whatever gives batches: a generator, a data loader, a sequence, a data set."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from jaxnet_mini.base import arguments, notices
from jaxnet_mini.data import checks
from jaxnet_mini.data.arrays import is_array
from jaxnet_mini.devices import processes
from jaxnet_mini.errors import ArgumentError, DataError

ARRAYS = (list, tuple, range, str, bytes, Mapping, Set)
"""What can be iterated over and is taken as one array, or as a mistake."""

ONCE = ("builtins", "itertools")
"""The modules of iterators, such as generators, that surely cannot begin again."""

Triple = tuple[Any, Any, Any]
Read = Callable[[Any, str], Triple]


class Door(NamedTuple):
    """What a message calls the arguments through which batches come in."""

    x: str = "x"
    steps: str = "steps"
    batch_size: str = "batch_size"
    passes: str = "passes"


FIT = Door("x", "steps_per_epoch", passes="epochs")
VALIDATION = Door(
    "validation_data", "validation_steps", "validation_batch_size", "evaluations"
)
ONE_PASS = Door()


class _Indexed:
    """A sequence of batches, as Keras's ``PyDataset`` is, with an order for each pass.

    Args:
        own: it is asked for its batches by number, and for nothing beyond its length.
        length: how many it has.
    """

    def __init__(self, own: Any, length: int) -> None:
        self._own = own
        self._length = length
        self.seed: tuple[int, ...] | None = None
        self.number = 0

    def __iter__(self) -> Iterator[Any]:
        order: Sequence[int] = range(self._length)
        if self.seed is not None:
            seed = [len(self.seed), *self.seed, self.number]
            order = np.random.default_rng(seed).permutation(self._length).tolist()
        self.number += 1
        return (self._own[index] for index in order)


class Batches:
    """Batches that are asked for one after another.

    Args:
        iterable: gives the batches.
        steps: those of an epoch; None is one pass over the iterable.
        door: what messages call the arguments.
        read: makes a triple of a batch.
        goes_on: whether an epoch of ``steps`` goes on where the one before it ended;
            what cannot begin again always does.

    Attributes:
        first: the first batch, as a triple.
        steps: those of an epoch; None where a pass has to show how many there are.
        taken: how many were asked for since the iterable began, or since the first of
            several epochs that go on.

    Raises:
        ArgumentError: the first batch is none, or the length is no number.
        DataError: there is no batch.
    """

    def __init__(
        self,
        iterable: Any,
        steps: int | None = None,
        door: Door = FIT,
        read: Read = checks.as_triple,
        goes_on: bool = True,
    ) -> None:
        self._own = iterable
        self._door = door
        self._read = read
        length = _length(iterable, door)
        indexed = length is not None and _is_sequence(iterable)
        self._iterable = _Indexed(iterable, length or 0) if indexed else iterable
        self.steps = length if steps is None else steps
        self.taken = 0
        self._iterator: Iterator[Any] = iter(self._iterable)
        self._one_pass = self._iterator is iterable
        self._continued = steps is not None and (goes_on or self._one_pass)
        for first in self._iterator:
            self.first = read(first, f"a batch of {door.x}")
            break
        else:
            raise DataError(
                f"{door.x} gives no batch: an iterable of at least one (x, y) is "
                "expected."
            )
        self._looked_at = True

    def next(self) -> Triple | None:
        """Return the next batch: `first` itself where it is that one.

        None where a pass that nobody knew the length of is over. Where epochs go on, an
        iterable that has ended begins again.

        Raises:
            ArgumentError: what came is no batch.
            DataError: there is none, though there should be.
        """
        if self._looked_at:
            self._looked_at, self.taken = False, 1
            return self.first
        for _ in range(2):
            for batch in self._iterator:
                self.taken += 1
                return self._read(batch, f"a batch of {self._door.x}")
            if self._one_pass or not self._continued:
                break
            self._iterator = iter(self._iterable)
        if self.steps is None and self.taken:
            return None
        raise DataError(self._gave_out())

    def _gave_out(self) -> str:
        x, steps, _, passes = self._door
        if self.steps is None:
            return (
                f"{x} gave all its batches in one pass, and none in the next: give "
                f"{steps}, the number of batches in each, or what begins again."
            )
        if passes == FIT.passes:
            return (
                f"{x} gave out after {self.taken} batches, and an epoch has "
                f"{self.steps}: let it give as many as {steps} times {passes}, or ask "
                "for fewer."
            )
        return (
            f"{x} gave out after {self.taken} batches, and {self.steps} were to come: "
            f"let it give more, or give a smaller {steps}."
        )

    def go_to(self, epoch: int, step: int, seed: tuple[int, ...] | None = None) -> int:
        """Return how many batches stand before an epoch's step.

        Args:
            epoch: counted from the first in which batches are asked for.
            step: of that epoch.
            seed: of the order in which a sequence gives its batches; None leaves them
                in their own.
        """
        place = step + (epoch * (self.steps or 0) if self._continued else 0)
        ended = self.steps is None and epoch and self.taken
        own = self._iterable
        if isinstance(own, _Indexed) and (place < self.taken or not self.taken):
            # What was looked at is asked for again, in its turn.
            own.seed, own.number, ended = seed, 0 if self._continued else epoch, True
        if place < self.taken or ended:
            self._iterator, self.taken = iter(own), 0
            self._looked_at = False
        return place - self.taken

    def tell(self, event: str) -> None:
        """Call a method of what gives the batches, if it has it, as Keras does."""
        hook = getattr(self._own, event, None)
        if callable(hook):
            hook()


def gives_batches(x: Any) -> bool:
    """Return whether ``x`` is an iterable of batches, and no array."""
    countable = hasattr(x, "__len__") or hasattr(type(x), "num_batches")
    own = hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and countable)
    return own and not isinstance(x, ARRAYS) and not is_array(x)


def _is_sequence(x: Any) -> bool:
    """Tell whether batches are asked for by their numbers, as Keras does."""
    known = hasattr(x, "on_epoch_end") or not hasattr(x, "__iter__")
    return known and hasattr(x, "__getitem__")


def _length(iterable: Any, door: Door) -> int | None:
    """Return how many batches a pass has, None where nobody knows."""
    try:
        length = getattr(iterable, "num_batches", None)
        if length is None or callable(length):
            length = len(iterable)
    except (TypeError, NotImplementedError):  # as data sets of unknown length say it
        return None
    return arguments.check_count(f"len({door.x})", length)


def opened(
    x: Any,
    y: Any,
    sample_weight: Any,
    steps: int | None,
    batch_size: int | None = None,
    *,
    door: Door = FIT,
    read: Read = checks.as_triple,
    passes: int = 1,
) -> Batches | None:
    """Return the batches that ``x`` gives, or None where it is an array.

    Args:
        x: given to ``fit`` and its kin, as the three that follow.
        y: targets.
        sample_weight: weights by example.
        steps: see `Batches`.
        batch_size: examples at a time.
        door: see `Batches`.
        read: see `Batches`.
        passes: how many epochs or evaluations there are to be.

    Raises:
        ArgumentError: targets or weights are given beside it, it can be passed over but
            once, or there are several processes; see also `Batches`.
        DataError: see `Batches`.
    """
    if not gives_batches(x):
        return None
    kind = type(x).__name__
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ArgumentError(
                f"{name} is given beside an x that gives batches ({kind}): let x give "
                "(x, y) or (x, y, sample_weight), or give arrays."
            )
    if processes.several():
        raise ArgumentError(
            f"{door.x} gives batches, which one process alone can be fed with: give "
            "arrays, those of each process's share, where several train together."
        )
    if batch_size is not None:
        notices.warn_once(
            f"{door.batch_size}={batch_size!r} changes nothing: {door.x} gives "
            "batches, which have the size that they come with."
        )
    if steps is None and passes > 1 and _comes_once(x):
        raise ArgumentError(
            f"{door.x} is a {kind}, which gives its batches once, and {passes} "
            f"{door.passes} are asked for: give {door.steps}, the number of batches in "
            "each, or what begins again, such as a data loader."
        )
    return Batches(x, steps, door, read, goes_on=door == FIT)


def _comes_once(x: Any) -> bool:
    """Tell whether ``x`` is an iterator that is known not to begin again."""
    return type(x).__module__ in ONCE and iter(x) is x

"""Examples that do not lie on the device as a whole: they come in chunks.

A chunk is a number of batches. A thread makes one and moves it to the device while the
one before it is trained on, in the same compiled loop that runs over resident examples.
"""

import contextlib
import math
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini import casting, checks, data, interrupts
from jaxnet_mini.batches import Batches
from jaxnet_mini.buffers import Buffers
from jaxnet_mini.checks import NAMES, Examples
from jaxnet_mini.data import NO_ROW, Data
from jaxnet_mini.errors import DataError
from jaxnet_mini.feeds import Piece
from jaxnet_mini.placement import Placement
from jaxnet_mini.plans import Plan

CHUNK_BYTES = 64 << 20
CHUNK_STEPS = 256
"""A chunk has at most so many bytes of inputs and so many batches, and one at least."""

BLOCKS = 16
"""From so many places of the file comes what one chunk mixes."""

IN_FLIGHT = 1
"""How many chunks lie ready, at most, besides the one that is trained on and the one
that is being made."""

LOOK_SECONDS = 0.1
"""How often the host looks for Ctrl-C while it waits for a chunk."""

T = TypeVar("T")


def steps_of_chunk(x: NDArray[Any], batch_size: int, steps: int) -> int:
    """Return how many batches a chunk has, a power of two.

    Args:
        x: inputs.
        batch_size: examples in a batch.
        steps: all batches there are.
    """
    row_bytes = max(1, math.prod(x.shape[1:])) * casting.device_dtype(x.dtype).itemsize
    limit = max(1, min(CHUNK_STEPS, CHUNK_BYTES // (row_bytes * batch_size)))
    return min(1 << (limit.bit_length() - 1), data.rounded_steps(steps))


class _Filling:
    """A chunk that takes over examples as they come, see `casting.Filling`."""

    def __init__(self, like: Examples, capacity: int, buffers: Buffers) -> None:
        self._parts = [
            None if a is None else casting.Filling(a, capacity, name, buffers.empty)
            for a, name in zip(like, NAMES, strict=True)
        ]
        self._rows = 0

    def put(self, place: int, examples: Examples, first_row: int = 0) -> None:
        for part, array in zip(self._parts, examples, strict=True):
            if part is not None and array is not None:
                part.put(place, array, first_row)
        self._rows = place + len(examples.x)

    def done(self) -> Data:
        x, y, weight = (None if p is None else p.done() for p in self._parts)
        return Data(x, y, weight, np.int32(self._rows))


class _Chunked:
    """What both kinds of streams share: shapes, and chunks on their way."""

    def __init__(
        self, like: Examples, batch_size: int, steps: int, placement: Placement
    ) -> None:
        # ``like`` shows the shapes of rows, and ``steps`` are those of an epoch.
        self._batch_size = batch_size
        self._placement = placement
        self._buffers = Buffers()
        self._steps = steps_of_chunk(like.x, batch_size, steps)
        self._capacity = self._steps * batch_size

        def shape(array: NDArray[Any]) -> jax.ShapeDtypeStruct:
            dtype = casting.device_dtype(array.dtype)
            return jax.ShapeDtypeStruct((self._capacity, *array.shape[1:]), dtype)

        x, y, weight = jax.tree.map(shape, tuple(like))
        count = jax.ShapeDtypeStruct((), np.dtype(np.int32))
        self._shapes = Data(x, y, weight, count)

    @property
    def nbytes(self) -> int:
        """How much memory all chunks take that are on their way."""
        leaves = jax.tree.leaves(self._shapes)
        chunk = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
        return int((IN_FLIGHT + 2) * chunk)

    def shapes(self, plan: Plan) -> tuple[Any, Any]:
        """Return the shapes of a chunk and of its order."""
        shape = data.pieces_shape(self._steps, self._batch_size, plan.batch_pieces)
        order = jax.ShapeDtypeStruct(shape, np.dtype(np.int32))
        return self._placement.everywhere(self._shapes), self._placement.order(order)

    def empty(self, plan: Plan) -> tuple[Any, Any]:
        """Return a chunk of zeros, and an order of nothing."""
        shapes, order = self.shapes(plan)
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        nothing = np.full(order.shape, NO_ROW, np.int32)
        return self._placement.everywhere(zeros), self._placement.order(nothing)

    def _filling(self, like: Examples) -> "_Filling":
        return _Filling(like, self._capacity, self._buffers)

    def _piece(
        self, plan: Plan, chunk: Data, order: NDArray[Any], first: int, last: int
    ) -> Piece:
        shape = data.pieces_shape(self._steps, self._batch_size, plan.batch_pieces)
        placed = self._placement.everywhere(chunk)
        order = self._placement.order(order.reshape(shape))
        placed, order = self._placement.put((placed, order))
        return Piece(placed, order, first, last)


class StreamedArrays(_Chunked):
    """Arrays that stay where they are, as memory-mapped files do, but for a chunk.

    Shuffled, each pass cuts the rows into blocks, from another row on each time, and
    mixes the rows of `BLOCKS` blocks at random in each chunk: every row comes exactly
    once, and the file is read in long pieces.

    Args:
        examples: checked; the values of ``x`` are checked chunk by chunk.
        batch_size: examples in a step.
        placement: where to put chunks.
    """

    def __init__(
        self, examples: Examples, batch_size: int, placement: Placement
    ) -> None:
        steps = data.steps_for(len(examples.x), batch_size)
        super().__init__(examples, batch_size, steps, placement)
        self._examples = examples
        self._block = self._capacity // math.gcd(self._capacity, BLOCKS)

    def pieces(
        self, plan: Plan, epoch: int, done: int = 0
    ) -> Generator[Piece, None, None]:
        """Yield the chunks of an epoch, without its first ``done`` steps."""

        def made() -> Iterator[Piece]:
            for number, start, end in plan.pieces(epoch, done):
                seed = (len(plan.seed), *plan.seed, number)
                cut = self._cut(seed) if plan.shuffle else None
                for chunk, first, last in _chunks(start, end, self._steps):
                    slices, order = self._rows(chunk, seed, cut)
                    examples = self._gathered(slices)
                    yield self._piece(plan, examples, order, first, last)

        yield from ahead(made())

    def _cut(self, seed: tuple[int, ...]) -> tuple[int, NDArray[Any]]:
        """Return from which row on a pass is cut into blocks, and their order."""
        rows = len(self._examples.x)
        generator = np.random.default_rng(seed)
        start = int(generator.integers(rows))
        return start, generator.permutation(rows // self._block)

    def _rows(
        self,
        chunk: int,
        seed: tuple[int, ...],
        cut: tuple[int, NDArray[Any]] | None,
    ) -> tuple[list[slice], NDArray[Any]]:
        """Return which rows a chunk has, and in which order they are learned.

        Without a cut that is their order in the file.
        """
        rows, block = len(self._examples.x), self._block
        first = chunk * self._capacity
        last = min(first + self._capacity, rows)
        order = np.full(self._capacity, NO_ROW, np.int32)
        order[: last - first] = np.arange(last - first)
        if cut is None:
            return [slice(first, last)], order
        start, blocks = cut
        slices = []
        for position in range(first, last, block):
            place = position // block
            # What is left after the last whole block stays there.
            own = int(blocks[place]) if place < len(blocks) else place
            begin = (start + own * block) % rows
            end = begin + min(block, last - position)
            slices.append(slice(begin, min(end, rows)))
            if end > rows:
                slices.append(slice(0, end - rows))
        np.random.default_rng([*seed, chunk]).shuffle(order[: last - first])
        return slices, order

    def _gathered(self, slices: list[slice]) -> Data:
        filling = self._filling(self._examples)
        place = 0
        for part in slices:
            rows = self._examples.rows(part.start, part.stop)
            filling.put(place, rows, part.start)
            place += len(rows.x)
        return filling.done()


class StreamedBatches(_Chunked):
    """Batches from a user's iterable, checked, in chunks.

    Args:
        batches: where they come from.
        check: makes checked examples of one.
        placement: where to put chunks.

    Raises:
        DataError: while training, where a batch does not fit the first.
    """

    def __init__(
        self,
        batches: Batches,
        check: Callable[[Any], Examples],
        placement: Placement,
    ) -> None:
        # It is looked at long before it is trained on, and may be refilled meanwhile.
        self.first = checks.copied(check(batches.first))
        super().__init__(self.first, len(self.first.x), batches.steps, placement)
        self._batches = batches
        self._check = check

    def pieces(
        self, plan: Plan, epoch: int, done: int = 0
    ) -> Generator[Piece, None, None]:
        """Yield the chunks of an epoch, without its first ``done`` steps."""

        def made() -> Iterator[Piece]:
            self._batches.go_to(epoch - plan.initial_epoch, done)
            for _, first, last in _chunks(done, plan.steps, self._steps):
                yield from self._chunk(plan, first, last)

        yield from ahead(made())

    def _chunk(self, plan: Plan, first: int, last: int) -> Iterator[Piece]:
        """Yield a chunk, with what came before an error where there is one."""
        size, step = self._batch_size, first
        order = np.full((self._steps, size), NO_ROW, np.int32)
        filling = self._filling(self.first)
        try:
            for step in range(first, last):
                # Copied before the next one is asked for: many refill one buffer.
                batch, place = self._next(), step * size
                filling.put(place, batch)
                order[step, : len(batch.x)] = np.arange(place, place + len(batch.x))
        except BaseException:
            if step > first:
                yield self._piece(plan, filling.done(), order, first, step)
            raise
        yield self._piece(plan, filling.done(), order, first, last)

    def _next(self) -> Examples:
        """Return the next batch, checked."""
        batch = self._batches.next()
        if batch is self._batches.first:
            return self.first
        checked = self._check(batch)
        self._compare(checked)
        return checked

    def _compare(self, batch: Examples) -> None:
        """Raise a DataError where a batch is not like the first."""
        if len(batch.x) > self._batch_size:
            raise DataError(
                f"batch {self._batches.taken} of x has {len(batch.x)} rows and the "
                f"first had {self._batch_size}: give no batch more than the first."
            )
        for name, own, first in zip(Examples._fields, batch, self.first, strict=True):
            came = "none" if own is None else f"dtype {own.dtype}"
            wanted = "none" if first is None else f"dtype {first.dtype}"
            if came != wanted:
                raise DataError(
                    f"batch {self._batches.taken} of x has {came} for {name}, and the "
                    f"first had {wanted}: give all batches alike."
                )


def _chunks(first: int, last: int, steps: int) -> Iterator[tuple[int, int, int]]:
    """Yield which chunks hold the steps from first to last, and which steps of each."""
    for chunk in range(first // steps, -(-last // steps)):
        start = chunk * steps
        yield chunk, max(first - start, 0), min(last - start, steps)


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield what an iterator gives, made by another thread while one waits for it."""
    made: queue.Queue[tuple[bool, Any]] = queue.Queue(IN_FLIGHT)
    ended = threading.Event()

    def put(item: tuple[bool, Any]) -> None:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=LOOK_SECONDS)
                return

    def make() -> None:
        try:
            for item in items:
                put((True, item))
                if ended.is_set():
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            interrupts.let_in()
            try:
                more, item = made.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if more:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        ended.set()
        thread.join()

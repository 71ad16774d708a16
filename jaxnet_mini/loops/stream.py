"""Examples that do not lie on the device as a whole: they come in chunks.

A chunk is a number of batches. A thread makes one and moves it to the device while the
one before it is trained on, in the same compiled loop that runs over resident examples.
"""

import copy
import math
from collections.abc import Callable, Generator, Iterator
from threading import Event
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.ahead import IN_FLIGHT, ahead
from jaxnet_mini.core.training.state import NO_ROW, Data
from jaxnet_mini.data import casting, checks, epoch_order
from jaxnet_mini.data.buffers import Buffers, Gathered
from jaxnet_mini.data.checked_batches import CheckedBatches, grown
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.loops.feed import Feed, Piece

CHUNK_BYTES = 64 << 20
CHUNK_STEPS = 256
"""A chunk has at most so many bytes of inputs and so many batches, and one at least."""

BLOCKS = 16
"""From so many places of the file comes what one chunk mixes."""


def steps_of_chunk(x: Any, batch_size: int, steps: int) -> int:
    """Return how many batches a chunk has, a power of two.

    Args:
        x: inputs.
        batch_size: examples in a batch.
        steps: all batches there are.
    """
    row = max(1, casting.row_bytes(x))
    limit = max(1, min(CHUNK_STEPS, CHUNK_BYTES // (row * batch_size)))
    return min(1 << (limit.bit_length() - 1), epoch_order.rounded_steps(steps))


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
        x, y, weight = casting.on_device(self._capacity, tuple(like))
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
        shape = epoch_order.pieces_shape(
            self._steps, self._batch_size, plan.batch_pieces
        )
        order = jax.ShapeDtypeStruct(shape, np.dtype(np.int32))
        return self._placement.everywhere(self._shapes), self._placement.order(order)

    def at(self, place: Placement) -> Feed:
        """Return the same chunks on their way to another device of this CPU."""
        other: Any = copy.copy(self)
        other._placement = place
        moved: Feed = other
        return moved

    def empty(self, plan: Plan) -> tuple[Any, Any]:
        """Return a chunk of zeros, and an order of nothing."""
        shapes, order = self.shapes(plan)
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        nothing = np.full(order.shape, NO_ROW, np.int32)
        return self._placement.everywhere(zeros), self._placement.order(nothing)

    def _piece(
        self, chunk: Data, order: NDArray[Any], pieces: int, first: int, last: int
    ) -> Piece:
        shape = epoch_order.pieces_shape(order.shape[0], order.shape[1], pieces)
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
        steps = epoch_order.steps_for(examples.length, batch_size)
        super().__init__(examples, batch_size, steps, placement)
        self._examples = examples
        self._block = self._capacity // math.gcd(self._capacity, BLOCKS)

    def pieces(
        self, plan: Plan, epoch: int, done: int = 0
    ) -> Generator[Piece, None, None]:
        """Yield the chunks of an epoch, without its first ``done`` steps."""

        def made(ended: Event) -> Iterator[Piece]:
            del ended  # a chunk of arrays is soon made
            for number, start, end in plan.pieces(epoch, done):
                seed = (len(plan.seed), *plan.seed, number)
                cut = self._cut(seed) if plan.shuffle else None
                for chunk, first, last in _chunks(start, end, self._steps):
                    slices, order = self._rows(chunk, seed, cut)
                    examples = self._gathered(slices)
                    order = order.reshape(self._steps, self._batch_size)
                    yield self._piece(examples, order, plan.batch_pieces, first, last)

        yield from ahead(made)

    def _cut(self, seed: tuple[int, ...]) -> tuple[int, NDArray[Any]]:
        """Return from which row on a pass is cut into blocks, and their order."""
        rows = self._examples.length
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
        rows, block = self._examples.length, self._block
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
        gathered = Gathered(self._examples, self._capacity, self._buffers)
        place = 0
        for part in slices:
            rows = self._examples.rows(part.start, part.stop)
            gathered.put(place, rows, part.start)
            place += rows.length
        return gathered.done()


class StreamedBatches(_Chunked):
    """Batches that a user gives, in chunks.

    One larger than those before it begins a chunk of larger ones, and so it goes on to
    the end of the epoch: sizes do not depend on where a run began.

    Args:
        checked: where they come from.
        pieces_of: returns in how many pieces to compute a step of so many rows.
        placement: where to put chunks.

    Attributes:
        first: the first batch.
    """

    def __init__(
        self,
        checked: CheckedBatches,
        pieces_of: Callable[[int], int],
        placement: Placement,
    ) -> None:
        self.first = checked.first
        self._all_steps = checked.steps or CHUNK_STEPS
        super().__init__(self.first, self.first.length, self._all_steps, placement)
        self._checked = checked
        self._pieces_of = pieces_of

    def pieces(
        self, plan: Plan, epoch: int, done: int = 0
    ) -> Generator[Piece, None, None]:
        """Yield the chunks of an epoch, without its first ``done`` steps.

        Raises:
            ArgumentError, DataError, ShapeError: a batch is bad or does not come. What
                came before it is yielded first, as it is where the iterable raises.
        """

        def made(ended: Event) -> Iterator[Piece]:
            seed = plan.seed if plan.shuffle else None
            before = self._checked.go_to(epoch - plan.initial_epoch, done, seed)
            size = self._batch_size
            for batch in before:
                if ended.is_set():
                    return
                size = grown(size, batch.length)
            left = None if plan.steps is None else plan.steps - done
            yield from self._chunks(size, left, ended)

        with self._checked.epoch():
            yield from ahead(made)

    def _chunks(self, size: int, left: int | None, ended: Event) -> Iterator[Piece]:
        """Yield chunks until so many steps are done, a pass is over, or it ended."""
        batch: Examples | None = None
        while left is None or left:
            steps = steps_of_chunk(self.first.x, size, self._all_steps)
            chunk = _Chunk(self.first, size, steps, self._buffers)
            try:
                while chunk.taken < (steps if left is None else min(steps, left)):
                    if ended.is_set():
                        return
                    batch = batch or self._checked.next()
                    if batch is None or batch.length > size:
                        break
                    with self._checked.named():
                        # Copied before the next one comes: many refill one buffer.
                        chunk.put(batch)
                    batch = None
            except BaseException:
                if chunk.taken:
                    yield self._placed(chunk)
                raise
            if chunk.taken:
                yield self._placed(chunk)
                left = None if left is None else left - chunk.taken
            if batch is not None:
                batch, size = checks.copied(batch), grown(size, batch.length)
            elif chunk.taken < steps and left is None:
                return

    def _placed(self, chunk: "_Chunk") -> Piece:
        pieces = self._pieces_of(chunk.order.shape[1])
        return self._piece(chunk.examples.done(), chunk.order, pieces, 0, chunk.taken)


class _Chunk:
    """Batches, each copied as it comes, with their order."""

    def __init__(self, like: Examples, size: int, steps: int, buffers: Buffers) -> None:
        self.examples = Gathered(like, steps * size, buffers)
        self.order = np.full((steps, size), NO_ROW, np.int32)
        self.taken = 0

    def put(self, batch: Examples) -> None:
        place, rows = self.taken * self.order.shape[1], batch.length
        self.examples.put(place, batch)
        self.order[self.taken, :rows] = np.arange(place, place + rows)
        self.taken += 1


def _chunks(first: int, last: int, steps: int) -> Iterator[tuple[int, int, int]]:
    """Yield which chunks hold the steps from first to last, and which steps of each."""
    for chunk in range(first // steps, -(-last // steps)):
        start = chunk * steps
        yield chunk, max(first - start, 0), min(last - start, steps)

"""Data checked against a model, before anything is compiled or changed."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax

from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.core.training.state import Data
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import (
    casting,
    checks,
    epoch_order,
    fit_arguments,
    in_place,
    iterables,
)
from jaxnet_mini.data import stacks as stacking
from jaxnet_mini.data.checked_batches import CheckedBatches
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.fit_arguments import FitData, FitSchedule
from jaxnet_mini.data.iterables import ONE_PASS, VALIDATION, Batches, Door
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.data.stacks import BatchStacks, PlacedStacks, Stacks, rows_at_once
from jaxnet_mini.devices import processes, transfers
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.loops.choose_feed import choose_feed
from jaxnet_mini.loops.feed import Feed
from jaxnet_mini.loops.forward import Source
from jaxnet_mini.loops.rehearsal import checking, examples_for, trainer_for, try_out
from jaxnet_mini.loops.stream import StreamedBatches


class Validation(NamedTuple):
    """What to evaluate on during training, if at all, and when.

    The stacks lie on the device, but for batches, which come to it.
    """

    stacks: Source | None
    schedule: FitSchedule

    def make(self) -> None:
        """Copy to the device what was left for later, and has been checked."""
        if isinstance(self.stacks, PlacedStacks):
            self.stacks.make()

    def due(self, epoch: int) -> bool:
        """Tell whether to evaluate after an epoch, counted from 1."""
        return self.schedule.due(epoch)

    def pass_over(self, epochs: range) -> None:
        """Take note that these epochs have had their evaluations before."""
        if isinstance(self.stacks, BatchStacks):
            self.stacks.begun = sum(self.due(epoch + 1) for epoch in epochs)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What one or several calls of ``fit`` train on, checked, and where it lies.

    Args:
        trainer: what is run.
        outline: of the network.
        place: where arrays lie.
        schedule: when to do what.
        batch_size: examples in a step.
        rows: how many there are; of the first batch where nobody knows it.
        counted: whether it is known how many batches an epoch has.
        sample: a batch of them, or more.
        examples: all rows, on the host; None where they come in batches.
        feed: the same on their way to the device.
        validation: what is held out, on the host, or None.
        held_out: the same on the device.
        epochs_in_one: how many epochs are computed in one program, where nobody looks
            at them.
    """

    trainer: Trainer
    outline: NetOutline
    place: Placement
    schedule: FitSchedule
    batch_size: int
    rows: int
    counted: bool
    sample: Examples
    examples: Examples | None
    feed: Feed
    validation: Examples | None
    held_out: Validation
    epochs_in_one: int = 1

    @property
    def batch(self) -> Any:
        """Shapes and dtypes of a batch of inputs and of targets, on the device."""
        x, y, _ = self.sample
        return casting.on_device(self.batch_size, (x, y))

    def at(self, place: Placement) -> "Prepared":
        """Return the same on another device of this CPU, which shares the examples."""
        held_out, stacks = self.held_out, self.held_out.stacks
        if place.evaluates and isinstance(stacks, PlacedStacks):

            def put(stack: Data) -> Data:
                own: Data = place.put(jax.tree.map(transfers.to_host, stack))
                return own

            held_out = held_out._replace(stacks=stacks.placed(put))
        feed = self.feed.at(place)
        return dataclasses.replace(self, place=place, feed=feed, held_out=held_out)

    def plan(self, seed: tuple[int, ...]) -> Plan:
        """Return how to go through the examples."""
        schedule = self.schedule
        return Plan(
            rows=self.rows,
            batch_size=self.batch_size,
            epochs=schedule.epochs,
            initial_epoch=schedule.initial_epoch,
            steps_per_epoch=schedule.steps_per_epoch,
            shuffle=schedule.shuffle,
            seed=seed,
            batch_pieces=batch_pieces(self.trainer, self.batch_size, self.place.shards),
            counted=self.counted,
        )


class _HeldOut(NamedTuple):
    """What is held out, before it is cut into stacks.

    Args:
        examples: rows, or None.
        batches: instead, where they come in batches.
        prefix: what stands before the arguments' names in messages.
        first: which row of those given is the first of them.
        size: how many to evaluate at a time; None leaves it to us.
    """

    examples: Examples | None = None
    batches: Source | None = None
    prefix: str = ""
    first: int = 0
    size: int | None = None

    def stacked(
        self, examples: Examples, size: int, here: Placement | None, later: bool
    ) -> Stacks:
        """Return the examples as stacks of batches, put where they are to be.

        Args:
            examples: those held out.
            size: how many are in a batch.
            here: where to put them; None leaves them on the host.
            later: whether to check them now, and to copy them by `Validation.make`.
        """
        stacks = stacking.cut(*examples, size, self.prefix, self.first)
        if here is None:
            return stacks
        placed = stacks.placed(lambda stack: here.put(here.stack(stack)))
        if not later:
            placed.make()
            return placed
        for name, array in examples.named():
            casting.check(array, self.prefix + name, self.first)
        return placed


def prepare(
    trainer: Trainer,
    outline: NetOutline,
    place: Placement,
    data: FitData,
    schedule: FitSchedule,
    *,
    watched: bool,
    verbose: int,
) -> Prepared:
    """Check what ``fit`` was given, and put it where it is to be.

    Args:
        trainer: as compiled.
        outline: of the network.
        place: where to put arrays.
        data: what to learn, whose ``x`` may be `Batches`, and on what to validate.
        schedule: when to do what, checked.
        watched: whether callbacks are called at each batch of the validation.
        verbose: whether to say that examples are streamed.

    Raises:
        ArgumentError, DataError, ShapeError: bad input.
    """
    trainer = trainer_for(trainer, outline)
    usual = schedule.batch_size or fit_arguments.BATCH_SIZE
    given, counted, fits = None, True, True
    if isinstance(data.x, Batches):
        streamed = _streamed_batches(trainer, outline, place, data)
        feed: Feed = streamed
        sample, batch_size = streamed.first, streamed.first.length
        schedule = schedule._replace(steps_per_epoch=data.x.steps)
        rows, counted = (data.x.steps or 1) * batch_size, data.x.steps is not None
    else:
        sample = given = examples_for(trainer, outline, *data[:4])
    given, held = _hold_out(trainer, outline, data, schedule, given)
    if given is not None:
        batch_size = schedule.size_for(processes.summed(given.length))
    trainer = _tried(trainer, sample, batch_size, held)
    if given is not None:
        feed, rows, fits = choose_feed(
            given, data.x, batch_size, place, held.examples, verbose
        )
    stacks = held.batches
    if held.examples is not None:
        here = place.here
        by_row = trainer.averages_rows(held.examples.weight is not None)
        size = rows_at_once(held.size, by_row, watched, here.shards, usual=usual)
        # Beside large examples the compiler needs the room first.
        later = in_place.are_large(given)
        stacks = held.stacked(held.examples, size, here if fits else None, later)
    return Prepared(
        trainer,
        outline,
        place,
        schedule,
        batch_size,
        rows,
        counted,
        sample,
        given,
        feed,
        held.examples,
        Validation(stacks, schedule),
    )


def _tried(
    trainer: Trainer, sample: Examples, batch_size: int, held: _HeldOut
) -> Trainer:
    """Return the trainer as `try_out` does, for training and for what is held out."""
    trainer = try_out(trainer, sample, batch_size)
    own = held.batches.first if isinstance(held.batches, BatchStacks) else held.examples
    if own is None or trainer.own_method(training=False) is None:
        return trainer
    return try_out(trainer, own, min(batch_size, own.length), training=False)


def _hold_out(
    trainer: Trainer,
    outline: NetOutline,
    data: FitData,
    schedule: FitSchedule,
    given: Examples | None,
) -> tuple[Examples | None, _HeldOut]:
    """Return the rows that are left for training, and what is held out.

    Raises:
        ArgumentError, DataError, ShapeError: bad input.
    """
    epochs = range(schedule.initial_epoch, schedule.epochs)
    batches = iterables.opened(
        data.validation_data,
        None,
        None,
        schedule.validation_steps,
        schedule.validation_batch_size,
        door=VALIDATION,
        passes=sum(schedule.due(e + 1) for e in epochs[:1000]),  # whether several
    )
    if batches is not None:
        check = checking(trainer, outline, prefix="validation ")
        return given, _HeldOut(batches=BatchStacks(CheckedBatches(batches, check)))
    if data.validation_data is not None:
        prefix = "validation "
        triple = checks.as_triple(data.validation_data, "validation_data")
        own = examples_for(trainer, outline, *triple, prefix=prefix)
        held = _HeldOut(own, None, prefix)
    elif given is not None and fit_arguments.check_share(data.validation_split):
        at = fit_arguments.split(given.length, data.validation_split)
        given, own = given.rows(0, at), given.rows(at)
        if data.class_weight is not None:  # which is for training alone
            own = own._replace(weight=None)
        held = _HeldOut(own, first=at)
    else:
        return given, _HeldOut()
    size = schedule.validation_batch_size
    if schedule.validation_steps is None:
        return given, held._replace(size=size)
    size = size or schedule.batch_size
    rows, size = first_steps(own.length, schedule.validation_steps, size, VALIDATION)
    return given, held._replace(examples=own.rows(0, rows), size=size)


def _streamed_batches(
    trainer: Trainer,
    outline: NetOutline,
    place: Placement,
    data: FitData,
) -> StreamedBatches:
    if fit_arguments.check_share(data.validation_split):
        raise ArgumentError(
            f"validation_split={data.validation_split!r} needs arrays, and x gives "
            "batches: give validation_data instead."
        )
    check = checking(trainer, outline, data.class_weight)
    pieces_of = functools.partial(batch_pieces, trainer, shards=place.shards)
    return StreamedBatches(CheckedBatches(data.x, check), pieces_of, place)


def first_steps(
    rows: int, steps: int | None, batch_size: int | None, door: Door = ONE_PASS
) -> tuple[int, int | None]:
    """Return how many rows of arrays to compute, and how many at a time.

    Args:
        rows: of the arrays.
        steps: how many batches are asked for; None is all.
        batch_size: their size, checked; None leaves no row out, as in Keras.
        door: what a message calls the arguments.

    Raises:
        ArgumentError: there are not as many.
    """
    if steps is None:
        return rows, batch_size
    if batch_size is None:
        return rows, epoch_order.steps_for(rows, steps)
    most = epoch_order.steps_for(rows, batch_size)
    if steps > most:
        raise ArgumentError(
            f"{door.steps}={steps} asks for more than there is: {rows} rows are {most} "
            f"batches of {batch_size}, so ask for fewer, or leave it out."
        )
    return min(rows, steps * batch_size), batch_size


def batch_pieces(trainer: Trainer, batch_size: int, shards: int = 1) -> int:
    """Return in how many pieces of its batch to compute a step on this machine."""
    if jax.default_backend() != "cpu" or shards > 1:
        return 1
    if not trainer.acts_by_row(training=True):
        return 1
    return epoch_order.pieces_of(batch_size)

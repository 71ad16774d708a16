"""Data checked against a model, before anything is compiled or changed."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from jaxnet_mini.base import arguments
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import checks, epoch_order, fit_arguments, iterables
from jaxnet_mini.data import stacks as stacking
from jaxnet_mini.data.checked_batches import Checked
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.iterables import ONE_PASS, VALIDATION, Batches, Door
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.data.stacks import BatchStacks, rows_at_once
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.loops.choose_feed import choose_feed
from jaxnet_mini.loops.evaluate import Source
from jaxnet_mini.loops.feed import Feed
from jaxnet_mini.loops.rehearsal import batch_of, examples, rehearse, trainer_for
from jaxnet_mini.loops.stream import StreamedBatches


class Validation(NamedTuple):
    """What to evaluate on during training, if at all, and after which epochs, from 1.

    The stacks lie on the device, but for batches, which come to it.
    """

    stacks: Source | None
    due: Callable[[int], bool]

    def pass_over(self, epochs: range) -> None:
        """Take note that these epochs have had their evaluations before."""
        if isinstance(self.stacks, BatchStacks):
            self.stacks.begun = sum(self.due(epoch + 1) for epoch in epochs)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What one or several calls of ``fit`` train on, checked, and where it lies.

    Args:
        trainer: what is run.
        outline: of the layers.
        place: where arrays lie.
        batch_size: examples in a step.
        rows: how many there are; of the first batch where nobody knows it.
        counted: whether it is known how many batches an epoch has.
        sample: a batch of them, or more.
        examples: all rows, on the host; None where they come in batches.
        feed: the same on their way to the device.
        validation: what is held out, on the host, or None.
        held_out: the same on the device.
    """

    trainer: Trainer
    outline: tuple[LayerOutline, ...]
    place: Placement
    batch_size: int
    rows: int
    counted: bool
    sample: Examples
    examples: Examples | None
    feed: Feed
    validation: Examples | None
    held_out: Validation

    @property
    def batch(self) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of a batch of inputs and of targets, on the device."""
        x, y, _ = self.sample
        return batch_of(self.batch_size, x), batch_of(self.batch_size, y)

    def plan(self, seed: tuple[int, ...], **planned: Any) -> Plan:
        """Return how to go through the examples; the rest of a `Plan` is given."""
        pieces_of_batch = pieces(self.trainer, self.batch_size, self.place.shards)
        return Plan(
            rows=self.rows,
            batch_size=self.batch_size,
            seed=seed,
            batch_pieces=pieces_of_batch,
            counted=self.counted,
            **planned,
        )


def prepare(
    *,
    trainer: Trainer,
    outline: tuple[LayerOutline, ...],
    place: Placement,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    batch_size: int | None,
    validation_split: float,
    validation_data: Any,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: int | Sequence[int],
    epochs: range,
    watched: bool,
    verbose: int,
) -> Prepared:
    """Check what ``fit`` was given, and put it where it is to be.

    Args:
        trainer: as compiled.
        outline: of the layers.
        place: where to put arrays.
        x: `Batches`, or as this and what follows, but the last two: given to ``fit``.
        y: targets.
        sample_weight: weights by example.
        class_weight: weights by class.
        batch_size: examples in a step.
        validation_split: the share of rows to hold out.
        validation_data: what to hold out instead.
        validation_steps: of how many of its batches; None is all.
        validation_batch_size: examples to evaluate at a time, by default
            ``batch_size``.
        validation_freq: after which epochs to evaluate.
        epochs: the indices of those there are.
        watched: whether callbacks are called at each batch of the validation.
        verbose: whether to say that examples are streamed.

    Raises:
        ArgumentError, DataError, ShapeError: bad input.
    """
    if validation_batch_size is not None:
        validation_batch_size = arguments.check_count(
            "validation_batch_size", validation_batch_size
        )
    trainer = trainer_for(trainer, outline)
    given, own = None, batch_size
    usual = fit_arguments.check_batch_size(batch_size)
    if isinstance(x, Batches):
        streamed = _streamed_batches(
            trainer, outline, place, x, class_weight, validation_split
        )
        feed: Feed = streamed
        sample, batch_size = streamed.first, len(streamed.first.x)
        rows = (x.steps or 1) * batch_size
    else:
        batch_size = usual
        sample = given = examples(trainer, outline, x, y, sample_weight, class_weight)
    validation, prefix, at = None, "", 0
    due = fit_arguments.due_epochs(validation_freq)
    stacks: Source | None = None
    held = iterables.opened(
        validation_data,
        None,
        None,
        validation_steps,
        validation_batch_size,
        door=VALIDATION,
        passes=sum(due(epoch + 1) for epoch in epochs[:1000]),  # whether several
    )
    if held is not None:
        check = functools.partial(_checked, trainer, outline, "validation ")
        stacks = BatchStacks(Checked(held, check))
    elif validation_data is not None:
        prefix = "validation "
        triple = checks.as_triple(validation_data, "validation_data")
        validation = examples(trainer, outline, *triple, prefix=prefix)
    elif given is not None and fit_arguments.check_share(validation_split):
        at = fit_arguments.split(len(given.x), validation_split)
        given, validation = given.rows(0, at), given.rows(at)
        if class_weight is not None:  # which is for training alone
            validation = validation._replace(weight=None)
    if validation is not None and validation_steps is not None:
        most, validation_batch_size = first_steps(
            len(validation.x),
            validation_steps,
            validation_batch_size or own,
            VALIDATION,
        )
        validation = validation.rows(0, most)
    rehearse(trainer, outline, sample, batch_size)
    fits = True
    if given is not None:
        feed, rows, fits = choose_feed(given, x, batch_size, place, validation, verbose)
    if validation is not None:
        here = place.here
        size = rows_at_once(
            validation_batch_size,
            trainer.averages_rows(validation.weight is not None),
            watched,
            here.shards,
            "validation_batch_size",
            usual,
        )
        arrays = stacking.batches(*validation, size, prefix, at)
        if fits:
            arrays = arrays.placed(lambda stack: here.put(here.batches(stack)))
        stacks = arrays
    held_out = Validation(stacks, due)
    return Prepared(
        trainer,
        outline,
        place,
        batch_size,
        rows,
        not isinstance(x, Batches) or x.steps is not None,
        sample,
        given,
        feed,
        validation,
        held_out,
    )


def _streamed_batches(
    trainer: Trainer,
    outline: tuple[LayerOutline, ...],
    place: Placement,
    opened: Batches,
    class_weight: Mapping[int, float] | None,
    validation_split: float,
) -> StreamedBatches:
    if fit_arguments.check_share(validation_split):
        raise ArgumentError(
            f"validation_split={validation_split!r} needs arrays, and x gives batches: "
            "give validation_data instead."
        )

    def check(triple: tuple[Any, Any, Any]) -> Examples:
        return examples(trainer, outline, *triple, class_weight)

    pieces_of = functools.partial(pieces, trainer, shards=place.shards)
    return StreamedBatches(Checked(opened, check), pieces_of, place)


def _checked(
    trainer: Trainer,
    outline: tuple[LayerOutline, ...],
    prefix: str,
    triple: tuple[Any, Any, Any],
) -> Examples:
    return examples(trainer, outline, *triple, prefix=prefix)


def first_steps(
    rows: int, steps: int | None, batch_size: int | None, door: Door = ONE_PASS
) -> tuple[int, int | None]:
    """Return how many rows of arrays to compute, and how many at a time.

    Args:
        rows: of the arrays.
        steps: how many batches are asked for; None is all.
        batch_size: their size; None is one that leaves no row out, as in Keras.
        door: what a message calls the arguments.

    Raises:
        ArgumentError: there are not as many.
    """
    if steps is None:
        return rows, batch_size
    if batch_size is None:
        return rows, epoch_order.steps_for(rows, steps)
    batch_size = arguments.check_count(door.batch_size, batch_size)
    most = epoch_order.steps_for(rows, batch_size)
    if steps > most:
        raise ArgumentError(
            f"{door.steps}={steps} asks for more than there is: {rows} rows are {most} "
            f"batches of {batch_size}, so ask for fewer, or leave it out."
        )
    return min(rows, steps * batch_size), batch_size


def pieces(trainer: Trainer, batch_size: int, shards: int = 1) -> int:
    """Return in how many pieces of its batch to compute a step on this machine."""
    if jax.default_backend() != "cpu" or not trainer.acts_by_row or shards > 1:
        return 1
    return epoch_order.pieces_of(batch_size)

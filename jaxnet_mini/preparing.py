"""Data checked against a model, before anything is compiled or changed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from jaxnet_mini import arguments, checks, data, memory, train
from jaxnet_mini.checks import Examples
from jaxnet_mini.composition import LayerOutline
from jaxnet_mini.train import Trainer


def examples(
    trainer: Trainer,
    outline: tuple[LayerOutline, ...],
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    prefix: str = "",
) -> Examples:
    """Return examples that fit the layers and the loss.

    Args:
        trainer: whose loss the targets are for.
        outline: of the layers.
        x: inputs.
        y: targets.
        sample_weight: weights by example, or None.
        class_weight: weights by class, or None.
        prefix: put before the arguments' names in messages.

    Raises:
        ArgumentError, DataError, ShapeError: they do not fit.
    """
    inputs = checks.as_array(x, f"{prefix}x")
    first, last = outline[0], outline[-1]
    checks.check_features(inputs.shape, first.input_shape, first.name, f"{prefix}x")
    return checks.examples(
        inputs,
        y,
        sample_weight,
        class_weight,
        trainer.loss,
        last.output_shape,
        prefix,
    )


def trainer_for(trainer: Trainer, outline: tuple[LayerOutline, ...]) -> Trainer:
    """Return the trainer with metrics that know how many outputs there are."""
    outputs = outline[-1].output_shape[-1:]
    if not outputs:
        return trainer
    metrics = tuple(metric.for_outputs(*outputs) for metric in trainer.metrics)
    weighted = tuple(m.for_outputs(*outputs) for m in trainer.weighted_metrics)
    if metrics == trainer.metrics and weighted == trainer.weighted_metrics:
        return trainer
    return dataclasses.replace(trainer, metrics=metrics, weighted_metrics=weighted)


def check_memory(
    examples: Examples, batch_size: int, validation: Examples | None
) -> None:
    """Say before anything is copied that the device's memory will not do.

    Raises:
        DataError: it will not.
    """
    needed = [("the examples", data.resident_bytes(examples, batch_size))]
    if validation is not None:
        # An estimate: their stacks, not yet made, are padded by one of them at most.
        needed += [("those for validation", data.resident_bytes(validation, 1))]
    memory.check(
        needed,
        "train on a part of the rows at a time (fit goes on where it stopped), or give "
        "a smaller dtype: uint8 takes a quarter of float32, which Rescaling makes of "
        "it.",
    )


def rehearse(
    trainer: Trainer,
    outline: tuple[LayerOutline, ...],
    checked: Examples,
    batch_size: int,
) -> None:
    """Let a loss or a metric that does not fit fail before anything changes.

    Raises:
        ShapeError: it does not return one value per example.
    """
    x, y = checked.x, checked.y
    rows = batch_size
    if trainer.acts_by_row:
        # Few show what many do, and one tracing then serves most sizes.
        rows = min(rows, arguments.BATCH_SIZE)
    targets = jax.ShapeDtypeStruct((rows, *y.shape[1:]), data.device_dtype(y.dtype))
    shape, dtype = outline[0].input_shape, data.device_dtype(x.dtype)
    train.rehearse(trainer.program(), shape, dtype, targets)


def batch_size(
    value: int | None, by_row: bool, watched: bool, argument: str = "batch_size"
) -> int:
    """Return how many examples to compute at a time where nothing is learned.

    Args:
        value: what the user says; None leaves it to us.
        by_row: whether each example is known to be treated by itself, so that the
            number changes nothing but rounding.
        watched: whether callbacks are called at each batch.
        argument: what a message calls the value.

    Raises:
        ArgumentError: ``value`` is no positive integer.
    """
    if value is not None:
        return arguments.check_count(argument, value)
    return data.ROWS_AT_ONCE if by_row and not watched else arguments.BATCH_SIZE


def pieces(trainer: Trainer, batch_size: int) -> int:
    """Return in how many pieces of its batch to compute a step on this machine."""
    if jax.default_backend() != "cpu" or not trainer.acts_by_row:
        return 1
    return data.pieces_of(batch_size)

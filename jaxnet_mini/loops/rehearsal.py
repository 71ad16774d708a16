"""Examples fitted to a model, and tried out before anything is compiled."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from jaxnet_mini.core.networks.graph import output_names
from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.core.training import goals, rehearsal
from jaxnet_mini.core.training.goals import names_in
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Shape
from jaxnet_mini.data import casting, checks, fit_arguments
from jaxnet_mini.data.arrays import as_inputs, without_name
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.iterables import Triple
from jaxnet_mini.data.several_outputs import several_examples


def examples_for(
    trainer: Trainer,
    outline: NetOutline,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    *,
    prefix: str = "",
) -> Examples:
    """Return examples that fit the layers and the loss.

    Args:
        trainer: whose loss the targets are for.
        outline: of the network.
        x: inputs.
        y: targets.
        sample_weight: weights by example, or None.
        class_weight: weights by class, or None.
        prefix: put before the arguments' names in messages.

    Raises:
        ArgumentError, DataError, ShapeError: they do not fit.
    """
    inputs = as_inputs(x, outline, f"{prefix}x")
    name = getattr(outline.net, "outputs", None)
    y, sample_weight = (without_name(given, name) for given in (y, sample_weight))
    looks = y is not None and trainer.steps.methods
    if not (looks or any(goal.loss or names_in(goal) for goal in trainer.goals)):
        return Examples(inputs, {}, None)  # layers add to the loss, and nothing else
    given, shape = (inputs, y, sample_weight, class_weight), outline.output_shape
    if not trainer.outputs:
        return checks.examples(*given, trainer.loss, shape, prefix=prefix)
    return several_examples(*given, trainer.goals, _by_name(outline), prefix=prefix)


def checking(
    trainer: Trainer,
    outline: NetOutline,
    class_weight: Mapping[int, float] | None = None,
    prefix: str = "",
) -> Callable[[Triple], Examples]:
    """Return what makes `examples_for` of a batch; arguments as there."""
    return lambda triple: examples_for(
        trainer, outline, *triple, class_weight, prefix=prefix
    )


def _by_name(outline: NetOutline) -> dict[str, Shape]:
    """Return the shapes of several outputs by their names."""
    shape = outline.output_shape
    names = output_names(outline.net)
    return shape if isinstance(shape, dict) else dict(zip(names, shape, strict=True))


def trainer_for(trainer: Trainer, outline: NetOutline) -> Trainer:
    """Return the trainer with metrics that know how many outputs there are."""
    shapes = [outline.output_shape]
    if trainer.outputs:
        shapes = [*_by_name(outline).values()]
    return _for_units(trainer, tuple(shape[-1] if shape else None for shape in shapes))


# The same one every time: what a user's own class notes down while it is traced has
# nothing traced again.
@functools.lru_cache(maxsize=256)
def _for_units(trainer: Trainer, units: tuple[int | None, ...]) -> Trainer:
    plain, weighted = (
        goals.for_units(trainer.goals, given, units)
        for given in (trainer.metrics, trainer.weighted_metrics)
    )
    if (plain, weighted) == (trainer.metrics, trainer.weighted_metrics):
        return trainer
    return dataclasses.replace(trainer, metrics=plain, weighted_metrics=weighted)


def try_out(
    trainer: Trainer, checked: Examples, batch_size: int, training: bool = True
) -> Trainer:
    """Let a loss or a metric that does not fit fail before anything changes.

    Args:
        trainer: what is run.
        checked: examples.
        batch_size: how many of them at a time.
        training: whether they are to be learned, or evaluated.

    Returns:
        The trainer, see `jaxnet_mini.core.training.rehearsal.rehearse`.

    Raises:
        ShapeError: it does not return one value per example.
    """
    rows = batch_size
    if trainer.acts_by_row(training=True):
        # Few show what many do, and one tracing then serves most sizes.
        rows = min(rows, fit_arguments.BATCH_SIZE)
    x, y, weight = casting.on_device(rows, tuple(checked))
    if trainer.own_method(training) is not None:
        return rehearsal.rehearse(trainer, x, y, weight, training)
    rehearsal.rehearse(trainer.program(), x, y)
    return trainer

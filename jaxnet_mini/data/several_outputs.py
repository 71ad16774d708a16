"""Targets and weights of several outputs, checked one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxnet_mini.base.arguments import is_number, named_parts
from jaxnet_mini.core.training.goals import Goal
from jaxnet_mini.core.training.state import length
from jaxnet_mini.core.types import Shape
from jaxnet_mini.data import checks
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.errors import ArgumentError


def several_examples(
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    goals: Sequence[Goal],
    shapes: Mapping[str, Shape],
    *,
    prefix: str = "",
) -> Examples:
    """Return inputs, targets and weights that fit each other and all outputs.

    Args:
        x: inputs, checked.
        y: targets, a list in the order of the outputs, or a dictionary by their names;
            those of outputs that are neither trained nor measured may be missing.
        sample_weight: one array for all outputs, or several as the targets; or None.
        class_weight: None.
        goals: what is asked of each output.
        shapes: of the outputs, by their names.
        prefix: put before the arguments' names in messages.

    Raises:
        ArgumentError, DataError, ShapeError: they do not fit.
    """
    if class_weight is not None:
        raise ArgumentError(
            f"class_weight is for a model of one output, and this one has {len(goals)}:"
            " give sample_weight, a list or a dictionary of weights by output."
        )
    rows, names = length(x), [*shapes]
    asked = [
        goal
        for goal in goals
        if goal.loss is not None or goal.metrics or goal.weighted_metrics
    ]
    needed = [goal.name or "" for goal in asked]
    if len(needed) == 1 and not isinstance(y, list | tuple | Mapping):
        y = [y]
    partly = isinstance(y, list | tuple) and len(y) == len(needed)
    own = needed if partly else names
    given = named_parts(f"{prefix}y", y, own, "outputs", needed)
    targets = {
        goal.name: checks.as_targets(value, goal.loss, shapes[name], argument, rows)
        for goal in asked
        for name, (argument, value) in given.items()
        if goal.name == name
    }
    weight = sample_weight
    if _is_by_output(weight):
        parts = named_parts(f"{prefix}sample_weight", weight, own, "outputs", needed)
        weight = {
            name: None if value is None else checks.as_weights(value, rows, argument)
            for name, (argument, value) in parts.items()
        }
    elif weight is not None:
        weight = checks.as_weights(weight, rows, f"{prefix}sample_weight")
    return Examples(x, targets, weight)


def _is_by_output(weight: Any) -> bool:
    """Tell whether weights are several: a list of numbers is one array."""
    several = isinstance(weight, list | tuple) and not all(map(is_number, weight))
    return several or isinstance(weight, Mapping)

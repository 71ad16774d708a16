"""What one batch gives: its loss, and the sums that loss and metrics come from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import Partial

from jaxnet_mini.core import metrics, precision
from jaxnet_mini.core.losses import Loss
from jaxnet_mini.core.losses.base import check_per_example
from jaxnet_mini.core.metrics import Metric
from jaxnet_mini.core.metrics.own import Folded
from jaxnet_mini.core.networks import activity, last_activation, protocol
from jaxnet_mini.core.training.goals import Goal
from jaxnet_mini.core.training.state import Batch, length
from jaxnet_mini.core.types import (
    Float,
    Layer,
    RandomKey,
    State,
    Variables,
    as_wide,
)
from jaxnet_mini.errors import ArgumentError, ShapeError


class Task(NamedTuple):
    """What is asked of each batch.

    Args:
        net: the network.
        bare: what of it gives the outputs that the losses take.
        goals: what is asked of each output, with the activation that ``bare`` lacks.
        policy: by which a network computes that has none, see
            `jaxnet_mini.core.precision`.
    """

    net: Layer
    bare: Layer
    goals: tuple[Goal, ...]
    policy: str | None = None


def task_of(net: Layer, goals: Sequence[Goal], policy: str | None = None) -> Task:
    """Return what a batch is asked; a loss is one of logits where there is one."""
    bare, found = net, []
    for goal in goals:
        cut, end = last_activation.without_activation_at(bare, goal.place)
        loss = None if goal.loss is None else goal.loss.on_logits(end)
        if loss is not None:
            bare, goal = cut, goal._replace(loss=loss, activation=end)
        found.append(goal)
    return Task(net, bare, tuple(found), policy)


class _Asked(NamedTuple):
    """One output of a batch, and its loss.

    Args:
        batch: the output in place of the inputs, and what belongs to it.
        mask: by which its rows count, 0 for padding.
        weight: likewise, times its weights.
        total: the sum of its losses; None where it has no loss.
        count: of the rows.
        rows: of those of the whole batch.
    """

    batch: Batch
    mask: Array
    weight: Array
    total: Any = None
    count: Any = None
    rows: Any = None


def totals_of(
    task: Task,
    variables: Variables,
    batch: Batch,
    key: RandomKey | None,
    training: bool,
    whole: tuple[Array, Any] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""], dict[str, Any], State]:
    """Return the sum of the losses, the rows to divide it by, and all sums.

    Last comes what layers remember afterwards.

    Args:
        task: what is asked.
        variables: what the network computes with.
        batch: the examples.
        key: of the random numbers that layers draw.
        training: whether layers act as in training.
        whole: where ``batch`` is a piece of one, the mask and weights of that one; the
            losses of the pieces then add up to its loss.

    Raises:
        ShapeError: a loss does not return one value per example.
    """
    outputs, remembered, of_outputs, added = activity.run(
        task.bare,
        *variables,
        batch.x,
        key=key,
        training=training,
        mask=_by_row("mask", batch.mask, length(batch.x)),
        within=task.policy,
    )
    outputs = precision.widened(outputs)
    totals: dict[str, Any] = {}
    asked: list[_Asked] = []
    total: Any = None
    count: Any = None
    rows: Any = None
    for goal in task.goals:
        own = batch._replace(
            x=goal.of(outputs),
            y=jax.tree.map(as_wide, goal.of(batch.y)),
            weight=goal.of(batch.weight),
        )
        of_whole = None if whole is None else (whole[0], goal.of(whole[1]))
        one = _of_loss(goal.loss, own, of_whole)
        asked.append(one)
        count, rows = one.count, one.rows
        if goal.loss is None:
            continue
        if goal.loss_name is not None:
            totals[goal.loss_name] = (one.total, count)
        share = one.total if goal.weight is None else one.total * goal.weight
        total = share if total is None else total + share
    penalty = protocol.penalty(task.net, variables.params)
    total = _with_added(total, count, (penalty, added), of_outputs)
    totals["loss"] = (total, count)
    for goal, one in zip(task.goals, asked, strict=True):
        if goal.metrics or goal.weighted_metrics:
            predictions = jax.lax.stop_gradient(goal.activation(one.batch.x))
            seen = one.batch._replace(x=predictions)
            totals |= _of_metrics(goal.metrics, seen._replace(weight=None), one.mask)
            totals |= _of_metrics(goal.weighted_metrics, seen, one.weight)
    return total, rows, totals, remembered


def _with_added(total: Any, count: Any, of_batch: Any, of_outputs: Any) -> Any:
    """Return the sum of the losses, None for no loss, with what layers add.

    Args:
        total: the sum.
        count: of how many rows, or of how much weight.
        of_batch: numbers for the batch as it is. What is added by none is no array.
        of_outputs: a number that is a sum over the rows already.

    Raises:
        ArgumentError: there is no loss, and they add nothing.
    """
    once = [value for value in of_batch if isinstance(value, Array)]
    seen = isinstance(of_outputs, Array)
    if total is None and not (once or seen):
        raise ArgumentError(
            "compile was given no loss, and no layer adds to it: give loss=, such as "
            '"mse", or call self.add_loss(value) within call.'
        )
    total = jnp.zeros_like(count) if total is None else total
    for value in once:
        total = total + value * count
    return total + of_outputs if seen else total


def _of_loss(
    loss: Loss | None, batch: Batch, whole: tuple[Array, Array | None] | None
) -> _Asked:
    """Return an output with the sum of its losses.

    Args:
        loss: of the output; None for no loss.
        batch: the output in place of the inputs, and what belongs to it.
        whole: see `totals_of`.
    """
    rows, dtype = batch.x.shape[0], batch.x.dtype
    batch = batch._replace(
        weight=_by_row("weight", batch.weight, rows),
        mask=_by_row("mask", batch.mask, rows),
    )
    if loss is not None:
        values = loss.per_example(batch.y, batch.x)
        values = check_per_example("the loss", values, rows)
        per_row = metrics.mean_per_row(values)
        dtype = per_row.dtype
    mask = batch.mask
    mask = jnp.ones(rows, bool) if mask is None else mask
    mask, weight = _mask_and_weight(mask, batch.weight, dtype)
    count = rows_in_all = jnp.sum(mask)
    of_all, weight_in_all = batch.weight, weight
    if whole is not None:
        of_all = _by_row("weight", whole[1], len(whole[0]))
        mask_in_all, weight_in_all = _mask_and_weight(whole[0], of_all, dtype)
        rows_in_all = jnp.sum(mask_in_all)
    if loss is None:
        return _Asked(batch, mask, weight, None, count, rows_in_all)
    # Padding may give any value, NaN too, and 0 times NaN is NaN.
    per_row = jnp.where(mask == 0.0, 0.0, per_row)
    if batch.weight is not None:
        per_row = per_row * weight
    values_in_all = rows_in_all * (values.size // rows)
    weights = None if of_all is None else weight_in_all
    total = jnp.sum(per_row) * loss.reduction_factor(values_in_all, weights)
    return _Asked(batch, mask, weight, total, count, rows_in_all)


def _of_metrics(
    asked: tuple[Metric, ...], batch: Batch, weight: Array
) -> dict[str, Any]:
    """Return the sums of metrics by name; of a `Folded` one how to go on.

    Args:
        asked: the metrics.
        batch: predictions in place of the inputs.
        weight: by which rows count, 0 for padding.
    """
    return {metric.name: _of_metric(metric, batch, weight) for metric in asked}


def _of_metric(metric: Metric, batch: Batch, weight: Array) -> Any:
    """Return the sums of a metric, see `_of_metrics`.

    Raises:
        ShapeError: it cannot compare such targets with such outputs.
    """
    if isinstance(metric, Folded):
        return Partial(metric.fold, batch.y, batch.x, batch.weight, batch.mask)
    try:
        return metric.totals(batch.y, batch.x, weight)
    except ShapeError as error:
        told = str(error)
        if told.startswith(("the metric ", type(metric).__name__)):
            raise
        raise ShapeError(
            f"the metric {metric.name!r}: {told} Choose one that takes such targets."
        ) from error


def _by_row(what: str, values: Any, rows: int) -> Any:
    """Return one number for each row, or one for all of them.

    A column of them, times a row of losses, would be a square.

    Args:
        what: they are of the batch.
        values: they, or None.
        rows: how many there are.

    Raises:
        ShapeError: they are other than one a row, in a row or in a column, or one.
    """
    if values is None:
        return None
    values = jnp.asarray(values)
    if values.shape == (rows, 1):
        return values[:, 0]
    if values.shape not in ((rows,), (1,), ()):
        raise ShapeError(
            f"{what} of a batch has shape {values.shape}, and one number per example "
            f"is expected, shape ({rows},): leave it out, or give it that shape."
        )
    return values


def _mask_and_weight(
    mask: Array, weight: Array | None, dtype: Any
) -> tuple[Array, Array]:
    """Return what counts examples, and what multiplies their losses."""
    mask = mask.astype(dtype)
    return mask, mask if weight is None else mask * weight.astype(dtype)

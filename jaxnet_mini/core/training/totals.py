"""What one batch gives: its loss, and the sums that loss and metrics come from."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import Partial

from jaxnet_mini.core import metrics
from jaxnet_mini.core.activations import Activation
from jaxnet_mini.core.losses import Loss
from jaxnet_mini.core.losses.base import check_per_example
from jaxnet_mini.core.metrics import Metric
from jaxnet_mini.core.metrics.own import Folded
from jaxnet_mini.core.networks import activity, protocol
from jaxnet_mini.core.training.state import Batch
from jaxnet_mini.core.types import Float, Layer, RandomKey, State, Variables


class Task(NamedTuple):
    """What is asked of each batch.

    Args:
        net: the network.
        bare: what of it gives the outputs that ``loss`` takes.
        activation: makes predictions of these outputs.
        loss: what is minimised.
        metrics: what else is counted.
        weighted_metrics: likewise, examples by their weights.
        loss_weights: what the loss is multiplied by, or None.
    """

    net: Layer
    bare: Layer
    activation: Activation
    loss: Loss
    metrics: tuple[Metric, ...]
    weighted_metrics: tuple[Metric, ...]
    loss_weights: float | None = None


def totals_of(
    task: Task,
    variables: Variables,
    batch: Batch,
    key: RandomKey | None,
    training: bool,
    whole: tuple[Array, Array | None] | None = None,
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
        ShapeError: the loss does not return one value per example.
    """
    outputs, remembered, of_outputs = activity.run(
        task.bare, *variables, batch.x, key=key, training=training, mask=batch.mask
    )
    rows, values = outputs.shape[0], task.loss.per_example(batch.y, outputs)
    values = check_per_example("the loss", values, rows)
    per_row = metrics.mean_per_row(values)
    mask = batch.mask
    mask = jnp.ones(rows, bool) if mask is None else mask
    mask, weight = _mask_and_weight(mask, batch.weight, per_row.dtype)
    # Padding may give any value, NaN too, and 0 times NaN is NaN.
    per_row = jnp.where(mask == 0.0, 0.0, per_row)
    if batch.weight is not None:
        per_row = per_row * weight
    count = rows_in_all = jnp.sum(mask)
    weight_in_all = weight
    if whole is not None:
        mask_in_all, weight_in_all = _mask_and_weight(*whole, per_row.dtype)
        rows_in_all = jnp.sum(mask_in_all)
    values_in_all = rows_in_all * (values.size // rows)
    total = jnp.sum(per_row) * task.loss.reduction_factor(values_in_all, weight_in_all)
    if task.loss_weights is not None:
        total = total * task.loss_weights
    penalty = protocol.penalty(task.net, variables.params)
    if isinstance(penalty, Array):  # else 0.0: nothing is regularized
        total = total + penalty * count
    if isinstance(of_outputs, Array):
        total = total + of_outputs
    totals: dict[str, Any] = {"loss": (total, count)}
    if task.metrics or task.weighted_metrics:
        predictions = jax.lax.stop_gradient(task.activation(outputs))
        asked = batch._replace(x=predictions)
        totals |= _of_metrics(task.metrics, asked._replace(weight=None), mask)
        totals |= _of_metrics(task.weighted_metrics, asked, weight)
    return total, rows_in_all, totals, remembered


def _of_metrics(
    asked: tuple[Metric, ...], batch: Batch, weight: Array
) -> dict[str, Any]:
    """Return the sums of metrics by name; of a `Folded` one how to go on.

    Args:
        asked: the metrics.
        batch: predictions in place of the inputs.
        weight: by which rows count, 0 for padding.
    """
    return {
        metric.name: Partial(metric.fold, batch.y, batch.x, batch.weight, batch.mask)
        if isinstance(metric, Folded)
        else metric.totals(batch.y, batch.x, weight)
        for metric in asked
    }


def _mask_and_weight(
    mask: Array, weight: Array | None, dtype: Any
) -> tuple[Array, Array]:
    """Return what counts examples, and what multiplies their losses."""
    mask = mask.astype(dtype)
    return mask, mask if weight is None else mask * weight.astype(dtype)

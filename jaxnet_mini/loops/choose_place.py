"""Where the steps of a ``fit`` are computed, if nobody says where."""

import sys
from collections.abc import Mapping
from typing import Any

import jax

from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.data.fit_arguments import FitSchedule
from jaxnet_mini.devices import placement
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.devices.products import StepProducts


def choose_place(
    place: Placement, outline: NetOutline, x: Any, is_batch: bool, schedule: FitSchedule
) -> Placement:
    """Return where steps are computed fastest, see `jaxnet_mini.devices.threads`.

    Args:
        place: where they would be.
        outline: of the network.
        x: the inputs, or the first batch of them; not yet checked.
        is_batch: whether it is that.
        schedule: when to do what.
    """
    several = [*x.values()] if isinstance(x, Mapping) else x
    first = several[0] if isinstance(several, list | tuple) and several else several
    shape = getattr(first, "shape", ())
    if not shape:  # of numbers in lists, which are not looked through for this
        return place
    length = shape[0]
    size = length if is_batch else schedule.size_for(length)
    steps = schedule.steps_per_epoch
    if steps is None:
        steps = sys.maxsize if is_batch else -(-length // size)
    epochs = schedule.epochs - schedule.initial_epoch
    return placement.for_steps(
        place, step_of(outline, min(size, length)), float(epochs * steps)
    )


def step_of(outline: NetOutline, rows: int) -> StepProducts:
    """Return what a step of so many rows computes.

    It has no kernels where they are no matrices, of whose products we know nothing.
    """
    leaves = jax.tree.leaves([part.params for part in outline.parts])
    if any(len(leaf.shape) > 2 for leaf in leaves):
        return StepProducts(rows, ())
    return StepProducts(
        rows, tuple(leaf.shape for leaf in leaves if len(leaf.shape) == 2)
    )

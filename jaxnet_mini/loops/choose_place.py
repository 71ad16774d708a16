"""Where the steps of a ``fit`` are computed, if nobody says where."""

import math
from typing import Any

import jax
import numpy as np

from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.data import fit_arguments
from jaxnet_mini.data.fit_arguments import FitSchedule
from jaxnet_mini.devices import placement
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.devices.threads import Step


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
    shapes = [
        leaf.shape for part in outline.parts for leaf in jax.tree.leaves(part.params)
    ]
    rows = [np.shape(leaf)[:1] for leaf in jax.tree.leaves(x)]
    # Of products with something else than matrices we know nothing.
    if any(len(shape) > 2 for shape in shapes) or not rows or not rows[0]:
        return place
    (length,) = rows[0]
    size = length if is_batch else schedule.batch_size or fit_arguments.BATCH_SIZE
    steps: float | None = schedule.steps_per_epoch
    if steps is None:
        steps = math.inf if is_batch else -(-length // size)
    epochs = schedule.epochs - schedule.initial_epoch
    kernels = tuple(shape for shape in shapes if len(shape) == 2)
    return placement.for_steps(place, Step(min(size, length), kernels), epochs * steps)

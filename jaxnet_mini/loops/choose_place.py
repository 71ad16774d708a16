"""Where the steps of a ``fit`` are computed, if nobody says where."""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

import jax

from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.data.fit_arguments import FitSchedule
from jaxnet_mini.devices import processes, threads
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.devices.products import StepProducts

SPLIT = 1e9
"""With fewer floating point operations a step stays on one device: a GPU or TPU does
them in 50 microseconds, at a fifth of its rate, as long as a sum over several takes."""


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
    return for_steps(place, step_of(outline, min(size, length)), float(epochs * steps))


def for_steps(place: Placement, step: StepProducts, steps: float) -> Placement:
    """Return where steps of training are computed fastest, if nobody said where.

    Args:
        place: where they would be, on all devices.
        step: what each of them computes.
        steps: how many there will be, about.
    """
    if place.mesh is not None:
        if processes.several() or not step.kernels or _pays_to_split(step):
            return place
        place = Placement()
    device, rival = threads.fitting(step, steps)
    return dataclasses.replace(place, device=device, rival=rival)


def _pays_to_split(step: StepProducts) -> bool:
    """Tell whether devices compute a step sooner together than one alone.

    Those of one CPU share its cores, which one device takes as well.
    """
    return jax.default_backend() != "cpu" and step.operations >= SPLIT


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

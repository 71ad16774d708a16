"""Epochs that are begun, and not waited for: one, or several in one program."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.training.epochs import HeldOut, Passes, sums_of
from jaxnet_mini.core.training.state import Data, TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.types import Variables
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.data.stacks import PlacedStacks
from jaxnet_mini.devices import onednn, processes, programs
from jaxnet_mini.devices.products import StepProducts
from jaxnet_mini.loops import evaluate, steps
from jaxnet_mini.loops.choose_place import step_of
from jaxnet_mini.loops.feed import Resident
from jaxnet_mini.loops.fit_call import FitCall, variables_of
from jaxnet_mini.loops.prepare import Prepared

SHORT_SECONDS = 0.1
"""Epochs that take less, by an estimate, may share a program."""

MOST, MOST_PLACES = 16, 2**20
"""So many epochs are in a program at most, which go through so many rows."""


class Ended(NamedTuple):
    """An epoch that has ended.

    Args:
        went_well: whether loss and weights were finite; otherwise the rest is of no
            use.
        sums: of its steps.
        held_out: of the evaluation after it; None where none was due.
    """

    went_well: bool
    sums: Sums
    held_out: Sums | None


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Epochs on their way.

    Args:
        count: how many.
        state: after the last of them.
        numbers: what there is to know of them, for `Stretches.ended` once it is here.
    """

    count: int
    state: TrainState
    numbers: Any


@runtime_checkable
class Stretches(Protocol):
    """How epochs are begun.

    Attributes:
        most: how many a stretch has at most.
    """

    most: int

    def begin(self, first: int, count: int, state: TrainState) -> Stretch:
        """Begin epochs from a state that is on its way itself.

        Args:
            first: the index of the first.
            count: how many, at most ``most``.
            state: from which.
        """

    def ended(self, first: int, count: int, numbers: Any) -> list[Ended]:
        """Return how epochs have ended, by their numbers, which are on the host."""


def may_be_begun(prepared: Prepared) -> bool:
    """Tell whether an epoch may be begun before the one before has ended."""
    place, stacks = prepared.place, prepared.held_out.stacks
    if type(prepared.feed) is not Resident or place.mesh is not None:
        return False
    if processes.several():
        return False
    return stacks is None or (isinstance(stacks, PlacedStacks) and place.here is place)


class Singly:
    """Each epoch is a stretch, of the programs that any epoch runs.

    Args:
        call: of which fit.
    """

    most = 1

    def __init__(self, call: FitCall) -> None:
        self._call, self._program = call, call.prepared.trainer.program()
        self._evaluate: Callable[[Variables], Sums] | None = None
        prepared = call.prepared
        stacks, here = prepared.held_out.stacks, prepared.place.here
        if stacks is not None:
            self._evaluate = evaluate.unwatched(prepared.trainer, stacks, here)

    def begin(self, first: int, count: int, state: TrainState) -> Stretch:
        """See `Stretches`."""
        call, prepared, sums = self._call, self._call.prepared, self._call.no_sums
        checks = []
        for piece in prepared.feed.pieces(call.plan, first):
            for part in steps.parts(self._program, state, piece):
                after = programs.loop(self._program, state, *part, sums)
                state, sums = after.state, after.sums
                checks.append((after.failed, after.finite))
        held_out = None
        if self._evaluate is not None and prepared.held_out.due(first + 1):
            held_out = self._evaluate(variables_of(prepared, state))
        return Stretch(count, state, (checks, sums, held_out))

    def ended(self, first: int, count: int, numbers: Any) -> list[Ended]:
        """See `Stretches`."""
        checks, sums, held_out = numbers
        went_well = all(failed < 0 and finite for failed, finite in checks)
        return [Ended(went_well, sums, held_out)]


class InOneProgram:
    """Several epochs are one program, with the evaluations after them.

    Args:
        prepared: what is trained, for which `epochs_in_one` is more than 1.
        plan: of which fit.
    """

    def __init__(self, prepared: Prepared, plan: Plan) -> None:
        self.most = prepared.epochs_in_one
        self._prepared, self._plan = prepared, plan
        self._program = prepared.trainer.program()

    @functools.cached_property
    def _data(self) -> Data:
        return self._prepared.feed.empty(self._plan)[0]

    def compile_ahead(self, state: TrainState) -> None:
        """Start to compile the program, for such a state."""
        data, order = self._prepared.feed.shapes(self._plan)
        orders = jax.ShapeDtypeStruct(
            (self.most, *order.shape), order.dtype, sharding=order.sharding
        )
        rest = Passes(orders, self._plan.steps_per_pass, 0), self._held_out(0, 0)
        programs.epochs.compile_ahead(self._program, state, data, *rest)

    def begin(self, first: int, count: int, state: TrainState) -> Stretch:
        """See `Stretches`; of no epochs it waits for the compiler."""
        plan, place = self._plan, self._prepared.place
        none = plan.no_order
        # What is beyond their number is not looked at.
        orders = np.zeros((self.most, *none.shape), none.dtype)
        for index in range(count):
            orders[index] = plan.order(first + index)
        placed = place.put_on_its_own(orders)
        rest = Passes(placed, plan.steps_per_pass, count), self._held_out(first, count)
        after = programs.epochs(self._program, state, self._data, *rest)
        return Stretch(count, after.state, (after.whole, after.sums, after.held_out))

    def ended(self, first: int, count: int, numbers: Any) -> list[Ended]:
        """See `Stretches`."""
        whole, sums, held_out = numbers
        due = self._prepared.held_out.due
        return [
            Ended(
                bool(whole[index]),
                sums_of(sums, index),
                None
                if held_out is None or not due(first + index + 1)
                else sums_of(held_out, index),
            )
            for index in range(count)
        ]

    def _held_out(self, first: int, count: int) -> HeldOut | None:
        """Return what to evaluate on, and after which epochs."""
        own = self._prepared.held_out
        if own.stacks is None:
            return None
        ((batches, _, last),) = own.stacks.runs(stepwise=False)
        due = np.zeros(self.most, bool)
        due[:count] = [own.due(first + index + 1) for index in range(count)]
        return HeldOut(batches, last, due)


def how_many(step: StepProducts, steps: int, rows: int, epochs: int) -> int:
    """Return how many epochs may share a program; 1 where they are better alone.

    A power of two, so that programs are shared.

    Args:
        step: what each step computes.
        steps: how many an epoch has.
        rows: how many places its order has.
        epochs: how many there are at most.
    """
    if step.seconds * steps > SHORT_SECONDS:
        return 1
    most = max(1, min(MOST, epochs, MOST_PLACES // rows))
    return 1 << (most.bit_length() - 1)


def in_one_program(prepared: Prepared) -> Prepared:
    """Return the same, with as many epochs in one program as may be."""
    plan = prepared.plan((0,))
    if not _may_share(prepared, plan) or plan.steps_per_epoch is not None:
        return prepared
    rows, epochs = np.size(plan.no_order), plan.epochs - plan.initial_epoch
    step = step_of(prepared.outline, min(prepared.batch_size, prepared.rows))
    count = how_many(step, plan.steps_per_pass, rows, epochs)
    return dataclasses.replace(prepared, epochs_in_one=count)


def _may_share(prepared: Prepared, plan: Plan) -> bool:
    """Tell whether epochs and evaluations are but one loop and one stack each."""
    trainer, stacks = prepared.trainer, prepared.held_out.stacks
    own = trainer.own_method(training=True) or trainer.own_method(training=False)
    one_stack, alike = True, True
    if isinstance(stacks, PlacedStacks):
        rows = math.prod(plan.no_order.shape[1:])
        one_stack = len(stacks) == 1
        # One program has the options of both, as each has them by itself.
        alike = onednn.options(stacks.batch_size) == onednn.options(rows)
    by_row = protocol.acts_by_row(trainer.net)
    return may_be_begun(prepared) and one_stack and alike and by_row and not own

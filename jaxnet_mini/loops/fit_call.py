"""What goes through one call of ``fit``, and what all of its parts ask of it."""

import dataclasses
import functools
from collections.abc import Callable

from jaxnet_mini.callbacks import CallbackList, History
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.types import Variables
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices.placement import at_home
from jaxnet_mini.loops.prepare import Prepared
from jaxnet_mini.loops.run import Run
from jaxnet_mini.loops.steps import Learner


@dataclasses.dataclass(frozen=True)
class FitCall:
    """One call of ``fit``: what goes through it together.

    Args:
        learner: holds the state, replaced after each piece.
        prepared: what to learn, and on what to evaluate.
        run: how and where to start, and who keeps how far it is.
        callbacks: hooks to call; ``history`` is the last of them.
        history: receives the timing.
        verbose: 0, 1 or 2.
        check: raises an error where what is compiled is no longer what is asked for.
    """

    learner: Learner
    prepared: Prepared
    run: Run
    callbacks: CallbackList
    history: History
    verbose: int
    check: Callable[[], None]

    @property
    def plan(self) -> Plan:
        """How to go through the examples."""
        return self.run.plan

    @functools.cached_property
    def no_sums(self) -> Sums:
        """The sums of no step, where those of steps lie."""
        prepared = self.prepared
        none: Sums = prepared.place.everywhere(prepared.trainer.no_sums())
        return none


def variables_of(prepared: Prepared, state: TrainState) -> Variables:
    """Return what the network computes with, where this process evaluates alone."""
    place = prepared.place
    if place.here is place:
        return state.variables
    own: Variables = place.here.params(at_home(state.variables))
    return own

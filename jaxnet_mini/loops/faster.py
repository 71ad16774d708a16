"""Whether one thread or all cores compute the steps of a ``fit`` sooner: both try.

What is tried is the program that trains, on the examples and from the state that it
has, and what comes of it is thrown away. Both have the same bits, so that training may
go on with either, and change whenever the other has become faster: virtual processors
are moved about by their host, and other programs come and go.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnet_mini.core.training.state import length
from jaxnet_mini.devices import programs, threads, trials
from jaxnet_mini.devices.placement import Placement, at_home
from jaxnet_mini.loops.choose_place import step_of
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.fit_call import FitCall

AGAIN = 5.0
"""Seconds after which both try again, for some 0.1 s."""


class Faster:
    """Where the steps of one ``fit`` are computed.

    Args:
        call: what to run, where it lies; its place may have a rival.
    """

    def __init__(self, call: FitCall) -> None:
        self._call, self._rival = call, None
        self._step = step_of(call.prepared.outline, call.prepared.batch_size)
        self._tried = -np.inf
        rival = call.prepared.place.rival
        # What Python is told by a program, it would be told by trials as well.
        if rival is not None and not _has_effects(call):
            own = call.prepared.at(Placement(device=rival))
            self._rival = dataclasses.replace(call, prepared=own)

    def is_due(self) -> bool:
        """Tell whether it is time to try: at first, and after some seconds again."""
        return self._rival is not None and time.perf_counter() - self._tried > AGAIN

    def call(self) -> FitCall:
        """Return the call where steps are computed sooner, with the learner's state.

        Where it `is_due`, between epochs of which none is on its way.
        """
        chosen = self._call
        if self._rival is not None:
            runs = self._run(self._rival), self._run(self._call)
            chosen = self._rival if threads.tried(self._step, *runs) else self._call
            chosen.learner.state = _moved(chosen.learner.state, chosen.prepared.place)
            self._tried = time.perf_counter()
        chosen.history.timing["threads"] = chosen.prepared.place.threads
        return chosen

    def _run(self, call: FitCall) -> Callable[[], Any]:
        """Return what computes some steps where a call lies."""
        arguments = _arguments(call, self._step.seconds)
        return lambda: programs.loop(*arguments)


def _has_effects(call: FitCall) -> bool:
    shapes, program = (
        call.prepared.feed.shapes(call.plan),
        call.prepared.trainer.program(),
    )
    arguments = program, call.learner.state, *shapes, 0, 0, call.no_sums
    return programs.loop.has_effects(*arguments)


def _arguments(call: FitCall, seconds: float) -> tuple[Any, ...]:
    """Return what the loop takes for some steps, of rows drawn at random.

    Args:
        call: where to compute them.
        seconds: how long one takes, about.
    """
    prepared, plan, place = call.prepared, call.plan, call.prepared.place
    examples, nothing = prepared.feed.empty(plan)
    rows = min(length(examples.x), prepared.rows)
    order = np.random.default_rng(0).integers(0, rows, nothing.shape, np.int32)
    # Once: a stream's are on the host, and would go to the device with each run.
    examples, order = place.put((examples, place.order(order)))
    piece = Piece(examples, order, 0, trials.steps_of(seconds, len(order)))
    state = _moved(call.learner.state, place)
    return prepared.trainer.program(), state, *piece, call.no_sums


def _moved(state: Any, place: Placement) -> Any:
    """Return a state where a place has it, wherever it is."""
    return place.params(state if place.device is not None else at_home(state))

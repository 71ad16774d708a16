"""How the members of a sweep are trained: alone, one after another, or in groups."""

import copy
import dataclasses
import functools
import math
import threading
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxnet_mini.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    History,
    Logs,
    TerminateOnNaN,
)
from jaxnet_mini.callbacks.progress_bar import Stopwatch, SweepBar, named
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.transformations import init
from jaxnet_mini.data import resident
from jaxnet_mini.devices import memory, programs
from jaxnet_mini.errors import DataError, NonFiniteError
from jaxnet_mini.loops.prepare import Prepared
from jaxnet_mini.models import fit as fitting
from jaxnet_mini.models import held as holding
from jaxnet_mini.sweeps import group, side_by_side
from jaxnet_mini.sweeps.result import Member, SweepResult, epoch_of
from jaxnet_mini.sweeps.space import Candidate
from jaxnet_mini.views.summary import size

TOGETHER = (EarlyStopping, TerminateOnNaN)
"""Callbacks that need no more than the logs of an epoch, and change no weights before
the end: members that have these alone can train together."""


class _Ending(Callback):
    """Ends the training of a member, and of no other, where it cannot go on."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.note = ""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.stop.is_set():
            self.model.stop_training = True

    def on_non_finite(self, error: NonFiniteError) -> None:
        # "the loss turned NaN or infinite in epoch 2 at step 3: the model keeps ..."
        self.note = str(error).removeprefix("the ").split(" at step ")[0]
        self.model.stop_training = True


@dataclasses.dataclass
class Job:
    """What goes on through a sweep: who is done, and what the bar shows of it."""

    callbacks: list[Callback]
    bar: SweepBar
    verbose: int

    def __post_init__(self) -> None:
        self.done: dict[int, Member] = {}
        self.stop, self._ending = threading.Event(), threading.Lock()
        self.watch = Stopwatch()
        self.watch.start()

    @property
    def may_be_together(self) -> bool:
        """Whether members may train at the same time, as far as callbacks know it."""
        return all(type(callback) in TOGETHER for callback in self.callbacks)

    def at_once(
        self, candidates: Sequence[Candidate], prepared: Prepared, shards: int
    ) -> int:
        """Return how many members to train together, and say it where not all are."""
        examples = filter(None, (prepared.examples, prepared.validation))
        needed = sum(resident.resident_bytes(e, prepared.batch_size) for e in examples)
        most = group.at_once(_start(candidates[0], prepared), shards, needed)
        if 1 < most < len(candidates):
            why = "one on each device" if most == shards else "as memory allows"
            told = f"{len(candidates)} members train in groups of {most}, {why}."
            self.bar.remark(told)
        return most

    def run(
        self, candidates: Sequence[Candidate], prepared: Prepared, most: int
    ) -> None:
        """Train members, at most so many together.

        Raises:
            DataError: what they learn would not fit into the memory.
        """
        state = _start(candidates[0], prepared)
        kept = len(candidates) * size((state.variables, state.optimizer_state))
        shortage = memory.shortage([("weights and optimizers of all members", kept)])
        if shortage:
            raise DataError(f"{shortage}: go through fewer combinations at a time.")
        if most == 1:
            self.each(candidates, prepared)
            return
        alike: dict[Any, list[Candidate]] = {}
        for candidate in candidates:
            program = candidate.trainer(prepared.trainer).program()
            alike.setdefault(jax.tree.structure(program), []).append(candidate)
        for several in alike.values():
            # All of one size, so that one program serves them.
            each = math.ceil(len(several) / math.ceil(len(several) / most))
            for first in range(0, len(several), each):
                self.together(several[first : first + each], prepared, each)

    def each(self, candidates: Sequence[Candidate], prepared: Prepared) -> None:
        """Train members one after another, or as many at a time as there are cores."""
        count = len(candidates)
        places = side_by_side.places(prepared, count) if self.may_be_together else []
        jobs = [functools.partial(self.alone, candidate) for candidate in candidates]
        if places:
            told = (
                f"{len(jobs)} members train {len(places)} at a time, one on each core."
            )
            self.bar.remark(told)
            side_by_side.run(jobs, places, self.stop)
            return
        for job in jobs:
            job(prepared)

    def alone(self, candidate: Candidate, prepared: Prepared) -> None:
        """Train a member as ``fit`` does."""
        candidate.model.state = _start(candidate, prepared)
        ending, own = self._callbacks()
        mine = _prepared_for(candidate, prepared)
        history = fitting.train(candidate.model, mine, own, 0, None)
        self._end(candidate, history, own, ending)

    def together(
        self, candidates: Sequence[Candidate], prepared: Prepared, places: int
    ) -> None:
        """Train members in one stack of so many places."""
        members, endings = [], []
        for candidate in candidates:
            model, mine = candidate.model, _prepared_for(candidate, prepared)
            holding.of(model).adopt(mine.outline)
            model.state = _start(candidate, prepared)
            plan = mine.plan((model.seed, 0))
            ending, own = self._callbacks()
            history = model.history = History()
            parameters = {"epochs": plan.epochs, "steps": plan.steps, "verbose": 0}
            called = CallbackList([*own, history], model, parameters)
            members.append(group.Trainee(model, mine.trainer, plan, called, history))
            endings.append((candidate, history, own, ending))
        before = len(self.done)

        def report(share: float) -> None:
            self._show(before + int(share * len(members)))

        group.Group(members, prepared, report, places).train()
        for ended in endings:
            self._end(*ended)

    def _callbacks(self) -> tuple[_Ending, list[Callback]]:
        # A callback of an earlier fit knows its model, which need not be copied.
        ending = _Ending(self.stop)
        own = [copy.deepcopy(c, {id(c.model): None}) for c in self.callbacks]
        return ending, [*own, ending]

    def _end(
        self,
        candidate: Candidate,
        history: History,
        own: Sequence[Callback],
        ending: _Ending,
    ) -> None:
        model, epoch = candidate.model, epoch_of(history, own)
        member = Member(
            candidate.settings, model, history, ending.note, epoch,
            candidate.template.net,
        )  # fmt: skip
        with self._ending:  # of several at a time
            self.done[id(candidate)] = member
            if self.verbose == 2:
                told = [f"{name}={value}" for name, value in member.settings.items()]
                notes = filter(None, [ending.note])
                told = [", ".join(told), *named(member.logs), *notes]
                self.bar.remark(" - ".join(told))
            self._show(len(self.done))

    def _show(self, done: int) -> None:
        self.watch.stop()
        self.watch.start()
        self.bar.update(done, self.watch.seconds, self._best())

    def _best(self) -> dict[str, Any]:
        values = [
            member.logs.get("val_loss", member.logs.get("loss", np.nan))
            for member in self.done.values()
            if not member.note
        ]
        finite = [value for value in values if np.isfinite(value)]
        validated = any("val_loss" in member.logs for member in self.done.values())
        name = "val_loss" if validated else "loss"
        return {f"best {name}": min(finite)} if finite else {}

    def result(self, candidates: Sequence[Candidate]) -> SweepResult:
        """Return the members in the order of the combinations."""
        self.bar.end(self._best())
        return SweepResult([self.done[id(candidate)] for candidate in candidates])

    def close(self) -> None:
        """Leave the terminal in order."""
        self.bar.abandon()


def _start(candidate: Candidate, prepared: Prepared) -> TrainState:
    """Return a candidate's first state, as its own ``fit`` would make it.

    One program makes the weights of all, and the optimizer's state needs none.
    """
    model, shape = candidate.model, prepared.outline.input_shape
    traced = holding.of(candidate.template).blueprint.traced
    state = programs.untrained(traced, shape, np.uint32(model.seed))
    trainer: Trainer = model.trainer
    optimizer_state = init(trainer.optimizer, trainer.trained(state.params))
    started: TrainState = state._replace(optimizer_state=optimizer_state)
    return started


def _prepared_for(candidate: Candidate, prepared: Prepared) -> Prepared:
    """Return the same examples, for a candidate's own layers and numbers."""
    pairs = zip(prepared.outline.parts, candidate.model.net.layers, strict=True)
    parts = tuple(dataclasses.replace(part, layer=layer) for part, layer in pairs)
    outline = prepared.outline._replace(net=candidate.model.net, parts=parts)
    trainer = candidate.trainer(prepared.trainer)
    return dataclasses.replace(prepared, trainer=trainer, outline=outline)

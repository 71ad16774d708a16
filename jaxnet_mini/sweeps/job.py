"""How the members of a sweep are trained: alone, one after another, or in groups."""

import copy
import dataclasses
import functools
import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
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
from jaxnet_mini.loops.stretches import in_one_program
from jaxnet_mini.models import fit as fitting
from jaxnet_mini.models import fixed
from jaxnet_mini.models import held as holding
from jaxnet_mini.sweeps import group, side_by_side
from jaxnet_mini.sweeps.race import Race
from jaxnet_mini.sweeps.result import Member, SweepResult, epoch_of
from jaxnet_mini.sweeps.rungs import Rungs
from jaxnet_mini.sweeps.space import Candidate
from jaxnet_mini.views.summary import size

TOGETHER = (EarlyStopping, TerminateOnNaN)
"""Callbacks that need no more than the logs of an epoch, and change no weights before
the end: members that have these alone can train together."""


MANY = 8
"""Of as many members it pays to compile a program of several epochs."""


class Watch(Callback):
    """Ends the training of a member, and of no other, where it is not to go on.

    Args:
        race: what members are compared by.
        stop: is set where the whole sweep ends.
        trial: of Optuna's, which says whether the member falls behind; or None.

    Attributes:
        note: why training ended early, or "".
        value: the last one of what is monitored; NaN before the first.
        pruned: whether the member fell behind.
    """

    def __init__(self, race: Race, stop: threading.Event, trial: Any) -> None:
        self.race, self.stop, self.trial = race, stop, trial
        self.note, self.value, self.pruned = "", math.nan, False

    @property
    def _needs_logs_alone(self) -> bool:
        return not self.race.compares

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.stop.is_set():
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        found = (logs or {}).get(self.race.monitor)
        if found is None or np.ndim(found) or self.note:
            return
        self.value = float(found)
        if self.trial is not None and math.isfinite(self.value):
            self.trial.report(self.value, epoch)
            if self.trial.should_prune():
                self.prune(epoch + 1)

    def prune(self, epochs: int) -> None:
        """End the training of a member that is behind others after so many epochs."""
        if not self.model.stop_training:
            self.note, self.pruned = f"fell behind in epoch {epochs}", True
            self.model.stop_training = True

    def on_non_finite(self, error: NonFiniteError) -> None:
        # "the loss turned NaN or infinite in epoch 2 at step 3: the model keeps ..."
        self.note = str(error).removeprefix("the ").split(" at step ")[0]
        self.model.stop_training = True


class Training:
    """The training of a member, or of a group, which may wait after an epoch.

    Args:
        begin: begins it, with the examples where they are to be computed with.

    Attributes:
        prepared: these examples; None before it has begun.
    """

    def __init__(self, begin: Callable[[Prepared], Generator[int, None, None]]) -> None:
        self._begin = begin
        self._epochs: Generator[int, None, None] | None = None
        self.prepared: Prepared | None = None

    def go_on(self, until: int | None, prepared: Prepared) -> None:
        """Train until so many epochs are done, None for all and what follows them."""
        if self._epochs is None:
            self.prepared, self._epochs = prepared, self._begin(prepared)
        for done in self._epochs:
            if done == until:
                return


@dataclasses.dataclass
class Part:
    """Members of a sweep that share a template, and what they learn from.

    Args:
        candidates: the members.
        prepared: the examples.
        most: how many train together.
    """

    candidates: Sequence[Candidate]
    prepared: Prepared
    most: int

    def __post_init__(self) -> None:
        self.tasks: list[Training] = []
        self.places: list[Prepared] = []


@dataclasses.dataclass
class Job:
    """What goes on through a sweep: who is done, and what the bar shows of it.

    Args:
        callbacks: of which each member has copies.
        bar: shows how many are done.
        verbose: 0, 1 or 2.
        race: what members are compared by.
    """

    callbacks: list[Callback]
    bar: SweepBar
    verbose: int
    race: Race

    def __post_init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.done: dict[int, Member] = {}
        self.watches: dict[int, Watch] = {}
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

    def run(self, part: Part, until: int | None) -> None:
        """Train members that have not ended.

        Args:
            part: which.
            until: how many epochs are to be done; None for all.

        Raises:
            DataError: what they learn would not fit into the memory.
        """
        if not part.tasks:
            self._begin(part)
        tasks = part.tasks
        if not part.places:
            for task in tasks:
                task.go_on(until, part.prepared)
            return
        jobs = [(task.prepared, functools.partial(task.go_on, until)) for task in tasks]
        side_by_side.run(jobs, part.places, self.stop)

    def _begin(self, part: Part) -> None:
        """Find out who trains with whom, and where."""
        candidates, prepared, most = part.candidates, part.prepared, part.most
        state = _start(candidates[0], prepared)
        kept = len(candidates) * size((state.variables, state.optimizer_state))
        shortage = memory.shortage([("weights and optimizers of all members", kept)])
        if shortage:
            raise DataError(f"{shortage}: go through fewer combinations at a time.")
        count = len(candidates)
        if most == 1:
            part.tasks = [
                Training(functools.partial(self._alone, c)) for c in candidates
            ]
            if self.may_be_together:
                part.places = side_by_side.places(prepared, count)
            if count >= MANY and not (self.race.compares or self.callbacks):
                part.prepared = in_one_program(prepared)
                part.places = [in_one_program(place) for place in part.places]
            if part.places:
                places = len(part.places)
                told = f"{count} members train {places} at a time, one on each core."
                self.bar.remark(told)
        else:
            part.tasks = [
                Training(functools.partial(self._together, members, places))
                for members, places in _groups(candidates, prepared, most)
            ]

    def ahead(
        self, candidates: Sequence[Candidate], rungs: Rungs, epochs: int
    ) -> list[Candidate]:
        """End the training of members that are behind others; return those ahead.

        Args:
            candidates: those that were ahead until now.
            rungs: say how many go on.
            epochs: how many are done.
        """
        watches = [self.watches[id(candidate)] for candidate in candidates]
        sign = self.race.sign(candidates[0].model)
        values = [math.nan if w.note else sign * w.value for w in watches]
        out = rungs.behind(values)
        for index in out:
            watches[index].prune(epochs)
        return [c for index, c in enumerate(candidates) if index not in out]

    def tell(self, candidates: Sequence[Candidate]) -> None:
        """Tell a study how the members ended that it asked for."""
        name, sampler = self.race.monitor, self.race.sampler
        for candidate in candidates:
            member, watch = self.done[id(candidate)], self.watches[id(candidate)]
            # The last epoch need not be validated: then the last value that was seen.
            value = math.nan if member.note else member.logs.get(name, watch.value)
            if sampler is not None:
                sampler.tell(candidate.trial, value, watch.pruned)

    def _alone(
        self, candidate: Candidate, prepared: Prepared
    ) -> Generator[int, None, None]:
        """Train a member as ``fit`` does."""
        model = candidate.model
        model.state = _start(candidate, prepared)
        own = self._callbacks(candidate)
        mine = _prepared_for(candidate, prepared)
        yield from fitting.train(model, mine, own, 0, None)
        self._end(candidate, own)

    def _together(
        self, candidates: Sequence[Candidate], places: int, prepared: Prepared
    ) -> Generator[int, None, None]:
        """Train members in one stack of so many places."""
        members, endings = [], []
        for candidate in candidates:
            model, mine = candidate.model, _prepared_for(candidate, prepared)
            holding.of(model).adopt(mine.outline)
            model.state = _start(candidate, prepared)
            plan = mine.plan((model.seed, 0))
            own = self._callbacks(candidate)
            history = model.history = History()
            parameters = {"epochs": plan.epochs, "steps": plan.steps, "verbose": 0}
            called = CallbackList([*own, history], model, parameters)
            members.append(group.Trainee(model, mine.trainer, plan, called, history))
            endings.append((candidate, own))
        before = len(self.done)

        def report(share: float) -> None:
            self._show(before + int(share * len(members)))

        yield from group.Group(members, prepared, report, places).train()
        for ended in endings:
            self._end(*ended)

    def _callbacks(self, candidate: Candidate) -> list[Callback]:
        watch = Watch(self.race, self.stop, candidate.trial)
        self.watches[id(candidate)] = watch
        # A callback of an earlier fit knows its model, which need not be copied.
        own = [copy.deepcopy(c, {id(c.model): None}) for c in self.callbacks]
        return [*own, watch]

    def _end(self, candidate: Candidate, own: Sequence[Callback]) -> None:
        model, note = candidate.model, self.watches[id(candidate)].note
        history: Any = model.history
        member = Member(
            candidate.settings, model, history, note, epoch_of(history, own),
            candidate.template.net,
        )  # fmt: skip
        with self._ending:  # of several at a time
            self.done[id(candidate)] = member
            if self.verbose == 2:
                told = [f"{name}={value}" for name, value in member.settings.items()]
                notes = filter(None, [note])
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

    def result(self) -> SweepResult:
        """Return the members in the order of the combinations."""
        self.bar.end(self._best())
        return SweepResult([self.done[id(one)] for one in self.candidates])

    def close(self) -> None:
        """Leave the terminal in order."""
        self.bar.abandon()


def _groups(
    candidates: Sequence[Candidate], prepared: Prepared, most: int
) -> Iterator[tuple[list[Candidate], int]]:
    """Yield members that train in one stack, and for how many its program is made."""
    alike: dict[Any, list[Candidate]] = {}
    for candidate in candidates:
        program = candidate.trainer(prepared.trainer).program()
        alike.setdefault(jax.tree.structure(program), []).append(candidate)
    for several in alike.values():
        # All of one size, so that one program serves them.
        each = math.ceil(len(several) / math.ceil(len(several) / most))
        for first in range(0, len(several), each):
            yield several[first : first + each], each


def _start(candidate: Candidate, prepared: Prepared) -> TrainState:
    """Return a candidate's first state, as its own ``fit`` would make it.

    One program makes the weights of all, and the optimizer's state needs none. What
    training does not change is that of the template.
    """
    model, shape = candidate.model, prepared.outline.input_shape
    held = holding.of(candidate.template)
    state = programs.untrained(held.blueprint.traced, shape, np.uint32(model.seed))
    state = fixed.handed_on(held, state)
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

"""Many models by one call: all combinations of some hyper-parameters.

A member is trained as ``fit`` trains it, by the same programs. What ``fit`` does once
for a model, checking the data, placing them and compiling, is done once for all that
have the same layers.
"""

import contextlib
import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxnet_mini import (
    arguments,
    batches,
    forks,
    groups,
    interrupts,
    placement,
    preparing,
    programs,
    spaces,
)
from jaxnet_mini import (
    callbacks as hooks,
)
from jaxnet_mini.callbacks import Callback, CallbackList, EarlyStopping, History
from jaxnet_mini.callbacks.base import watches_batches
from jaxnet_mini.errors import ArgumentError, NonFiniteError
from jaxnet_mini.feeds import Resident
from jaxnet_mini.placement import Placement
from jaxnet_mini.plans import Plan
from jaxnet_mini.preparing import Prepared
from jaxnet_mini.progress import Stopwatch, SweepBar, check_verbose, named
from jaxnet_mini.results import Member, SweepResult, epoch_of
from jaxnet_mini.spaces import Candidate
from jaxnet_mini.states import TrainState

IN_GROUPS = (EarlyStopping, hooks.TerminateOnNaN)
"""Callbacks that need no more than the logs of an epoch, and change no weights before
the end: members that have these alone can train together."""


class _Ending(Callback):
    """Ends the training of a member, and of no other, where it cannot go on."""

    def __init__(self) -> None:
        self.note = ""

    def on_non_finite(self, error: NonFiniteError) -> None:
        self.note = str(error).split(":")[0]
        self.model.stop_training = True


@interrupts.held_back()
def sweep(
    model: Any,
    space: Mapping[str, Any],
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Any = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    steps_per_epoch: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | Sequence[int] = 1,
    *,
    mesh: Any = None,
) -> SweepResult:
    """Train a model with every combination of some hyper-parameters.

    Each member starts from fresh weights, drawn with its seed, and ends as
    ``Sequential(layers, seed=seed).fit(...)`` with the same settings would: to the bit
    on one CPU device, and within 1e-5 where numbers of layers are tried or members
    train together.

    All combinations of numbers run in one compiled program. Where a function builds
    models of several shapes, each shape has one. On a CPU members train one after
    another on each device, which was measured to be no slower than a stack of them;
    on other devices as many together as memory allows. Over the devices of a mesh they
    are shared out, each device training its own. Members do not train together where
    examples are streamed, or with callbacks other than `callbacks.EarlyStopping`
    and `callbacks.TerminateOnNaN`: then each trains as ``fit`` does.

    Args:
        model: a compiled model, which stays as it is; or a function that returns one,
            whose arguments may then be names of the space, such as ``units``.
        space: names to the values to try: a list, a range or an array of one axis.
            ``"seed"``; a number of the optimizer, such as ``"learning_rate"`` or
            ``"weight_decay"``; a dropout rate, the ``"stddev"`` of a noise or the
            factor of a regularizer by its path, ``"dropout/rate"`` or
            ``"dense/kernel_regularizer/l2"``, or by the end of the path for all layers
            that have it, ``"rate"`` or ``"l2"``; an argument of the function.
        x: inputs, as for ``fit``, but no batches.
        y: this and the following are what ``fit`` takes.
        batch_size: examples in a step.
        epochs: how many.
        verbose: 0 silent, 1 or "auto" one bar for all members, 2 a line a member.
        callbacks: every member is given copies of its own.
        validation_split: the share of the last rows to hold out.
        validation_data: what to hold out instead.
        shuffle: whether to draw a new order for each epoch, by the member's seed.
        class_weight: weights of the loss by class.
        sample_weight: weights of the loss by example.
        steps_per_epoch: steps in an epoch; None is one pass over the rows.
        validation_batch_size: examples to evaluate at a time.
        validation_freq: validate every so many epochs, or after those in a list.
        mesh: the devices to share the members out to; by default all.

    Returns:
        The members. One whose loss or a weight turned NaN or infinite ends there, with
        its last finite weights, and its ``note`` says so; the others go on.

    Raises:
        ArgumentError, UnknownNameError, StateError, DataError, ShapeError: bad input,
            before anything is compiled.

    >>> from jaxnet_mini.datasets import digits
    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> from jaxnet_mini.models import Sequential
    >>> (x, y), _ = digits.load_data()
    >>> model = Sequential([Flatten(), Dense(16, "relu"), Dense(10, "softmax")])
    >>> model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    >>> space = {"learning_rate": [1e-4, 1e-2], "seed": range(2)}
    >>> result = sweep(model, space, x / 16, y, verbose=0, validation_split=0.1)
    >>> len(result), result.ranked("val_loss")[0].settings["learning_rate"]
    (4, 0.01)
    """
    forks.check("sweep")
    verbose = check_verbose(verbose)
    given = hooks.as_callbacks(callbacks)
    if hooks.BackupAndRestore.among(given) is not None:
        raise ArgumentError(
            "BackupAndRestore keeps one run, and a sweep is many: leave it out, or fit "
            "the models yourself, each with a checkpoint of its own."
        )
    arguments.check_count("epochs", epochs)
    if steps_per_epoch is not None:
        arguments.check_count("steps_per_epoch", steps_per_epoch)
    if batches.opened(x, y, sample_weight, steps_per_epoch) is not None:
        raise ArgumentError(
            f"a sweep needs arrays, and x gives batches ({type(x).__name__}): every "
            "member goes through the examples in an order of its own."
        )
    candidates = spaces.candidates(model, space)
    together = all(type(callback) in IN_GROUPS for callback in given)
    job = _Job(
        given,
        {
            "epochs": epochs,
            "initial_epoch": 0,
            "steps_per_epoch": steps_per_epoch,
            "shuffle": bool(shuffle),
        },
        SweepBar("Sweep", len(candidates), len(candidates), verbose),
        verbose,
    )
    place = placement.of(mesh)

    def prepare(template: Any, place: Placement) -> Prepared:
        return preparing.prepare(
            trainer=template.trainer,
            outline=template._outline_for(x),
            place=place,
            x=x,
            y=y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            batch_size=batch_size,
            validation_split=validation_split,
            validation_data=validation_data,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            watched=watches_batches(given, "test"),
            verbose=verbose,
        )

    with contextlib.closing(job):
        for template in {id(c.template): c.template for c in candidates}.values():
            own = [c for c in candidates if c.template is template]
            whole = groups.Whole(place.mesh)
            prepared = prepare(template, whole if together else place)
            if together and isinstance(prepared.feed, Resident):
                job.run(own, prepared, place)
            else:
                if together and place.mesh is not None:
                    prepared = prepare(template, place)
                job.one_by_one(own, prepared)
        return job.result(candidates)


@dataclasses.dataclass
class _Job:
    """What goes on through a sweep: who is done, and what the bar shows of it."""

    callbacks: list[Callback]
    planned: Mapping[str, Any]
    bar: SweepBar
    verbose: int

    def __post_init__(self) -> None:
        self.done: dict[int, Member] = {}
        self.watch = Stopwatch()
        self.watch.start()

    def run(
        self, candidates: Sequence[Candidate], prepared: Prepared, place: Placement
    ) -> None:
        """Train members together, or one by one where that is better."""
        state = _start(candidates[0], prepared)
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(_host(prepared)))
        most = groups.at_once(state, place.shards, needed)
        if most == 1:
            self.one_by_one(candidates, prepared)
            return
        alike: dict[Any, list[Candidate]] = {}
        for candidate in candidates:
            program = candidate.trainer(prepared.trainer).program()
            alike.setdefault(jax.tree.structure(program), []).append(candidate)
        for several in alike.values():
            if len(several) > most:
                self.bar.remark(f"{len(several)} members train in groups of {most}.")
            for first in range(0, len(several), most):
                self.group(several[first : first + most], prepared)

    def one_by_one(self, candidates: Sequence[Candidate], prepared: Prepared) -> None:
        """Train members one after another, as ``fit`` does."""
        for candidate in candidates:
            candidate.model.state = _start(candidate, prepared)
            ending, own = self._callbacks()
            trainer = candidate.trainer(prepared.trainer)
            mine = dataclasses.replace(
                prepared, trainer=trainer, outline=_outline(candidate, prepared)
            )
            history = candidate.model._train(mine, own, 0, None, self.planned, {})
            self._end(candidate, history, own, ending)

    def group(self, candidates: Sequence[Candidate], prepared: Prepared) -> None:
        """Train members together."""
        members, endings = [], []
        for candidate in candidates:
            model, trainer = candidate.model, candidate.trainer(prepared.trainer)
            model._adopt(_outline(candidate, prepared))
            model.state = _start(candidate, prepared)
            plan = Plan(
                rows=prepared.rows,
                batch_size=prepared.batch_size,
                seed=(model.seed, 0),
                batch_pieces=preparing.pieces(trainer, prepared.batch_size),
                **self.planned,
            )
            ending, own = self._callbacks()
            history = model.history = History()
            parameters = {"epochs": plan.epochs, "steps": plan.steps, "verbose": 0}
            called = CallbackList([*own, history], model, parameters)
            members.append(groups.Member(model, trainer, plan, called, history))
            endings.append((candidate, history, own, ending))
        before = len(self.done)

        def report(share: float) -> None:
            self._show(before + int(share * len(members)))

        groups.Group(members, prepared, report).train()
        for ended in endings:
            self._end(*ended)

    def _callbacks(self) -> tuple[_Ending, list[Callback]]:
        # A callback of an earlier fit knows its model, which need not be copied.
        ending = _Ending()
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
        self.done[id(candidate)] = member
        if self.verbose == 2:
            told = [f"{name}={value}" for name, value in member.settings.items()]
            told = [", ".join(told), *named(member.logs), *filter(None, [ending.note])]
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
    model, shape = candidate.model, prepared.outline[0].input_shape
    state = programs.untrained(candidate.template.net, shape, np.uint32(model.seed))
    optimizer: Any = model.trainer.optimizer
    started: TrainState = state._replace(optimizer_state=optimizer.init(state.params))
    return started


def _outline(candidate: Candidate, prepared: Prepared) -> tuple[Any, ...]:
    pairs = zip(prepared.outline, candidate.model.layers, strict=True)
    return tuple(dataclasses.replace(part, layer=layer) for part, layer in pairs)


def _host(prepared: Prepared) -> Any:
    return prepared.examples, prepared.validation

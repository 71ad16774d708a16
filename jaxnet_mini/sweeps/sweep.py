"""Many models by one call: all combinations of some hyper-parameters.

A member is trained as ``fit`` trains it, by the same programs. What ``fit`` does once
for a model, checking the data, placing them and compiling, is done once for all that
have the same layers.
"""

import contextlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import jax

from jaxnet_mini.base import interrupts
from jaxnet_mini.base.arguments import check_count
from jaxnet_mini.callbacks import BackupAndRestore, Callback, as_callbacks
from jaxnet_mini.callbacks.base import watches_batches
from jaxnet_mini.callbacks.progress_bar import SweepBar, check_verbose
from jaxnet_mini.data import iterables
from jaxnet_mini.data.fit_arguments import FitData, FitSchedule
from jaxnet_mini.devices import forks, placement, processes, transfers
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.loops.feed import Resident
from jaxnet_mini.loops.prepare import Prepared, prepare
from jaxnet_mini.models import held as holding
from jaxnet_mini.models import mismatches
from jaxnet_mini.sweeps import space as spaces
from jaxnet_mini.sweeps.group import Whole
from jaxnet_mini.sweeps.job import Job, Part
from jaxnet_mini.sweeps.race import Race
from jaxnet_mini.sweeps.result import SweepResult
from jaxnet_mini.sweeps.rungs import Rungs
from jaxnet_mini.sweeps.space import Candidate
from jaxnet_mini.sweeps.study import Sampler


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
    rungs: Rungs | None = None,
    sampler: Any = None,
    n_trials: int | None = None,
    monitor: str = "val_loss",
    mode: str = "auto",
) -> SweepResult:
    """Train a model with every combination of some hyper-parameters.

    Each member starts from fresh weights, drawn with its seed, and ends as
    ``Sequential(layers, seed=seed).fit(...)`` with the same settings would: to the bit
    on one CPU device, and within 1e-5 where numbers of layers are tried or members
    train together. What training does not change it takes from the model: weights of
    frozen layers and what a `Normalization` was adapted to, if they are there.

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
        callbacks: every member is given copies of its own; none may write files.
        validation_split: the share of the last rows to hold out.
        validation_data: what to hold out instead.
        shuffle: whether to draw a new order for each epoch, by the member's seed.
        class_weight: weights of the loss by class.
        sample_weight: weights of the loss by example.
        steps_per_epoch: steps in an epoch; None is one pass over the rows.
        validation_batch_size: examples to evaluate at a time.
        validation_freq: validate every so many epochs, or after those in a list.
        mesh: the devices to share the members out to; by default all.
        rungs: successive halving, see `Rungs`: members that are behind others after
            so many epochs end there, as a ``fit`` of these epochs would.
        sampler: a study of Optuna that draws the members. Values in ``space`` may then
            be distributions of Optuna. It is asked for 8 at a time, and told how they
            ended; its pruner, asked after each epoch, may end a member.
        n_trials: how many members to ask for.
        monitor: the loss or metric by which rungs and a study compare members.
        mode: ``"min"``, ``"max"`` or ``"auto"``, which goes by the name; a study
            knows it.

    Returns:
        The members. One whose loss or a weight turned NaN or infinite ends there, with
        its last finite weights, and its ``note`` says so, as that of one that fell
        behind; the others go on.

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
    transfers.check("sweep")
    verbose = check_verbose(verbose)
    given = as_callbacks(callbacks)
    _check_callbacks(given)
    data = FitData(x, y, sample_weight, class_weight, validation_split, validation_data)
    schedule = FitSchedule(
        batch_size=batch_size,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        shuffle=shuffle,
        validation_batch_size=validation_batch_size,
        validation_freq=validation_freq,
    ).checked()
    _check_arrays(data)
    asked = _sampler(sampler, space, n_trials)
    total, batches = _members(asked, model, space, x, y)
    _check_processes(mesh)
    race, place = Race(monitor, mode, rungs, asked), placement.of(mesh)
    job = Job(given, SweepBar("Sweep", total, total, verbose), verbose, race)
    with transfers.meant(), contextlib.closing(batches), contextlib.closing(job):
        for candidates in batches:
            race.check(candidates[0].model, data, schedule)
            _train(job, candidates, data, schedule, place)
        return job.result()


def _members(
    sampler: Sampler | None, model: Any, space: Any, x: Any, y: Any
) -> tuple[int, Generator[list[Candidate], None, None]]:
    """Return how many members there are to be, and what yields them, in batches."""
    if sampler is not None:
        return sampler.n_trials, sampler.batches(model, x, y)
    found = spaces.candidates(model, space, x, y)
    return len(found), (batch for batch in [found])


def _check_processes(mesh: Any) -> None:
    """Raise an ArgumentError where several processes would train the same members."""
    if mesh is None and processes.several():
        raise ArgumentError(
            "a sweep runs in one process, and jax.distributed has joined "
            f"{jax.process_count()}: give each a part of the space, and the mesh "
            'jax.sharding.Mesh(jax.local_devices(), ("data",)).'
        )


def _sampler(sampler: Any, space: Any, n_trials: int | None) -> Sampler | None:
    """Return who is asked for members, if not the space.

    Raises:
        ArgumentError: one of the arguments is missing or of another kind.
    """
    if sampler is not None:
        return Sampler(sampler, space, check_count("n_trials", n_trials))
    if n_trials is not None:
        raise ArgumentError(
            f"n_trials={n_trials!r} is how many members a study is asked for: give the "
            "study as sampler, or leave n_trials out."
        )
    return None


def _train(
    job: Job,
    candidates: list[Candidate],
    data: FitData,
    schedule: FitSchedule,
    place: Placement,
) -> None:
    """Train members, those that share a template together where that can be."""
    alike: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        alike.setdefault(id(candidate.template), []).append(candidate)
    parts: Iterable[Part] = (
        _part(job, own, data, schedule, place) for own in alike.values()
    )
    job.candidates += candidates
    rungs, ahead = job.race.rungs, candidates
    if rungs is not None:
        parts = list(parts)  # which all have to wait for each other
        for epochs in rungs.epochs(schedule.epochs):
            for part in parts:
                job.run(part, epochs)
            ahead = job.ahead(ahead, rungs, epochs)
    for part in parts:
        job.run(part, None)
    job.tell(candidates)


def _part(
    job: Job,
    candidates: list[Candidate],
    data: FitData,
    schedule: FitSchedule,
    place: Placement,
) -> Part:
    """Return members that share a template, with what they learn from."""

    def prepared_at(place: Placement) -> Prepared:
        template = holding.of(candidates[0].template)
        return prepare(
            template.compiled(),
            template.blueprint.outline_for(data.x, data.y),
            place,
            data,
            schedule,
            watched=watches_batches(job.callbacks, "test"),
            verbose=job.verbose,
        )

    together = job.may_be_together
    prepared = prepared_at(Whole(place.mesh) if together else place)
    mismatches.warn(prepared.trainer, prepared.outline)
    most = 1
    if together and isinstance(prepared.feed, Resident):
        most = job.at_once(candidates, prepared, place.shards)
    elif together:  # with streams, which members cannot share
        prepared = prepared_at(place)
    prepared.held_out.make()
    return Part(candidates, prepared, most)


def _check_callbacks(given: Iterable[Callback]) -> None:
    """Raise an ArgumentError where one of them is for a single model."""
    if BackupAndRestore.among(given) is not None:
        raise ArgumentError(
            "BackupAndRestore keeps one run, and a sweep is many: leave it out, or fit "
            "the models yourself, each with a checkpoint of its own."
        )
    for callback in given:
        if callback.writes_files:
            raise ArgumentError(
                f"{callback._kind} writes a file, and the members of a sweep "
                "would write over each other's: leave it out, and take what you need "
                "from the result, such as result.best().save(path) or "
                "result.to_pandas().to_csv(path)."
            )


def _check_arrays(data: FitData) -> None:
    """Raise an ArgumentError where something gives batches."""
    for name in ("x", "validation_data"):
        value = getattr(data, name)
        if iterables.gives_batches(value):
            raise ArgumentError(
                f"a sweep needs arrays, and {name} gives batches "
                f"({type(value).__name__}): every member goes through the examples in "
                "an order of its own."
            )

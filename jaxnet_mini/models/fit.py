"""What a model learns: all of ``fit``, or one step."""

import dataclasses
import functools
from collections.abc import Generator, Mapping
from typing import Any

import jax

from jaxnet_mini.base import seeds
from jaxnet_mini.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    History,
    as_callbacks,
    made_for_keras,
)
from jaxnet_mini.callbacks.base import watches_batches
from jaxnet_mini.callbacks.progress_bar import check_verbose
from jaxnet_mini.checkpoints import kept_run
from jaxnet_mini.checkpoints.identity import Subject
from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Logs
from jaxnet_mini.data import epoch_order, in_place, iterables, resident
from jaxnet_mini.data.fit_arguments import FitData, FitSchedule
from jaxnet_mini.devices import (
    forks,
    memory,
    placement,
    processes,
    threads,
    transfers,
)
from jaxnet_mini.errors import ArgumentError, StateError, shortened
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.loops import epochs, prepare, rehearsal, steps
from jaxnet_mini.loops import logs as logging
from jaxnet_mini.loops.choose_place import choose_place
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.fit_call import FitCall
from jaxnet_mini.loops.prepare import Prepared
from jaxnet_mini.loops.run import Run, UnkeptRun
from jaxnet_mini.models import mismatches
from jaxnet_mini.models import save as saving
from jaxnet_mini.models.held import Held, of


@threads.counted()
def fit(
    model: Any,
    data: FitData,
    schedule: FitSchedule,
    *,
    verbose: Any,
    callbacks: Any,
    seed: int | None,
    checkpoint: FilePath | None,
    mesh: Any,
    sharding: Mapping[str, Any] | None,
) -> History:
    """Train, see `Model.fit`.

    Args:
        model: which.
        data: what to learn, and on what to validate.
        schedule: when to do what.
        verbose: this and the following are what the method takes.
        callbacks: hooks.
        seed: of the order of examples and of dropout.
        checkpoint: a folder to keep the run in.
        mesh: of devices.
        sharding: which weights are split over it.
    """
    forks.check("fit")
    transfers.check("fit")
    held = of(model)
    held.check_compiled()  # an error before all others
    verbose = check_verbose(verbose)
    hooks = as_callbacks(callbacks)
    if checkpoint is not None:
        hooks.append(BackupAndRestore(checkpoint, delete_checkpoint=False))
    schedule = schedule.checked()
    if seed is not None:
        seed = seeds.check_seed(seed)
    if not processes.is_first():
        verbose = 0
        hooks = [hook for hook in hooks if not hook.writes_files]
    place = placement.of(mesh, sharding, lying=held.state)
    opened = iterables.opened(
        *data[:3],
        schedule.steps_per_epoch,
        schedule.batch_size,
        passes=schedule.epochs - schedule.initial_epoch,
    )
    first = data[:2] if opened is None else opened.first[:2]
    outline = _splittable(held.outline_for(*first), sharding or {})
    _adopt_early(held, outline)
    if mesh is None and sharding is None and not placement.is_spread(held.state):
        place = choose_place(place, outline, first[0], opened is not None, schedule)
    with threads.given_back(place.device, place.rival):
        prepared = prepare.prepare(
            held.compiled(),
            outline,
            place,
            data if opened is None else data._replace(x=opened),
            schedule,
            watched=watches_batches(hooks, "test"),
            verbose=verbose,
        )
        warn_once(held, prepared.outline)
        return _to_the_end(train(model, prepared, hooks, verbose, seed), model)


def _to_the_end(epochs: Generator[int, None, None], model: Any) -> History:
    """Go through all epochs; return the history of the model."""
    for _ in epochs:
        pass
    history: History = model.history
    return history


def _splittable(outline: NetOutline, sharding: Mapping[str, Any]) -> NetOutline:
    """Return an outline that has the weights to be split, or raise ArgumentError."""
    variables = {part.name: tuple(part.variables) for part in outline.parts}
    paths = [
        "/".join(str(entry.key) for entry in path if hasattr(entry, "key"))
        for path, _ in jax.tree_util.tree_flatten_with_path(variables)[0]
    ]
    for name in sharding:
        if not any(f"/{path}".endswith(f"/{name}") for path in paths):
            raise ArgumentError(
                f"sharding names {name!r}, and the path of no weight ends so: name one "
                f"of these, or the end of its path: {shortened(paths)}."
            )
    return outline


def _adopt_early(held: Held, outline: NetOutline) -> None:
    """Take the shapes before the first trace where lists of variables go by them."""
    if held.compiled().own_method(training=True) is not None:
        held.adopt(outline)


def train(
    model: Any,
    prepared: Prepared,
    hooks: list[Callback],
    verbose: int,
    seed: int | None,
) -> Generator[int, None, None]:
    """Train on what has been checked and lies where it is to be, epoch by epoch.

    Args:
        model: which.
        prepared: the examples, and what they are for.
        hooks: the callbacks.
        verbose: 0, 1 or 2.
        seed: see `Model.fit`.

    Yields:
        How many epochs are done, after each of them.
    """
    held, backup = of(model), BackupAndRestore.among(hooks)
    if backup is not None:
        made_for_keras.warn_of_forgetting(hooks)
    with _run(held, prepared, backup, verbose, seed) as run:
        held.adopt(prepared.outline)
        saving.check_checkpoints(held, hooks)
        place = prepared.place
        if run.state is not None:
            run.state = place.params(run.state)
            held.put(run.state)
        if in_place.are_large(prepared.examples):
            memory.give_back()  # what it took to choose a place
        # Compiled while the weights are made and the examples are placed.
        compiling = epochs.compile_ahead(prepared, place.params(held.ahead()), run.plan)
        state = held.trained()
        if seed is not None:
            with transfers.meant():
                state = state._replace(key=jax.random.key(seed))
        held.put(place.params(state))
        history = model.history = History()
        plan = run.plan
        parameters = {"epochs": plan.epochs, "steps": plan.steps, "verbose": verbose}
        called = CallbackList([*hooks, history], model, parameters)
        model.stop_training = False
        try:
            check = functools.partial(_check_unchanged, held, held.compiled())
            call = FitCall(model, prepared, run, called, history, verbose, check)
            yield from epochs.train_epochs(call, compiling)
        except (ValueError, RuntimeError) as error:
            folder = None if backup is None else backup.backup_dir
            lost = processes.as_lost(error, folder)
            if lost is None:
                raise
            raise lost from error
        finally:
            held.put(placement.at_home(held.trained()))
            model.history = history  # where one of Keras puts itself


def _check_unchanged(held: Held, begun: Trainer) -> None:
    """Raise a StateError where a callback changed what was compiled for training.

    The numbers of an optimizer are no part of that.

    Args:
        held: what the model holds.
        begun: how it was trained when training began.
    """
    now = held.compiled()
    if now is begun or _untraced(now) == _untraced(begun):
        return
    raise StateError(
        "the layers, which of them are trained, or how, were changed while fit "
        "trains, and it would go on with what they were: let the callback set "
        "model.stop_training = True, make the change once fit has returned, and call "
        "it again with initial_epoch."
    )


def _untraced(trainer: Trainer) -> Trainer:
    """Return what a trainer runs, whenever that was traced."""
    return dataclasses.replace(trainer.program(), trace=None)


def _run(
    held: Held,
    prepared: Prepared,
    backup: BackupAndRestore | None,
    verbose: int,
    seed: int | None,
) -> Run:
    """Return where to start, and who keeps how far it is."""
    own, state = held.blueprint.seed, held.state
    step = 0 if state is None else int(transfers.to_host(state.step))
    plan = prepared.plan((own, step) if seed is None else (seed,))
    if backup is None:
        return UnkeptRun(plan)
    subject = Subject(
        prepared.trainer,
        prepared.outline,
        prepared.batch,
        prepared.examples,
        prepared.validation,
        prepared.schedule.kept() | {"seed": own if seed is None else seed},
    )
    return kept_run.KeptRun(backup, subject, plan, verbose)


def warn_once(held: Held, outline: NetOutline) -> None:
    """Warn of what cannot learn what was meant, once for each `compile`."""
    if held.looked_at is not held.compiled():
        mismatches.warn(held.compiled(), outline)
        held.looked_at = held.compiled()


def train_on_batch(
    model: Any,
    triple: tuple[Any, Any, Any],
    class_weight: Mapping[int, float] | None,
) -> Logs:
    """Take one step; return loss and metrics by name, see `Model.train_on_batch`.

    Args:
        model: which.
        triple: inputs, targets and weights.
        class_weight: weights by class, or None.
    """
    forks.check("train_on_batch")
    transfers.check("train_on_batch")
    held = of(model)
    held.check_compiled()
    outline = held.outline_for(*triple[:2])
    trainer = rehearsal.trainer_for(held.compiled(), outline)
    _adopt_early(held, outline)
    examples = rehearsal.examples_for(trainer, outline, *triple, class_weight)
    rows = examples.length
    placed = resident.resident(examples, rows)
    trainer = rehearsal.try_out(trainer, examples, rows)
    warn_once(held, outline)
    held.adopt(outline)
    order = epoch_order.order((0,), 0, rows, rows, shuffle=False)
    where, none = (0, int(transfers.to_host(held.trained().step))), trainer.no_sums()
    piece = Piece(placed, order, 0, 1)
    sums, failure = steps.run_steps(model, trainer.program(), piece, none, where)
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # see `jaxnet_mini.loops.epochs`
    return logging.sums_to_logs(trainer, sums)

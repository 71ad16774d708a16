"""A call of ``fit`` that can be killed: all that it changes, kept and put back.

What a run is, its layers, optimizer, data and so on, is kept with it: it goes on only
as what it was.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from jaxnet_mini.base import notices, plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.callbacks import BackupAndRestore, Callback
from jaxnet_mini.callbacks.base import say
from jaxnet_mini.checkpoints import identity as identities
from jaxnet_mini.checkpoints.callback_state import packed, unpacked
from jaxnet_mini.checkpoints.folder import RunFolder
from jaxnet_mini.checkpoints.identity import Subject
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.training.point import Point
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices import pools, processes, transfers
from jaxnet_mini.devices.placement import at_home
from jaxnet_mini.errors import FileError, JaxnetError, short, shortened
from jaxnet_mini.files import safetensors, train_state
from jaxnet_mini.files.safetensors import Contents

ABOUT = "/run"
"""All but the arrays, as JSON in bytes: a long history needs no limit on headers."""

ENTRIES: dict[str, Any] = {
    "identity": dict,
    "seed": list,
    "epoch": int,
    "step": int,
    "stopped": bool,
    "logs": dict,
    "state": dict,
    "callbacks": dict,
    "threads": int | None,
}

ABSENT: Json = {"threads": None}
"""What earlier versions of this library did not keep."""

PLANNED = ("batch_size", "steps_per_epoch", "initial_epoch", "shuffle")

SUMS = ("/sums/total", "/sums/lost")


class KeptRun:
    """A call of ``fit`` that is kept in a folder, see `jaxnet_mini.loops.run.Run`.

    Args:
        backup: how.
        subject: what it is a run of.
        plan: how to go through the data.
        verbose: whether to say that a run goes on.

    Raises:
        FileError: the folder cannot be used; the run in it is another one, or damaged.
    """

    def __init__(
        self,
        backup: BackupAndRestore,
        subject: Subject,
        plan: Plan,
        verbose: int,
    ) -> None:
        self.plan = plan
        self.start = Point(plan.initial_epoch)
        self.state: TrainState | None = None
        self._backup = backup

        # Here, since the user's functions are traced where they are at home.
        of_model = identities.of_model(
            subject.trainer, subject.outline.parts, *subject.batch
        )
        # The share of this process is another with another number of processes.
        examples, validation = subject.examples, subject.validation
        rows, held_out = (_all_rows(given) for given in (examples, validation))

        def identity() -> Json:
            return (
                of_model
                | identities.of_data(examples, rows=rows)
                | identities.of_data(validation, "validation ", held_out)
                | {name: getattr(plan, name) for name in PLANNED}
                | subject.settings
            )

        self._callbacks: Json = {}
        # One process writes, and tells the others what is there.
        self._folder = RunFolder(backup.backup_dir) if processes.is_first() else None
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        # Large data take a while; a new run compiles meanwhile.
        self._identity = self._thread.submit(identity)
        self._writing: concurrent.futures.Future[None] | None = None
        try:
            found = self._newest()
            if found is not None:
                with self._trusting_nothing("cannot be read"):
                    self._take_over(found, subject)
                self._say(verbose)
        except BaseException:
            self._close()
            raise

    def _newest(self) -> Contents | None:
        found = None if self._folder is None else self._folder.newest()
        if not processes.several():
            return found
        content = found and safetensors.encoded(found.arrays, {"format": "run"})
        told = processes.from_first(content)
        return (
            None if told is None else safetensors.decoded(told, self._backup.backup_dir)
        )

    def _take_over(self, found: Contents, subject: Subject) -> None:
        source = repr(self._backup.backup_dir)
        arrays = dict(found.arrays)
        if ABOUT not in arrays:
            raise FileError(f"{source} holds no run of this library.")
        about = plain_json.parse(arrays.pop(ABOUT).tobytes())
        about = ABSENT | about
        plain_json.check_keys(about, ENTRIES, "the run")
        unknown = identities.check(about["identity"], self._identity.result(), source)
        if unknown:
            notices.warn(
                f"the run in {source} goes on, and nobody can tell whether "
                f"{shortened(unknown)} is still the same: the run was kept by another "
                "version of Python, of a package or of jaxnet_mini.",
            )
        _compare_threads(about["threads"], source)
        epoch, step, seed = self._place(about, source)
        sums = _sums(arrays, subject.trainer) if step else None
        self._callbacks = {
            name: unpacked(state, arrays) for name, state in about["callbacks"].items()
        }
        logs = unpacked(about["logs"], arrays)
        # What is left of the arrays.
        self.state = train_state.restored(
            about["state"],
            arrays,
            subject.outline.parts,
            subject.trainer,
            f"the run in {source}",
        )
        self.plan = dataclasses.replace(self.plan, seed=seed)
        self.start = Point(epoch, step, sums, logs, about["stopped"])

    def _place(self, about: Json, source: str) -> tuple[int, int, tuple[int, ...]]:
        """Return epoch, step and seed of a run that may go on.

        Raises:
            FileError: they are none of this run.
        """
        epoch, step, seed = about["epoch"], about["step"], tuple(about["seed"])
        if epoch > self.plan.epochs:
            raise FileError(
                f"the run in {source} has {epoch} epochs, and epochs is "
                f"{self.plan.epochs}: give more epochs, or checkpoint another folder."
            )
        most = self.plan.steps
        if epoch < 0 or step < 0 or (most is not None and step > most):
            raise FileError(f"epoch {epoch} and step {step} are none of this run.")
        if len(seed) != len(self.plan.seed) or any(
            type(number) is not int or number < 0 for number in seed
        ):
            raise FileError(f"{short(about['seed'])} is no seed of this run.")
        return epoch, step, seed

    def _say(self, verbose: int) -> None:
        start, epochs = self.start, self.plan.epochs
        step = f" and {start.step} steps" if start.step else ""
        run = f"the run in {self._backup.backup_dir!r}"
        ended = start.stopped or start.epoch >= epochs
        what = f"T{run[1:]} has ended" if ended else f"Going on with {run}"
        say(verbose, f"{what}: {start.epoch} of {epochs} epochs{step} are done.")

    def put_back(self, learner: Any, callbacks: Iterable[Callback]) -> None:
        """Give learner and callbacks what they were at the start, if it is known."""
        if self.state is None:
            return
        learner.state = self.state
        for name, callback in _named(callbacks):
            if name in self._callbacks:
                with self._trusting_nothing(f"does not suit the callback {name}"):
                    callback.load_state_dict(self._callbacks[name])

    @contextlib.contextmanager
    def _trusting_nothing(self, what: str) -> Iterator[None]:
        """Name the folder where nonsense stands in a file that is whole.

        Raises:
            FileError: another error came of it.
        """
        where = f"the run in {self._backup.backup_dir!r}"
        try:
            yield
        except JaxnetError as error:
            if repr(self._backup.backup_dir) in str(error):
                raise
            raise type(error)(f"{where} {what}: {error}") from None
        except Exception as error:
            raise FileError(
                f"{where} {what} ({type(error).__name__}: {error}): give checkpoint "
                "another folder."
            ) from error

    def steps_until_due(self, done: int) -> int | None:
        """Return after how many steps to call `keep`; None where epochs are enough."""
        every = self._backup.every
        return None if every is None else every - done % every

    def keep(
        self, point: Point, learner: Any, callbacks: Iterable[Callback], ended: bool
    ) -> None:
        """Keep how far it is, where that is due or the run has ended."""
        by_steps = self._backup.every is not None
        if ended and self._backup.delete_checkpoint:
            return
        if by_steps and not point.step and not ended:
            return
        self._wait()
        own_state = at_home(learner.state)  # a matter of all processes
        if self._folder is None:
            return
        arrays, state = train_state.taken(own_state)
        if point.sums is not None:
            sums = at_home(point.sums)
            arrays |= zip(SUMS, (sums.total, sums.lost), strict=True)
        about = {
            "threads": pools.number(),
            "seed": list(self.plan.seed),
            "epoch": point.epoch,
            "step": point.step,
            "stopped": point.stopped,
            "logs": packed(point.logs, "/logs", arrays),
            "state": state,
            "callbacks": {
                name: packed(kept, f"/callbacks/{name}", arrays)
                for name, callback in _named(callbacks)
                if (kept := callback.state_dict())
            },
        }
        self._writing = self._thread.submit(
            self._write, self._folder, point, arrays, about
        )

    def _write(
        self, folder: RunFolder, point: Point, arrays: dict[str, Any], about: Json
    ) -> None:
        about |= {"identity": self._identity.result()}
        text = np.frombuffer(json.dumps(about, allow_nan=False).encode(), np.uint8)
        # On a CPU no array is copied; from a GPU they come in this thread.
        arrays = {name: transfers.to_host(value) for name, value in arrays.items()}
        folder.write(point.epoch, point.step, arrays | {ABOUT: text}, {"format": "run"})

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            try:
                writing.result()
            except FileError as error:
                raise FileError(
                    f"the run cannot be kept: {error} The model keeps what it has "
                    "learned, and the state kept before is whole: make room and start "
                    "again."
                ) from None

    def finish(self) -> None:
        """Wait until all is kept; called once training has ended well."""
        self._wait()
        if self._backup.delete_checkpoint and self._folder is not None:
            self._folder.clear()

    def __enter__(self) -> "KeptRun":
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the folder; called however training has ended."""
        self._close()

    def _close(self) -> None:
        # What is being written becomes whole.
        self._thread.shutdown()
        if self._folder is not None:
            self._folder.close()


def _sums(arrays: dict[str, Any], trainer: Trainer) -> Sums:
    """Take the sums of the steps of an epoch out of the arrays of a run.

    Raises:
        ShapeError: they are not those of this trainer.
    """
    none = trainer.no_sums()
    total, lost = (arrays.pop(name) for name in SUMS)
    expected = jax.ShapeDtypeStruct(none.total.shape, none.total.dtype)
    weights.check(
        dict.fromkeys(SUMS, expected),
        dict(zip(SUMS, (total, lost), strict=True)),
        "what is kept of the metrics",
    )
    return dataclasses.replace(none, total=total, lost=lost)


def _compare_threads(there: int | None, source: str) -> None:
    """Warn where the run was computed by another number of threads."""
    here = pools.number()
    if None not in (there, here) and there != here:
        notices.warn(
            f"the run in {source} goes on with {here} threads, and had {there}: the "
            "last bits of large layers and batches may differ. For the same bits start "
            f"Python with the environment variable NPROC={there}.",
        )


def _all_rows(examples: Examples | None) -> int | None:
    """Return how many rows all processes have; None where there is one process."""
    if not processes.several():
        return None
    return processes.summed(0 if examples is None else examples.length)


def _named(callbacks: Iterable[Callback]) -> Iterator[tuple[str, Callback]]:
    """Yield callbacks with names that a later process gives them too."""
    seen: dict[str, int] = {}
    for callback in callbacks:
        kind = callback._kind
        seen[kind] = seen.get(kind, -1) + 1
        yield f"{kind}/{seen[kind]}", callback

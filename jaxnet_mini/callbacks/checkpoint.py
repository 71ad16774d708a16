"""Saving the model while it is trained."""

import os
import string
from pathlib import Path

import numpy as np

from jaxnet_mini.base.arguments import check_flag, check_level, check_path
from jaxnet_mini.callbacks.base import Logs, Real, batches_between, say
from jaxnet_mini.callbacks.monitor import MonitorCallback, check_reference
from jaxnet_mini.errors import ArgumentError, find

WEIGHTS = (".weights.safetensors", ".weights.h5")
MODEL = (".safetensors", ".keras", ".h5", ".hdf5")


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, after each epoch or every so many batches.

    Args:
        filepath: the path of the file, which may hold ``{epoch:02d}``, ``{batch:03d}``
            and names in the logs such as ``{val_loss:.2f}``; epochs and batches count
            from 1 there. It ends in ``.weights.safetensors`` or, for Keras,
            ``.weights.h5`` with ``save_weights_only``, else in ``.safetensors``,
            ``.keras`` or ``.h5``. Folders are made.
        monitor: the name in the logs that ``save_best_only`` goes by.
        verbose: 1 prints when the model is saved.
        save_best_only: whether to save only where ``monitor`` is better than ever.
        save_weights_only: whether to call ``model.save_weights`` instead of
            ``model.save``.
        mode: ``"min"``, ``"max"`` or ``"auto"``, which goes by the name.
        save_freq: ``"epoch"``, or a number of batches, which are counted on from
            epoch to epoch; it makes the loop run one step at a time.
        initial_value_threshold: what the first value has to beat.

    Attributes:
        best: the best value so far, which another ``fit`` goes on with; None before
            the first.

    Raises:
        ArgumentError: an argument is of another kind; ``filepath`` ends otherwise or
            holds what cannot be filled in, or ``save_freq`` is neither; when training
            begins, where ``mode="auto"`` cannot tell, and before it where the model
            could not be saved; when a file is saved, where ``filepath`` formats as one
            number what is several.
        UnknownNameError: when a file is saved, where the logs lack a name in
            ``filepath``.

    Source: https://keras.io/api/callbacks/model_checkpoint/
    """

    writes_files = True
    _counters = ("_batches",)

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: Real | None = None,
    ) -> None:
        check_reference(
            "ModelCheckpoint: initial_value_threshold", initial_value_threshold
        )
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = check_path("ModelCheckpoint: filepath", filepath)
        self.verbose = check_level("ModelCheckpoint: verbose", verbose)
        self.save_best_only = check_flag(
            "ModelCheckpoint: save_best_only", save_best_only
        )
        self.save_weights_only = check_flag(
            "ModelCheckpoint: save_weights_only", save_weights_only
        )
        self._every = batches_between("ModelCheckpoint: save_freq", save_freq)
        self.save_freq = self._every or save_freq
        if self._every is None:
            self.idle = (ModelCheckpoint.on_train_batch_end,)
        self._check_suffix()
        self._check_fields()
        self._epoch = 0
        self._batches = 0

    def _check_suffix(self) -> None:
        wanted = WEIGHTS if self.save_weights_only else MODEL
        is_weights = self.filepath.endswith(WEIGHTS)
        if not self.filepath.endswith(wanted) or is_weights > self.save_weights_only:
            job = "the weights" if self.save_weights_only else "the whole model"
            other = "" if self.save_weights_only else f" and not in {WEIGHTS[0]!r}"
            raise ArgumentError(
                f"ModelCheckpoint: filepath must end in {wanted[0]!r} or "
                f"{wanted[1]!r}{other} to save "
                f"{job} (save_weights_only={self.save_weights_only}), not "
                f"{self.filepath!r}."
            )

    def _check_fields(self) -> None:
        """Let what cannot be filled in fail before anything is trained."""
        try:
            parsed = list(string.Formatter().parse(self.filepath))
            fields = [name for _, name, *_ in parsed if name is not None]
            if not all(name.isidentifier() for name in fields):
                raise ValueError("write a name between { and }")
            example = dict.fromkeys(fields, 0.0) | {"epoch": 1, "batch": 1}
            self.filepath.format(**example)
        except (ValueError, LookupError) as error:
            raise ArgumentError(
                f"ModelCheckpoint: filepath {self.filepath!r} cannot be filled in: "
                f"{error}. Write for example "
                "'{epoch:02d}-{val_loss:.2f}.safetensors'."
            ) from None
        if "batch" in fields and self._every is None:
            raise ArgumentError(
                f"ModelCheckpoint: filepath {self.filepath!r} holds {{batch}}, and "
                "save_freq='epoch' knows of none: give save_freq a number of batches, "
                "or leave {batch} out."
            )
        self._fields = fields

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.save_best_only:
            self.sign  # noqa: B018  (an error now, not after an epoch)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._every is not None and self._batches >= self._every:
            self._batches = 0
            self._save(self._epoch, (logs or {}) | {"batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._every is None:
            self._save(epoch, logs or {})

    def _save(self, epoch: int, logs: Logs) -> None:
        values = logs | {"epoch": epoch + 1}
        for name in self._fields:
            find(
                values,
                name,
                "log in ModelCheckpoint's filepath (val_ needs validation_data)",
            )
        path = self._filled_in(values)
        if not self._is_due(epoch, logs, path):
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)

    def _filled_in(self, values: Logs) -> str:
        try:
            return self.filepath.format(**values)
        except TypeError:  # of a list, which takes no {:.2f}
            parsed = string.Formatter().parse(self.filepath)
            name = next(
                n for _, n, how, _ in parsed if n and how and np.ndim(values[n])
            )
        raise ArgumentError(
            f"ModelCheckpoint: filepath {self.filepath!r} formats {name!r} as one "
            f"number, and it is {values[name]}: write {{{name}}}, or leave it out."
        )

    def _is_due(self, epoch: int, logs: Logs, path: str) -> bool:
        start = f"Epoch {epoch + 1}: "
        current = None
        if self.save_best_only:
            current = self.monitored(logs, "saves all the same")
        if current is None:
            say(self.verbose, f"{start}saving model to {path}")
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improves(current, self.best):
            say(self.verbose, f"{start}{self.monitor} did not improve from {best}")
            return False
        say(
            self.verbose,
            f"{start}{self.monitor} improved from {best} to {current:.5f}, saving "
            f"model to {path}",
        )
        self.best = current
        return True

"""Logs and weights for TensorBoard."""

import contextlib
import itertools
import os
from pathlib import Path
from typing import Any, Literal

from jaxnet_mini.base.arguments import check_count, check_path
from jaxnet_mini.callbacks.base import Callback, Logs, batches_between
from jaxnet_mini.errors import StateError, import_extra

FLUSH_SECONDS = 5
"""How late TensorBoard may see an epoch; each flush waits for the disk, in a thread."""

_numbers = itertools.count()


class TensorBoard(Callback):
    """Write what TensorBoard shows, by tensorboardX (the extra ``tensorboard``).

    Folders and tags are those of Keras: in ``log_dir/train`` ``epoch_loss`` and so on
    for every log, ``epoch_learning_rate``, ``batch_loss`` and so on; in
    ``log_dir/validation`` ``epoch_loss`` and so on without ``val_``, and
    ``evaluation_loss_vs_iterations`` and so on for every evaluation, by the number of
    steps taken. Look at them by ``tensorboard --logdir logs``; they appear within
    seconds, and all of them when ``fit`` or ``evaluate`` returns.

    There is no ``write_graph``: the graph that Keras writes is TensorFlow's, and what
    runs here is one compiled program.

    Args:
        log_dir: the folder, made where it is absent.
        histogram_freq: every how many epochs histograms of the weights are written;
            0 writes none.
        update_freq: ``"epoch"``; or every how many batches, counted from 1 over all
            epochs, the logs so far are written besides, where ``"batch"`` is 1. That
            makes the loop run one step at a time.

    Raises:
        MissingExtraError: tensorboardX is not installed.
        ArgumentError: ``log_dir`` is no path, ``histogram_freq`` or ``update_freq`` is
            none of these.

    Source: https://keras.io/api/callbacks/tensorboard/
    """

    writes_files = True

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        *,
        update_freq: int | str = "epoch",
    ) -> None:
        self._tensorboard = import_extra("tensorboardX", "tensorboard")
        self.log_dir = check_path("TensorBoard: log_dir", log_dir)
        self.histogram_freq = check_count("histogram_freq", histogram_freq, least=0)
        batch = isinstance(update_freq, str) and update_freq == "batch"
        every = 1 if batch else update_freq
        self._every = batches_between("TensorBoard: update_freq", every)
        self.update_freq = self._every or "epoch"
        if self._every is None:
            self.idle = (TensorBoard.on_train_batch_end,)
        self._writers: dict[str, Any] = {}
        self._batches = 0
        self._fitting = False

    def _writer(self, name: Literal["train", "validation"]) -> Any:
        """Return the writer of a folder, made when something is to be written."""
        if name not in self._writers:
            # tensorboardX names files by the second, and a second one by the same
            # name would begin the first one anew.
            self._writers[name] = self._tensorboard.SummaryWriter(
                str(Path(self.log_dir) / name),
                flush_secs=FLUSH_SECONDS,
                filename_suffix=f".{os.getpid()}.{next(_numbers)}",
            )
        return self._writers[name]

    def _scalars(
        self, name: Literal["train", "validation"], form: str, logs: Logs, step: int
    ) -> None:
        writer = self._writer(name)
        for log, value in logs.items():
            if isinstance(value, list):  # of a metric with several thresholds
                for index, entry in enumerate(value):
                    writer.add_scalar(form.format(f"{log}_{index}"), entry, step)
            else:
                writer.add_scalar(form.format(log), value, step)

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self._batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._batches = int(state["batches"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches = 0
        self._fitting = True

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._every is not None and self._batches % self._every == 0:
            self._scalars("train", "batch_{}", logs or {}, self._batches)

    def on_test_end(self, logs: Logs | None = None) -> None:
        step = int(self.model.state.step)
        self._scalars("validation", "evaluation_{}_vs_iterations", logs or {}, step)
        if not self._fitting:
            self._close()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        held_out = {n[4:]: v for n, v in logs.items() if n.startswith("val_")}
        trained = {n: v for n, v in logs.items() if not n.startswith("val_")}
        # An optax transformation may keep its rate to itself.
        with contextlib.suppress(StateError):
            trained["learning_rate"] = self.model.optimizer.learning_rate
        self._scalars("train", "epoch_{}", trained, epoch)
        if held_out:
            self._scalars("validation", "epoch_{}", held_out, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            writer = self._writer("train")
            for weight in self.model.weights:
                tag = f"{self.model.name}/{weight.path}/histogram"
                writer.add_histogram(tag, weight.numpy(), epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._fitting = False
        self._close()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

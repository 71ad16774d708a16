"""Logs and weights for TensorBoard."""

import contextlib
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import as_integer, check_count, check_flag, check_path
from jaxnet_mini.callbacks.base import Callback, Logs, batches_between
from jaxnet_mini.errors import ArgumentError, StateError, import_extra, short

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

    Args:
        log_dir: the folder, made where it is absent.
        histogram_freq: every how many epochs histograms of the weights are written;
            0 writes none.
        write_graph: taken and without effect: the graph that Keras writes is
            TensorFlow's, and what runs here is one compiled program.
        write_images: whether the weights are written as pictures too, with their
            histograms, 0 black and 1 white.
        write_steps_per_second: whether the speed of each epoch, and of each batch
            where these are written, is a log too.
        update_freq: ``"epoch"``; or every how many batches, counted from 1 over all
            epochs, the logs so far are written besides, where ``"batch"`` is 1. That
            makes the loop run one step at a time.
        profile_batch: the batch, counted from 1, or a pair of the first and the last,
            that JAX's profiler looks at; 0 is none. The loop then runs one step at a
            time, and what is seen are single steps.

    Raises:
        MissingExtraError: tensorboardX is not installed, or for ``write_images`` PIL.
        ArgumentError: an argument is none of these.

    Source: https://keras.io/api/callbacks/tensorboard/
    """

    writes_files = True
    _counters = ("_batches",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int | str | Sequence[int] = 0,
    ) -> None:
        self._tensorboard = import_extra("tensorboardX", "tensorboard")
        self.log_dir = check_path("TensorBoard: log_dir", log_dir)
        self.histogram_freq = check_count("histogram_freq", histogram_freq, least=0)
        self.write_graph = check_flag("write_graph", write_graph)
        self.write_images = check_flag("write_images", write_images)
        if self.write_images:
            import_extra("PIL", "plot")  # tensorboardX writes pictures by it
        self.write_steps_per_second = check_flag(
            "write_steps_per_second", write_steps_per_second
        )
        self.profile_batch = _pair(profile_batch)
        batch = isinstance(update_freq, str) and update_freq == "batch"
        every = 1 if batch else update_freq
        self._every = batches_between("TensorBoard: update_freq", every)
        self.update_freq = self._every or "epoch"
        watching = (TensorBoard.on_train_batch_begin, TensorBoard.on_train_batch_end)
        if self._every is None and self.profile_batch is None:
            self.idle = watching
        self._profiling = False
        self._since = self._batch_since = 0.0  # until an epoch and a batch begin
        self._steps_before = 0
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

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches = 0
        self._fitting = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.write_steps_per_second:
            self._steps_before = int(self.model.state.step)
            self._since = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        if self.profile_batch is not None and not self._profiling:
            first, last = self.profile_batch
            if first <= self._batches + 1 <= last:
                self._profile()
        self._batch_since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._every is not None and self._batches % self._every == 0:
            own = dict(logs or {})
            if self.write_steps_per_second:
                passed = time.perf_counter() - self._batch_since
                own["steps_per_second"] = 1.0 / passed
            self._scalars("train", "batch_{}", own, self._batches)
        if self.profile_batch is not None and self._batches >= self.profile_batch[1]:
            self._end_profile()

    def _profile(self) -> None:
        import jax

        jax.profiler.start_trace(str(Path(self.log_dir) / "train"))
        self._profiling = True

    def _end_profile(self) -> None:
        if self._profiling:
            import jax

            self._profiling = False
            jax.block_until_ready(self.model.params)  # the step is a part of it
            jax.profiler.stop_trace()

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
        if self.write_steps_per_second:
            steps = int(self.model.state.step) - self._steps_before
            trained["steps_per_second"] = steps / (time.perf_counter() - self._since)
        self._scalars("train", "epoch_{}", trained, epoch)
        if held_out:
            self._scalars("validation", "epoch_{}", held_out, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            writer = self._writer("train")
            for weight in self.model.weights:
                tag = f"{self.model.name}/{weight.path}/histogram"
                writer.add_histogram(tag, weight.numpy(), epoch)
                picture = _picture(weight.numpy())
                if self.write_images and picture is not None:
                    tag = f"{self.model.name}/{weight.path}/image"
                    writer.add_image(tag, picture, epoch, dataformats="HW")

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._end_profile()
        self._fitting = False
        self._close()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _pair(batches: Any) -> tuple[int, int] | None:
    """Return the first and the last batch to look at; None for none.

    Raises:
        ArgumentError: they are no such pair.
    """
    words = batches.split(",") if isinstance(batches, str) else []
    decimal = bool(words) and all(word.strip().isdecimal() for word in words)
    given = [int(word) for word in words] if decimal else batches
    several = isinstance(given, list | tuple) and len(given) in (1, 2)
    numbers: list[Any] = [as_integer(n) for n in (given if several else [given])]
    if numbers == [0]:
        return None
    if None in numbers or not 1 <= numbers[0] <= numbers[-1]:
        raise ArgumentError(
            "profile_batch must be the number of a batch, from 1, or a pair of the "
            f"first and the last, or 0 for none, not {short(batches)}."
        )
    return numbers[0], numbers[-1]


def _picture(weight: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return a weight as a grey picture, no higher than wide; None where it is none."""
    values = weight.squeeze()
    if values.ndim == 1:
        values = values[:, None]
    elif values.ndim == 2 and values.shape[0] > values.shape[1]:
        values = values.T
    if values.ndim != 2:
        return None
    return np.clip(255.5 * values, 0, 255).astype(np.uint8)

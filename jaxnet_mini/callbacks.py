"""Callbacks: Keras's hooks, its history, and the built-in callbacks.

Source: https://keras.io/api/callbacks/. Hooks are called on the host between runs of
the compiled loop. A callback with a hook for batches makes the loop run one step at a
time, with the same executable; all others leave it running from redraw to redraw.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from jaxnet_mini.errors import ArgumentError, find

Logs: TypeAlias = dict[str, Any]


class Callback:
    """The base of all callbacks; override what you need.

    ``self.model`` is the model in training and ``self.params`` a dictionary with
    ``epochs``, ``steps`` and ``verbose``. ``logs`` maps names to floats; on batches
    they are the averages of the epoch so far. ``self.model.stop_training = True`` ends
    training after the batch or epoch.
    """

    model: Any = None
    params: dict[str, Any]

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the parameters of the call."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receive the model."""
        self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch and its validation."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Short for `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Short for `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a training step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a training step."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before an evaluation, also one within ``fit``."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of an evaluation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of a prediction; ``logs["outputs"]`` are its outputs."""


def _overrides(callback: Callback, hook: str) -> bool:
    method = getattr(callback, hook)
    return getattr(method, "__func__", method) is not getattr(Callback, hook)


class CallbackList:
    """Calls the hooks of several callbacks in order."""

    def __init__(
        self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]
    ) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def watches_batches(self, job: Literal["train", "test", "predict"]) -> bool:
        """Tell whether a callback has a hook for the batches of ``job``."""
        hooks = [f"on_{job}_batch_begin", f"on_{job}_batch_end"]
        if job == "train":
            hooks += ["on_batch_begin", "on_batch_end"]
        return any(_overrides(c, hook) for c in self.callbacks for hook in hooks)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call ``hook`` of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)


def as_callbacks(callbacks: Any) -> list[Callback]:
    """Return one callback or several as a list.

    Raises:
        ArgumentError: one of them is no `Callback`.
    """
    if callbacks is None:
        return []
    several = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    for callback in several:
        if isinstance(callback, type):
            raise ArgumentError(
                f"callbacks holds the class {callback.__name__}: write "
                f"{callback.__name__}(...) to make a callback of it."
            )
        if not isinstance(callback, Callback):
            raise ArgumentError(
                f"callbacks holds {callback!r}, which is no Callback: derive its class "
                "from jaxnet_mini.callbacks.Callback."
            )
    return list(several)


class History(Callback):
    """What ``fit`` returns.

    Attributes:
        history: names of logs, in alphabetical order, to lists of one float an epoch.
        epoch: the epochs' indices.
        epochs_of: the same for each name in ``history``: with a ``validation_freq``
            not every epoch has all.
        params: ``epochs``, ``steps`` and ``verbose`` of the call.
        timing: ``compile_seconds`` (a float), ``epoch_seconds`` and
            ``samples_per_second`` (lists, training alone, without compilation and
            validation).
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.epochs_of: dict[str, list[int]] = {}
        self.timing: dict[str, Any] = {
            "compile_seconds": 0.0,
            "epoch_seconds": [],
            "samples_per_second": [],
        }

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs_of.setdefault(name, []).append(epoch)


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        hooks: functions by the names of hooks, such as ``on_epoch_end``; each takes
            what the hook takes.

    >>> seen = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> seen.on_epoch_end(0, {"loss": 0.5})
    0 {'loss': 0.5}
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        known = {name: name for name in dir(Callback) if name.startswith("on_")}
        for name, function in hooks.items():
            find(known, name, "hook")
            if function is not None:
                setattr(self, name, function)


class EarlyStopping(Callback):
    """Stop when a monitored value has stopped improving.

    Args:
        monitor: a name in the logs.
        min_delta: the least change that counts as an improvement.
        patience: how many epochs without improvement are waited for.
        verbose: 1 prints when training stops and when weights are restored.
        mode: ``"min"``, ``"max"`` or ``"auto"``, which goes by the name.
        baseline: a value that has to be beaten for the waiting to start anew.
        restore_best_weights: whether the model ends with the weights of the best
            epoch instead of the last; also when training was never stopped.
        start_from_epoch: how many epochs pass before monitoring starts.

    Source: https://keras.io/api/callbacks/early_stopping/
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self.monitor = monitor
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.min_delta = abs(min_delta)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.sign = _sign(mode, monitor)
        self._forget()

    def _forget(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._forget()

    def _improves(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        return self.sign * (value - reference) > self.min_delta

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = (logs or {}).get(self.monitor)
        if current is None:
            available = ", ".join(logs or {})
            warnings.warn(
                f"EarlyStopping monitors {self.monitor!r}, which is not in the logs "
                f"({available}): it does nothing in this epoch. Give fit "
                "validation_data for names with val_, or monitor another name.",
                stacklevel=2,
            )
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Without any improvement the first epoch is the best there is.
            self.best_weights, self.best_epoch = self.model.params, epoch
        self.wait += 1
        if self._improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.params
            if self.baseline is None or self._improves(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.params = self.best_weights


_LARGER_IS_BETTER = ("acc", "auc", "precision", "recall", "f1")
_SMALLER_IS_BETTER = ("loss", "error", "crossentropy", "mse", "mae", "bce", "huber")


def _sign(mode: str, monitor: str) -> int:
    signs = {"min": -1, "max": 1, "auto": 0}
    sign = find(signs, mode, "mode")
    if sign:
        return sign
    if any(part in monitor for part in _LARGER_IS_BETTER):
        return 1
    if any(part in monitor for part in _SMALLER_IS_BETTER):
        return -1
    raise ArgumentError(
        f"mode='auto' does not know whether a larger or a smaller {monitor!r} is "
        "better: give mode='min' or mode='max'."
    )

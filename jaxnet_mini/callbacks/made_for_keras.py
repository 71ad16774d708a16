"""Callbacks made for Keras, which ``fit`` takes beside those of this library.

Keras is not imported: such a callback is known by its methods, its class by its name.
"""

import contextlib
import math
from collections.abc import Callable, Iterable
from typing import Any

from jaxnet_mini.base import notices
from jaxnet_mini.callbacks.base import Callback
from jaxnet_mini.callbacks.monitor import MonitorCallback
from jaxnet_mini.errors import ArgumentError, NonFiniteError

REFUSED = {
    "BackupAndRestore": (
        "could not let the loop begin where the run was: give fit checkpoint=, or "
        "jaxnet_mini.callbacks.BackupAndRestore"
    ),
    "CallbackList": "holds others: give those themselves, in a list",
    "OrbaxCheckpoint": (
        "keeps variables that only Keras has: give fit checkpoint=, or "
        "jaxnet_mini.callbacks.ModelCheckpoint"
    ),
    "ProgbarLogger": (
        "would draw a second bar, step by step: verbose= draws one, and "
        "jaxnet_mini.callbacks.ProgbarLogger says what it shows"
    ),
    "SwapEMAWeights": (
        "exchanges variables that only Keras's optimizers have: the average becomes "
        "the model's weights when training ends, and before at each "
        "ema_overwrite_frequency of the optimizer"
    ),
    "TensorBoard": (
        "writes by TensorFlow, after every step: jaxnet_mini.callbacks.TensorBoard "
        "writes the same folders and tags"
    ),
}
"""Classes of Keras that ask for what only its own loop has, and what to take."""

IDLE: dict[str, Callable[[Any], bool]] = {
    "ModelCheckpoint.on_train_batch_end": lambda own: own.save_freq == "epoch",
    "WandbModelCheckpoint.on_train_batch_end": lambda own: own.save_freq == "epoch",
    "WandbMetricsLogger.on_batch_end": lambda own: own.log_freq is None,
    "WandbMetricsLogger.on_train_batch_end": lambda own: own.log_freq is None,
    "MlflowCallback.on_batch_end": lambda own: own.log_every_n_steps is None,
    "TerminateOnNaN.on_batch_end": lambda _: True,  # on_non_finite calls it
}
"""Hooks for batches that do nothing where this holds; the loop runs on over them."""

WRITING = {"ModelCheckpoint", "CSVLogger", "RemoteMonitor"}
FORGETTING = {"EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "CSVLogger"}


def is_made_for_keras(callback: Any) -> bool:
    """Tell whether an object has the methods of a callback of Keras."""
    names = ("set_model", "set_params", "on_epoch_end", "on_train_batch_end")
    return not isinstance(callback, Callback | type) and all(
        callable(getattr(callback, name, None)) for name in names
    )


class KerasCallback(Callback):
    """A callback made for Keras, as one of this library.

    It has the hooks that the callback has, and where that has ``state_dict`` and
    ``load_state_dict``, these.

    Args:
        callback: an object for which `is_made_for_keras` holds.

    Raises:
        ArgumentError: it asks for what only the loop of Keras has.
    """

    def __init__(self, callback: Any) -> None:
        self.callback = callback
        self.kinds = {
            kind.__name__
            for kind in type(callback).__mro__
            if kind.__module__.partition(".")[0] in ("keras", "tf_keras", "tensorflow")
        }
        for name in sorted(self.kinds & REFUSED.keys()):
            raise ArgumentError(
                f"callbacks holds Keras's {name}, which {REFUSED[name]}."
            )
        self.writes_files = not self.kinds.isdisjoint(WRITING)

    @property
    def _kind(self) -> str:
        return type(self.callback).__name__

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__(name)
        if not name.startswith("on_") and not name.endswith("state_dict"):
            return own
        found = getattr(self.callback, name, own)
        if getattr(found, "_is_default", False):  # the base's, which does nothing
            return own
        idle = IDLE.get(getattr(found, "__qualname__", ""))
        return own if idle is not None and idle(self.callback) else found

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self.callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self.callback.set_model(model)
        if getattr(self.callback, "mode", None) == "auto":
            # It would look for the metric among objects that only Keras has. Where the
            # name does not tell either, its own error says so.
            with contextlib.suppress(ArgumentError):
                watching = MonitorCallback(self.callback.monitor)
                watching.set_model(model)
                self.callback.mode = "max" if watching.sign > 0 else "min"

    def on_non_finite(self, error: NonFiniteError) -> None:
        if "TerminateOnNaN" in self.kinds:
            self.callback.on_batch_end(error.batch, {"loss": math.nan})


def warn_of_forgetting(callbacks: Iterable[Callback]) -> None:
    """Warn where a run is kept with what Keras's callbacks would forget."""
    for callback in callbacks:
        if isinstance(callback, KerasCallback) and not callback.state_dict():
            for kind in sorted(callback.kinds & FORGETTING):
                notices.warn(
                    f"where this run is resumed, {callback._kind} of Keras begins "
                    f"anew: jaxnet_mini.callbacks.{kind} goes on with what it knew."
                )


def as_callbacks(callbacks: Any) -> list[Callback]:
    """Return one callback or several as a list.

    Raises:
        ArgumentError: one of them is no `Callback`, and none that was made for Keras.
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
        if not isinstance(callback, Callback) and not is_made_for_keras(callback):
            raise ArgumentError(
                f"callbacks holds {callback!r}, which is no Callback: derive its class "
                "from jaxnet_mini.callbacks.Callback."
            )
    return [c if isinstance(c, Callback) else KerasCallback(c) for c in several]

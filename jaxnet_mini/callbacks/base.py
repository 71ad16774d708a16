"""Callbacks: Keras's hooks, and what calls them.

Hooks are called on the host between runs of the compiled loop. A callback with a hook
for batches makes the loop run one step at a time, with the same executable; all others
leave it running from redraw to redraw.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from jaxnet_mini.base.arguments import check_count
from jaxnet_mini.core.types import Logs as Logs
from jaxnet_mini.errors import ArgumentError, NonFiniteError

Real: TypeAlias = float | int
"""What an argument that is a number takes; ``1`` is as good as ``1.0``."""


class Callback:
    """The base of all callbacks; override what you need.

    ``self.model`` is the model in training and ``self.params`` a dictionary with
    ``epochs``, ``steps`` and ``verbose``. ``logs`` maps names to floats; on batches
    they are the averages of the epoch so far. ``self.model.stop_training = True`` ends
    training after the batch or epoch, ``stop_evaluating`` an evaluation and
    ``stop_predicting`` a prediction after the batch.

    Attributes:
        idle: hooks of the class that have nothing to do as this callback is set. A
            hook for batches that is named here does not make the loop run stepwise.
        writes_files: whether it is left out of all processes but the first, where
            several train together.
    """

    model: Any = None
    params: dict[str, Any]
    idle: tuple[Callable[..., None], ...] = ()
    writes_files = False
    _counters: tuple[str, ...] = ()  # attributes that are kept with a run

    @property
    def _needs_logs_alone(self) -> bool:
        """See `needs_logs_alone`."""
        return False

    @property
    def _kind(self) -> str:
        """What messages and files call it."""
        return type(self).__name__

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the parameters of the call."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receive the model."""
        self.model = model

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs where a run is resumed, see `fit`.

        Override both where a callback remembers something from epoch to epoch. Values
        are None, booleans, numbers, strings and arrays, and lists and dictionaries
        (with strings for keys) of these. Keras has no such method, and its callbacks
        forget.
        """
        return {name.lstrip("_"): getattr(self, name) for name in self._counters}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, arrays as NumPy's.

        Called after ``on_train_begin``; where a run is resumed within an epoch, after
        ``on_epoch_begin`` again.
        """
        for name in self._counters:
            setattr(self, name, int(state[name.lstrip("_")]))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called before the first epoch, and before the next one of a resumed run."""

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

    def on_non_finite(self, error: NonFiniteError) -> None:
        """Called when the loss or a weight turned NaN or infinite in training.

        The model has its last finite weights back. ``error.batch`` is the step within
        the epoch, from 0. The error is raised after this, unless a callback sets
        ``self.model.stop_training = True``: then the epoch ends here, its loss is
        NaN in the logs, and training ends in good order. Keras has no such hook.
        """

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


def _acts(callback: Callback, hook: str) -> bool:
    method = getattr(callback, hook)
    function = getattr(method, "__func__", method)
    return function is not getattr(Callback, hook) and function not in callback.idle


def watches_batches(
    callbacks: Iterable[Callback], job: Literal["train", "test", "predict"]
) -> bool:
    """Tell whether a callback has something to do at the batches of ``job``."""
    hooks = [f"on_{job}_batch_begin", f"on_{job}_batch_end"]
    if job == "train":
        hooks += ["on_batch_begin", "on_batch_end"]
    return any(_acts(callback, hook) for callback in callbacks for hook in hooks)


def needs_logs_alone(callback: Any) -> bool:
    """Tell whether hooks of epochs are as well called when the next ones have begun.

    They then look at logs, at neither the model nor a clock, and end nothing.
    """
    return bool(getattr(callback, "_needs_logs_alone", False))


class CallbackList:
    """Calls the hooks of several callbacks in order.

    Args:
        callbacks: those that are called.
        model: what each is given by ``set_model``.
        params: what each is given by ``set_params``.
    """

    def __init__(
        self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]
    ) -> None:
        self.callbacks = list(callbacks)
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def watches_batches(self, job: Literal["train", "test", "predict"]) -> bool:
        """See `watches_batches`."""
        return watches_batches(self.callbacks, job)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call ``hook`` of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)


def batches_between(argument: str, value: int | str) -> int | None:
    """Return every how many batches something is due; None for ``"epoch"``.

    Raises:
        ArgumentError: ``value`` is neither ``"epoch"`` nor a positive integer.
    """
    if isinstance(value, str):
        if value == "epoch":
            return None
        raise ArgumentError(
            f"{argument} must be 'epoch' or a number of batches, not {value!r}."
        )
    return check_count(argument, value)


def say(verbose: int, message: str) -> None:
    """Print a line, unless ``verbose`` is 0."""
    if verbose > 0:
        print(message)

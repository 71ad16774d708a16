"""What ``fit`` returns."""

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxnet_mini.callbacks.base import Callback, Logs
from jaxnet_mini.plotting import learning_curves

if TYPE_CHECKING:
    import matplotlib.figure


_TIMED = ("epoch_seconds", "samples_per_second", "waiting_seconds")


class History(Callback):
    """What ``fit`` returns.

    Attributes:
        history: names of logs, in alphabetical order, to lists of one float an epoch.
        epoch: the epochs' indices.
        model: what was trained, as long as it is there; None in a copy.
        epochs_of: names of logs to the indices of the epochs that logged them, which
            for a validation that is not done after every epoch are fewer.
        params: ``epochs``, ``steps`` and ``verbose`` of the call.
        timing: ``compile_seconds`` (a float); ``epoch_seconds``, of these
            ``waiting_seconds`` in which data were waited for, and
            ``samples_per_second`` (lists, training alone, without compilation and
            validation, but for short epochs that nobody looks at: several run in a row
            then, of whose time each has its share); ``threads``, how many the last
            steps were computed with on a CPU, None on other devices.
    """

    _model: weakref.ref[Any] | None = None

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.epochs_of: dict[str, list[int]] = {}
        self.timing: dict[str, Any] = {
            "compile_seconds": 0.0,
            "threads": None,
            **{name: [] for name in _TIMED},
        }

    @property
    def model(self) -> Any:
        """See above."""
        return None if self._model is None else self._model()

    def set_model(self, model: Any) -> None:
        # The model holds its history. Were it held in turn, the weights of a model
        # that has gone would lie on the device until the garbage collector comes.
        self._model = weakref.ref(model)

    @property
    def _needs_logs_alone(self) -> bool:
        return type(self) is History  # what is derived from it may do more

    def __getstate__(self) -> dict[str, Any]:
        """Return what to copy: all but the model."""
        return {name: value for name, value in vars(self).items() if name != "_model"}

    def state_dict(self) -> dict[str, Any]:
        # Copies: these lists grow while a thread writes them.
        return {
            "history": {name: list(values) for name, values in self.history.items()},
            "epoch": list(self.epoch),
            "epochs_of": {name: list(of) for name, of in self.epochs_of.items()},
            "timing": {name: list(self.timing[name]) for name in _TIMED},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        # Taken as lists, here and not after an epoch.
        self.history = {name: list(of) for name, of in state["history"].items()}
        self.epochs_of = {name: list(of) for name, of in state["epochs_of"].items()}
        self.epoch = list(state["epoch"])
        self.timing |= {name: list(state["timing"][name]) for name in _TIMED}

    def time(self, seconds: float, waited: float, rows: int | float) -> None:
        """Keep how long an epoch of so many rows took, and waited for data."""
        per_second = rows / max(seconds, 1e-9)
        for name, value in zip(_TIMED, (seconds, per_second, waited), strict=True):
            self.timing[name].append(value)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs_of.setdefault(name, []).append(epoch)

    def plot(
        self, metrics: str | Sequence[str] | None = None
    ) -> "matplotlib.figure.Figure":
        """Draw the curves of training and validation, see `plotting.curves`."""
        return learning_curves.curves(self, metrics)

"""What ``fit`` returns."""

from typing import Any

from jaxnet_mini.callbacks.base import Callback, Logs


class History(Callback):
    """What ``fit`` returns.

    Attributes:
        history: names of logs, in alphabetical order, to lists of one float an epoch.
        epoch: the epochs' indices.
        params: ``epochs``, ``steps`` and ``verbose`` of the call.
        timing: ``compile_seconds`` (a float), ``epoch_seconds`` and
            ``samples_per_second`` (lists, training alone, without compilation and
            validation).
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.timing: dict[str, Any] = {
            "compile_seconds": 0.0,
            "epoch_seconds": [],
            "samples_per_second": [],
        }

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

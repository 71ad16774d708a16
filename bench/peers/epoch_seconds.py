"""The timing of epochs through callbacks, which Keras and this library share."""

import time
from typing import Any


class EpochSeconds:
    """The seconds from the end of one epoch to the end of the next, all included.

    Mixed into either library's callback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.since)
        self.since = now

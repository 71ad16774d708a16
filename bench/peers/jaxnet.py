"""This library, as its README advises."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import jaxnet_mini as jn
from bench.peers import Task, epoch_seconds, in_keras_words


class Timer(epoch_seconds.EpochSeconds, jn.callbacks.Callback):
    """The seconds of each epoch."""


class BestEpoch(jn.callbacks.Callback):
    """A user's own callback, as simple as most are: it looks at the logs."""

    def __init__(self) -> None:
        self.best: dict[str, float] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs["accuracy"] > self.best.get("accuracy", 0.0):
            self.best = dict(logs)


@contextlib.contextmanager
def terminal_to_nowhere() -> Iterator[None]:
    """Let the progress bar believe in a terminal whose output goes nowhere."""
    os.environ["FORCE_COLOR"] = "1"
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        yield
    del os.environ["FORCE_COLOR"]


class Model:
    """A model; ``verbose=1`` draws the bar and adds a callback."""

    def __init__(self, task: Task, setting: Any = None, verbose: int = 0) -> None:
        self.task, self.verbose = task, verbose
        self.model = in_keras_words.built(jn, task)
        self.model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])

    def epochs(self, count: int) -> list[float]:
        timer = Timer()
        callbacks = [BestEpoch(), timer] if self.verbose else [timer]
        output = terminal_to_nowhere() if self.verbose else contextlib.nullcontext()
        with output:
            self.model.fit(
                self.task.x,
                self.task.y,
                batch_size=self.task.batch_size,
                epochs=count,
                verbose=self.verbose,
                callbacks=callbacks,
            )
        return timer.seconds

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(self.model.evaluate(x, y, verbose=0)[1])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(x, verbose=0)


def device() -> str:
    import jax  # after the library, which a user imports first

    return jax.default_backend()


def settings(task: Task) -> list[Any]:
    return [None]


make = Model

"""This library, as its README advises."""

import time
from typing import Any

import numpy as np

import jaxnet_mini as jn
from bench.peers import Task


class EpochSeconds(jn.callbacks.Callback):
    """The seconds from the begin hook of each epoch to its end hook."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.since)


class Model:
    def __init__(self, task: Task, setting: Any = None, verbose: int = 0) -> None:
        features, *hidden, classes = task.sizes
        self.task, self.verbose = task, verbose
        self.model = jn.Sequential(
            [
                jn.Input((features,)),
                *(jn.Dense(units, activation="relu") for units in hidden),
                jn.Dense(classes, activation="softmax"),
            ]
        )
        self.model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])

    def epochs(self, count: int) -> list[float]:
        timer = EpochSeconds()
        self.model.fit(
            self.task.x,
            self.task.y,
            batch_size=self.task.batch_size,
            epochs=count,
            verbose=self.verbose,
            callbacks=[timer],
        )
        return timer.seconds

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(self.model.evaluate(x, y, verbose=0)[1])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(x, verbose=0)


def settings(task: Task) -> list[Any]:
    return [None]


make = Model

"""Keras with its defaults, on the backend that the environment names."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from typing import Any

import keras
import numpy as np

from bench.peers import Task, epoch_seconds, in_keras_words


class Timer(epoch_seconds.EpochSeconds, keras.callbacks.Callback):
    """The seconds of each epoch."""


class Model:
    def __init__(self, task: Task, setting: int | None = None) -> None:
        self.task = task
        self.model = in_keras_words.built(keras, task)
        self.model.compile(
            "adam",
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=setting or 1,
        )

    def epochs(self, count: int) -> list[float]:
        timer = Timer()
        self.model.fit(
            self.task.x,
            self.task.y,
            batch_size=self.task.batch_size,
            epochs=count,
            verbose=0,
            callbacks=[timer],
        )
        return timer.seconds

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(self.model.evaluate(x, y, verbose=0)[1])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.predict(x, verbose=0))


def device() -> str:
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend()
    import tensorflow

    return "gpu" if tensorflow.config.list_physical_devices("GPU") else "cpu"


def settings(task: Task) -> list[Any]:
    return [None]


make = Model

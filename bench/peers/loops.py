"""What the peers whose loop is written by hand share: one step a call from Python."""

import time
from abc import ABC, abstractmethod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.peers import Task, batches


class JaxLoop(ABC):
    """A jitted step called for each batch; the data lie on the device.

    The sums stay on the device until the epoch ends: asking for a number at each step
    would wait for it.
    """

    def __init__(self, task: Task, setting: Any = None) -> None:
        self.task = task
        self.x, self.y = jnp.asarray(task.x), jnp.asarray(task.y)
        self.generator = np.random.default_rng(0)

    @abstractmethod
    def step(self, rows: np.ndarray) -> Any:
        """Take one step on these rows; return the sum of right answers so far."""

    @abstractmethod
    def probabilities(self, x: Any) -> Any:
        """Return the probabilities, compiled."""

    def epochs(self, count: int) -> list[float]:
        seconds = []
        for _ in range(count):
            since = time.perf_counter()
            self.correct = jnp.zeros((), jnp.int32)
            for rows in batches(self.task, self.generator):
                correct = self.step(rows)
            float(correct)
            seconds.append(time.perf_counter() - since)
        return seconds

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> float:
        return float((np.asarray(self.probabilities(x)).argmax(-1) == y).mean())

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.probabilities(x))


def settings(task: Task) -> list[Any]:
    return [None]


def device() -> str:
    return jax.default_backend()

"""scikit-learn's multilayer perceptron, which runs on the CPU; threads as is quickest.

Source: https://scikit-learn.org/stable/computing/parallelism.html
"""

import os
import time
import warnings
from typing import Any

import numpy as np
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.peers import Task


class Model:
    threads_in_use: int | None = None

    def __init__(self, task: Task, setting: Any = None) -> None:
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.task, self.threads = task, setting
        self.model = MLPClassifier(
            task.hidden,
            batch_size=task.batch_size,
            tol=0.0,
            n_iter_no_change=10**6,
            warm_start=True,
            random_state=0,
        )

    def epochs(self, count: int) -> list[float]:
        # No hook tells when an epoch ends: each gets an equal share.
        self.model.max_iter = count
        self.use_threads()
        since = time.perf_counter()
        self.model.fit(self.task.x, self.task.y)
        return [(time.perf_counter() - since) / count] * count

    def use_threads(self) -> None:
        # Asking takes a while: it is done where another model was at work before.
        if Model.threads_in_use != self.threads:
            threadpoolctl.threadpool_limits(self.threads)
            Model.threads_in_use = self.threads

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> float:
        self.use_threads()
        return float(self.model.score(x, y))

    def predict(self, x: np.ndarray) -> np.ndarray:
        self.use_threads()
        return self.model.predict_proba(x)

    def labels(self, x: np.ndarray) -> np.ndarray:
        self.use_threads()
        return self.model.predict(x)


def device() -> str:
    return "cpu"


def settings(task: Task) -> list[Any]:
    cores = len(os.sched_getaffinity(0))
    return [1, cores] if cores > 1 else [1]


make = Model

"""One peer in a process of its own: it does what it is told and answers.

    python -m bench.worker NAME FOLDER [once DATA HIDDEN BATCH EPOCHS SETTING]

Requests and answers are lines of JSON on standard input and output; whatever a peer
prints goes to standard error. With ``once`` it trains, evaluates, says the accuracy and
ends, so that the whole process can be timed.
"""

import dataclasses
import importlib
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers import PEERS, Task

TRIAL_SECONDS, TRIAL_ROWS, TRIAL_BATCHES = 0.3, 6000, 10


class Worker:
    """The models of one peer, by their settings."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.peer: Any = importlib.import_module(f"bench.peers.{PEERS[name][0]}")
        self.models: dict[str, Any] = {}

    def arrays(self, data: str, part: str) -> tuple[np.ndarray, np.ndarray]:
        x = np.load(self.folder / f"{data}-{part}-x.npy")
        return x, np.load(self.folder / f"{data}-{part}-y.npy")

    def task(
        self, data: str, hidden: list[int], batch_size: int, kind: str = "dense"
    ) -> Task:
        arrays = self.arrays(data, "train")
        return Task(*arrays, tuple(hidden), batch_size, kind=kind)

    def about(self) -> dict[str, str]:
        """Say which version this is and on what it runs."""
        package = {"sklearn": "scikit-learn"}.get(*[PEERS[self.name][1]] * 2)
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:  # run from a checkout
            version = importlib.import_module(package).__version__
        return {"version": version, "device": self.peer.device()}

    def settings(self, data: str, hidden: list[int], batch_size: int) -> list[Any]:
        """Return the settings worth trying."""
        settings: list[Any] = self.peer.settings(self.task(data, hidden, batch_size))
        return settings

    def prepare(
        self,
        key: str,
        data: str,
        hidden: list[int],
        batch_size: int,
        kind: str = "dense",
        options: dict[str, Any] | None = None,
        trial: bool = True,
    ) -> dict[str, Any]:
        """Make a model and warm it up, with the best setting if there are several.

        Without a trial it is the first, usually the best. Returns the setting and the
        seconds of an epoch.
        """
        task = self.task(data, hidden, batch_size, kind)
        best, *others = self.peer.settings(task)
        if others and trial:
            best = self.best(task, [best, *others])
        model = self.models[key] = self.peer.make(task, best, **(options or {}))
        return {"setting": best, "seconds": model.epochs(2)[-1]}

    def best(self, task: Task, settings: list[Any]) -> Any:
        """Return the quickest setting, each tried on as few rows as show it."""
        rows = max(TRIAL_ROWS, TRIAL_BATCHES * task.batch_size)
        part = dataclasses.replace(task, x=task.x[:rows], y=task.y[:rows])
        trials = {}
        for setting in settings:
            model = self.peer.make(part, setting)
            seconds = model.epochs(2)[-1]
            count = min(20, math.ceil(TRIAL_SECONDS / max(seconds, 1e-6)))
            trials[setting] = min(model.epochs(count))
        return min(trials, key=trials.__getitem__)

    def epochs(self, key: str, count: int) -> list[float]:
        """Train; the first epoch of a turn is not counted."""
        seconds: list[float] = self.models[key].epochs(count + 1)
        return seconds[1:]

    def fit(self, key: str, epochs: int) -> list[float]:
        """Return the seconds of a whole call that trains so many epochs."""
        since = time.perf_counter()
        self.models[key].epochs(epochs)
        return [time.perf_counter() - since]

    def predict(
        self, key: str, data: str, rows: int, calls: int, way: str = "predict"
    ) -> list[float]:
        """Return the median seconds of a call with so many rows."""
        x = self.arrays(data, "train")[0][:rows]
        assert len(x) == rows
        predict = getattr(self.models[key], way)
        return self._median(lambda: predict(x), calls)

    def evaluate(self, key: str, data: str, calls: int) -> list[float]:
        """Return the median seconds of a call of ``evaluate``."""
        x, y = self.arrays(data, "test")
        return self._median(lambda: self.models[key].evaluate(x, y), calls)

    def forget(self, key: str) -> None:
        """Drop a model."""
        del self.models[key]

    @staticmethod
    def _median(call: Callable[[], Any], calls: int) -> list[float]:
        for _ in range(max(3, calls // 10)):
            call()
        seconds = []
        for _ in range(calls):
            since = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - since)
        return [statistics.median(seconds)]


def answers_alone() -> Any:
    """Return what writes to standard output, and send all else to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return answers


def serve(served: Any, answers: Any) -> None:
    """Call the methods that standard input asks for, until it ends."""
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            answer = {"value": getattr(served, method)(**arguments)}
        except Exception as error:  # the parent says so in the table
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


def main() -> None:
    answers = answers_alone()
    name, folder, *once = sys.argv[1:]
    worker = Worker(name, Path(folder))
    if not once:
        serve(worker, answers)
        return
    _, data, hidden, batch_size, epochs, setting = once
    task = worker.task(data, json.loads(hidden), int(batch_size))
    model = worker.peer.make(task, json.loads(setting))
    model.epochs(int(epochs))
    answers.write(json.dumps(model.evaluate(*worker.arrays(data, "test"))) + "\n")


if __name__ == "__main__":
    main()

"""One peer in a process of its own: it does what it is told and answers.

    python -m bench.worker NAME FOLDER [once DATA HIDDEN BATCH EPOCHS]

Requests and answers are lines of JSON on standard input and output; whatever a peer
prints goes to standard error. With ``once`` it trains, evaluates, says the accuracy and
ends, so that the whole process can be timed.
"""

import importlib
import json
import os
import statistics
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers import PEERS, Task


class Worker:
    """The models of one peer, by their settings."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.peer: Any = importlib.import_module(f"bench.peers.{PEERS[name][0]}")
        self.models: dict[str, Any] = {}

    def arrays(self, data: str, part: str) -> tuple[np.ndarray, np.ndarray]:
        x = np.load(self.folder / f"{data}-{part}-x.npy")
        return x, np.load(self.folder / f"{data}-{part}-y.npy")

    def task(self, data: str, hidden: list[int], batch_size: int) -> Task:
        return Task(*self.arrays(data, "train"), tuple(hidden), batch_size)

    def about(self) -> dict[str, Any]:
        """Say which version this is."""
        package = {"sklearn": "scikit-learn"}.get(*[PEERS[self.name][1]] * 2)
        try:
            return {"version": metadata.version(package)}
        except metadata.PackageNotFoundError:  # run from a checkout
            return {"version": importlib.import_module(package).__version__}

    def prepare(self, key: str, data: str, hidden: list[int], batch_size: int) -> Any:
        """Make a model and warm it up; find the best setting if there are several."""
        task = self.task(data, hidden, batch_size)
        settings = self.peer.settings(task)
        trials: dict[Any, float] = {}
        models = {}
        for setting in settings:
            models[setting] = self.peer.make(task, setting)
            models[setting].epochs(1)
            if len(settings) > 1:
                trials[setting] = min(models[setting].epochs(2))
        best = min(trials, key=trials.__getitem__) if trials else settings[0]
        self.models[key] = models[best]
        return {"setting": best}

    def epochs(self, key: str, count: int) -> list[float]:
        """Train; the first epoch of a turn is not counted."""
        seconds: list[float] = self.models[key].epochs(count + 1)
        return seconds[1:]

    def fit(self, key: str, epochs: int) -> float:
        """Return the seconds of a whole call that trains so many epochs."""
        since = time.perf_counter()
        self.models[key].epochs(epochs)
        return time.perf_counter() - since

    def predict(self, key: str, data: str, rows: int, calls: int) -> float:
        """Return the median seconds of a call of ``predict``."""
        x = self.arrays(data, "test")[0][:rows]
        assert len(x) == rows
        return self._median(lambda: self.models[key].predict(x), calls)

    def evaluate(self, key: str, data: str, calls: int) -> float:
        """Return the median seconds of a call of ``evaluate``."""
        x, y = self.arrays(data, "test")
        return self._median(lambda: self.models[key].evaluate(x, y), calls)

    def accuracy(self, key: str, data: str) -> float:
        accuracy: float = self.models[key].evaluate(*self.arrays(data, "test"))
        return accuracy

    def forget(self, key: str) -> None:
        del self.models[key]

    @staticmethod
    def _median(call: Any, calls: int) -> float:
        for _ in range(max(3, calls // 10)):
            call()
        seconds = []
        for _ in range(calls):
            since = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - since)
        return statistics.median(seconds)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    name, folder, *once = sys.argv[1:]
    worker = Worker(name, Path(folder))
    if once:
        _, data, hidden, batch_size, epochs = once
        task = worker.task(data, json.loads(hidden), int(batch_size))
        setting = worker.peer.settings(task)[len(worker.peer.settings(task)) // 2]
        model = worker.peer.make(task, setting)
        model.epochs(int(epochs))
        answers.write(json.dumps(model.evaluate(*worker.arrays(data, "test"))) + "\n")
        return
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            answer = {"value": getattr(worker, method)(**arguments)}
        except Exception as error:  # the parent says so in the table
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

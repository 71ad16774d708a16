"""Calls of ``fit`` with and without ``checkpoint``, in turns."""

import shutil
import time
from pathlib import Path
from typing import Any

from bench.peers import OURS
from bench.peers.jaxnet import Model
from bench.probes import answer
from bench.worker import Worker


def measure(
    scratch: str, batch_size: int, epochs: int, rounds: int
) -> list[list[float]]:
    """Return the seconds of both in each round, the plain call first.

    They are those of the whole call, from the check of the data to the last file; it
    compiles nothing, since the first round of all is not counted.
    """
    task = Worker(OURS, Path(scratch)).task("fashion", [128], batch_size)
    folder = Path(scratch) / "kept"
    call = {"batch_size": batch_size, "epochs": epochs, "verbose": 0}

    def seconds(**options: Any) -> float:
        shutil.rmtree(folder, ignore_errors=True)
        model = Model(task).model
        since = time.perf_counter()
        model.fit(task.x, task.y, **call, **options)
        return time.perf_counter() - since

    return [[seconds(), seconds(checkpoint=str(folder))] for _ in range(rounds + 1)][1:]


if __name__ == "__main__":
    answer(measure)

"""Two small fits, one after the other and both at once in threads of Python."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.peers import OURS
from bench.peers.jaxnet import Model
from bench.probes import answer
from bench.worker import Worker


def measure(
    scratch: str, data: str, batch_size: int, epochs: int, rounds: int
) -> list[list[float]]:
    """Return the seconds of both ways in each round, one after the other first.

    Each fit has a model of its own, and goes on with it. The first round compiles and
    is not counted.
    """
    task = Worker(OURS, Path(scratch)).task(data, [128], batch_size)
    models = [Model(task).model for _ in range(2)]
    call = {"batch_size": batch_size, "epochs": epochs, "verbose": 0}

    def fit(model: Any) -> None:
        model.fit(task.x, task.y, **call)

    with ThreadPoolExecutor(2) as pool:
        ways = [
            lambda: [fit(model) for model in models],
            lambda: list(pool.map(fit, models)),
        ]
        return [[seconds(way) for way in ways] for _ in range(rounds + 1)][1:]


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    since = time.perf_counter()
    call()
    return time.perf_counter() - since


if __name__ == "__main__":
    answer(measure)

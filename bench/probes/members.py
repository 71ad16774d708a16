"""Sweeps of several sizes in turns, in one process: what more members cost."""

import time
from pathlib import Path

import jaxnet_mini as jn
from bench.peers import OURS
from bench.peers.jaxnet import Model
from bench.probes import answer
from bench.worker import Worker


def measure(
    scratch: str,
    data: str,
    counts: list[int],
    epochs: int,
    rounds: int,
    batch_size: int = 256,
) -> list[list[float]]:
    """Return the seconds of a call of ``sweep`` with each number of members.

    Each has a seed of its own. The first round compiles and is not counted.
    """
    task = Worker(OURS, Path(scratch)).task(data, [128], batch_size)
    model = Model(task).model

    def seconds(members: int) -> float:
        space = {"seed": range(members)}
        call = {"batch_size": task.batch_size, "epochs": epochs, "verbose": 0}
        since = time.perf_counter()
        jn.sweep(model, space, task.x, task.y, **call)
        return time.perf_counter() - since

    return [[seconds(count) for count in counts] for _ in range(rounds + 1)][1:]


if __name__ == "__main__":
    answer(measure)

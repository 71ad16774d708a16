"""Epochs of this library at some batch sizes, on the cores and devices it is given."""

import statistics
from pathlib import Path

from bench.peers import OURS
from bench.peers.jaxnet import Model
from bench.probes import answer
from bench.worker import Worker


def measure(scratch: str, data: str, counts: list[list[int]]) -> list[float]:
    """Return the median seconds of an epoch at each batch size.

    Args:
        scratch: where the data lie.
        data: which of them.
        counts: batch sizes, and of each how many epochs. Another one before them is
            not counted: it compiles, and chooses between threads.
    """
    worker = Worker(OURS, Path(scratch))
    models = [Model(worker.task(data, [128], size)) for size, _ in counts]
    return [
        statistics.median(model.epochs(count + 1)[1:])
        for model, (_, count) in zip(models, counts, strict=True)
    ]


if __name__ == "__main__":
    answer(measure)

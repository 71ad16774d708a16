"""The most memory that a script holds which loads data, trains and evaluates."""

import re
import resource
import sys
from pathlib import Path

from bench.probes import answer
from bench.worker import Worker


def measure(
    name: str, scratch: str, data: str, hidden: list[int], batch_size: int, epochs: int
) -> dict[str, float]:
    """Return megabytes held at most until all is loaded, and in all; the accuracy.

    Args:
        name: of the peer, which takes the first of its settings.
        scratch: where the data lie.
        data: which of them.
        hidden: widths of the hidden layers.
        batch_size: rows in a step.
        epochs: how many.
    """
    worker = Worker(name, Path(scratch))
    task = worker.task(data, hidden, batch_size)
    test = worker.arrays(data, "test")
    loaded = peak()
    model = worker.peer.make(task, worker.peer.settings(task)[0])
    model.epochs(epochs)
    accuracy = model.evaluate(*test)
    return {
        "loaded_mb": loaded / 1e6,
        "peak_mb": peak() / 1e6,
        "accuracy": accuracy,
    }


def peak() -> int:
    """Return the most bytes that this process has held."""
    # On Linux, ru_maxrss starts with what the parent held.
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text("utf-8"), re.M)
        if found:
            return int(found[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


if __name__ == "__main__":
    answer(measure)

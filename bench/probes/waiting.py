"""A generator that is slower than the device, and what the bar says of it."""

import contextlib
import io
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import jaxnet_mini as jn
from bench.peers import Task
from bench.peers.jaxnet import Model
from bench.probes import answer
from bench.probes.ours import CLASSES


def measure(pause: float, steps: int, batch_size: int) -> dict[str, Any]:
    """Train an epoch of batches that take so many seconds each.

    Returns:
        The share of the time that the bar says was waited for data, 0 where it says
        nothing, and the one that the history has.
    """
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (batch_size, 784), np.uint8)
    y = generator.integers(0, CLASSES, batch_size, np.int32)
    model: jn.Sequential = Model(Task(x, y, (128,), batch_size)).model

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            time.sleep(pause)
            yield x, y

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        history = model.fit(batches(), steps_per_epoch=steps)
    named = re.search(r"(\d+)% of the time waiting for data", said.getvalue())
    timing = history.timing
    return {
        "said": int(named[1]) / 100 if named else 0.0,
        "share": timing["waiting_seconds"][0] / timing["epoch_seconds"][0],
    }


if __name__ == "__main__":
    answer(measure)

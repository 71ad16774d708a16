"""One point of a curve: seconds of an epoch and memory at one size."""

import statistics
from typing import Any

import jax
import numpy as np
import psutil

import jaxnet_mini as jn
from bench.peers.jaxnet import Timer
from bench.probes import answer
from bench.probes.holding import peak
from bench.probes.ours import CLASSES


def measure(
    rows: int, features: int, hidden: list[int], batch_size: int, epochs: int
) -> dict[str, Any]:
    """Train on synthetic ``uint8`` images; return seconds and megabytes.

    The first epoch is not counted, and memory is what the process holds beyond what it
    held before there were any data.
    """
    process = psutil.Process()
    jax.block_until_ready(jax.numpy.zeros(()))
    before = process.memory_info().rss
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (rows, features), np.uint8)
    y = generator.integers(0, CLASSES, rows, np.int32)
    data = x.nbytes + y.nbytes
    model = jn.Sequential(
        [
            jn.Input((features,)),
            jn.layers.Rescaling(1 / 255),
            *(jn.Dense(units, activation="relu") for units in hidden),
            jn.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    timer = Timer()
    model.fit(
        x, y, batch_size=batch_size, epochs=epochs + 1, verbose=0, callbacks=[timer]
    )
    counted = timer.seconds[1:]
    resident = process.memory_info().rss
    stats = jax.devices()[0].memory_stats() or {}
    return {
        "seconds": statistics.median(counted),
        "total": sum(counted),
        "data_mb": data / 1e6,
        # What the system notes as the peak may lag a little.
        "peak_mb": (max(peak(), resident) - before) / 1e6,
        "resident_mb": (resident - before) / 1e6,
        "device_peak_mb": stats.get("peak_bytes_in_use", 0) / 1e6,
    }


if __name__ == "__main__":
    answer(measure)

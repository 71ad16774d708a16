"""Epochs over rows on the device and over the same rows in a file, in turns."""

from pathlib import Path

import numpy as np

from bench.peers import Task
from bench.peers.jaxnet import Model
from bench.probes import answer
from bench.probes.ours import CLASSES
from jaxnet_mini.loops.stream import CHUNK_BYTES


def measure(
    scratch: str, dtype: str, rows: int, epochs: int, rounds: int, batch_size: int
) -> list[list[list[float]]]:
    """Return the seconds of each epoch in each round, those of resident rows first.

    The file was just written and lies in the page cache; the first epoch of a call is
    not counted.
    """
    path = Path(scratch) / f"rows-{dtype}.npy"
    generator = np.random.default_rng(0)
    resident = generator.integers(0, 256, (rows, 784), np.uint8)
    if dtype != "uint8":
        resident = resident.astype(dtype) / np.asarray(255, dtype)
    np.save(path, resident)
    streamed = np.load(path, mmap_mode="r")
    if streamed.nbytes <= CHUNK_BYTES:
        raise ValueError(f"{streamed.nbytes} bytes are no stream: take more rows")
    y = generator.integers(0, CLASSES, rows, np.int32)
    ways = [Model(Task(x, y, (128,), batch_size)) for x in (resident, streamed)]
    found = [[way.epochs(epochs + 1)[1:] for way in ways] for _ in range(rounds + 1)]
    path.unlink()
    return found[1:]


if __name__ == "__main__":
    answer(measure)

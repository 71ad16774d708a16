"""Training on a file of rows that is larger than the memory, and what it holds."""

import re
import threading
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bench.peers import Task
from bench.peers.jaxnet import Model
from bench.probes import answer

STATUS = Path("/proc/self/status")
SAMPLE_SECONDS = 0.02


class Watch(threading.Thread):
    """Looks at the memory of this process until it is stopped.

    ``own`` is the most that it held beyond files, and ``mapped`` the most of files,
    which the system takes back when it needs the memory; both in bytes.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.mapped = 0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            held = memory()
            self.own = max(self.own, held["RssAnon"] + held["RssShmem"])
            self.mapped = max(self.mapped, held["RssFile"])
            time.sleep(SAMPLE_SECONDS)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def memory() -> dict[str, int]:
    """Return what Linux says of this process, in bytes."""
    found = re.findall(r"^(Rss\w+):\s*(\d+) kB", STATUS.read_text("utf-8"), re.M)
    return {name: int(kilobytes) * 1024 for name, kilobytes in found}


def measure(
    scratch: str, dtype: str, rows: int, features: int, batch_size: int
) -> dict[str, Any]:
    """Train one epoch on rows of zeros in a file that takes no place on the disk.

    Returns:
        Gigabytes of rows, of the most memory held and of that before there were data,
        and of the mapped file; seconds of the epoch.
    """
    path = Path(scratch) / "larger.npy"
    x = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), (rows, features))
    y = np.zeros(rows, np.uint8)
    y[::2] = 1
    jax.block_until_ready(jax.numpy.zeros(()))
    before = memory()["RssAnon"]
    watch = Watch()
    watch.start()
    (seconds,) = Model(Task(x, y, (128,), batch_size)).epochs(1)
    watch.stop()
    size = x.nbytes
    del x
    path.unlink()
    return {
        "rows_gb": size / 1e9,
        "own_gb": watch.own / 1e9,
        "before_gb": before / 1e9,
        "mapped_gb": watch.mapped / 1e9,
        "seconds": seconds,
        "rows": rows,
    }


if __name__ == "__main__":
    answer(measure)

"""How far two cores are from each other: a cache line there and back.

Small steps on two threads stand or fall with it, and on a virtual machine it may change
from one process to the next: no figure of a CPU says much without it. A few dozen
nanoseconds are two cores of one die; some hundred, two dies or sockets.
"""

import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable

TRIPS, BLOCK = 200_000, 1_000

TIMES = 5
"""Of so many measurements the median counts: Python takes four fifths of a trip, and
more or less of it from one moment to the next."""

NEAR, FAR = "near", "far"
FAR_NANOSECONDS = 200
RULE = (
    f"Cores are far where the slowest cache line measured beside took over "
    f"{FAR_NANOSECONDS} ns there and back."
)

ANSWER = """
import mmap, os, sys
path, core, trips = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.sched_setaffinity(0, {core})

def answer(line, trips):
    line[8] = 1
    for number in range(1, trips + 1):
        while line[0] != number:
            pass
        line[0] = -number

with open(path, "r+b") as file:
    with mmap.mmap(file.fileno(), 4096) as shared, memoryview(shared).cast("q") as line:
        answer(line, trips)
"""


def nanoseconds(trips: int = TRIPS) -> float | None:
    """Return what a round trip takes, without what Python takes for it.

    Two processes, each on a core of its own, write to one line in turns. None where a
    process may use one core only, where the system cannot tell cores apart, and where
    Python took more than the whole trip, as it may where a machine is not quiet.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        return None
    # Where Python took the whole trip, the line was nearer than can be seen.
    found = [_measured(cores, trips) or 0.0 for _ in range(TIMES)]
    return statistics.median(found) or None


def _measured(cores: set[int], trips: int) -> float | None:
    here, there = sorted(cores)[:2]
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(4096)
        command = [sys.executable, "-c", ANSWER, file.name, str(there), str(trips)]
        with (
            mmap.mmap(file.fileno(), 4096) as shared,
            memoryview(shared).cast("q") as line,
            subprocess.Popen(command) as other,
        ):
            os.sched_setaffinity(0, {here})
            try:
                while not line[8] and other.poll() is None:
                    pass
                both, alone = _seconds(line, trips, 1), _seconds(line, trips, -1)
            finally:
                os.sched_setaffinity(0, cores)
    return _without_python(both, alone)


def _without_python(both: float, alone: float) -> float | None:
    """Return the nanoseconds of a trip; None where nothing is left of it.

    Args:
        both: the seconds of a trip. Each of the two processes writes and reads once,
            one after another.
        alone: those of one that waits for nobody.
    """
    left = (both - 2 * alone) * 1e9
    return left if left > 0.0 else None


def state(lines: Iterable[float | None]) -> str:
    """Return whether cores were near or far by what was measured beside, "" if nothing.

    One of these that was slow is enough: what is measured between takes either state.
    """
    known = [line for line in lines if line is not None]
    if not known:
        return ""
    return FAR if max(known) > FAR_NANOSECONDS else NEAR


def _seconds(line: memoryview, trips: int, sign: int) -> float:
    """Return what a trip takes; of sign -1 nobody else is waited for.

    The median of blocks: what else runs on a core stops all trips for a while.
    """
    blocks = []
    for first in range(1, trips + 1, BLOCK):
        start = time.perf_counter()
        for number in range(first, first + BLOCK):
            line[0] = sign * number
            while line[0] != -number:
                pass
        blocks.append((time.perf_counter() - start) / BLOCK)
    return statistics.median(blocks)

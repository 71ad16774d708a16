"""How much memory the device has left, asked before anything is copied to it.

And what gives back memory that nobody needs.
"""

import ctypes
import functools
import gc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax

from jaxnet_mini.base.arguments import check_flag
from jaxnet_mini.base.text import readable_size

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def clear_session(free_memory: bool = True) -> None:
    """Free the memory of models that nobody holds any more.

    In Keras the names of layers begin anew besides. Here they count within a model, and
    nothing else is kept between models but the seed of `utils.set_random_seed`, which
    stays, and compiled programs, which equal networks share: ``jax.clear_caches()``
    drops those.

    Args:
        free_memory: whether to look for such models now, which may take a while.

    Source: https://keras.io/api/utils/config_utils/

    >>> clear_session()
    """
    if check_flag("free_memory", free_memory):
        gc.collect()


def give_back() -> None:
    """Give back to the system what a compiler has left free, where glibc keeps it.

    Each thread of a compiler has a heap of its own there; all of them together may hold
    60 MB that nobody uses. It takes 20 ms after a program was compiled, else one.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """Return glibc's ``malloc_trim``, None where there is none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


def available(device: Any = None) -> int | None:
    """Return the free bytes of the device that data go to; None where nobody knows.

    On a CPU they are those of the machine, or of the container if it has fewer.
    """
    device = device or jax.local_devices()[0]
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    if device.platform != "cpu":
        return None
    known = [free for free in (_of_machine(), _of_container()) if free is not None]
    return min(known, default=None)


def shortage(needed: Iterable[tuple[str, int]]) -> str | None:
    """Return a sentence's beginning where arrays will not fit into the device's memory.

    Args:
        needed: what the sentence calls each array, and its bytes on the device.
    """
    needed = list(needed)
    total, free = sum(size for _, size in needed), available()
    if free is None or total <= free:
        return None
    names = " and ".join(name for name, _ in needed)
    return (
        f"{names[0].upper()}{names[1:]} would take {readable_size(total)} on "
        f"{jax.devices()[0]}, which has {readable_size(free)} left"
    )


def _of_machine() -> int | None:
    # What Linux would free for a new program; elsewhere nobody is asked.
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        (kilobytes,) = [int(x.split()[1]) for x in lines if x.startswith("MemAvail")]
    except (OSError, ValueError):
        return None
    return kilobytes * 1024


def _of_container() -> int | None:
    # Files that are kept in memory count as used there, and are dropped when needed.
    try:
        limit = int((CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
        stat = (CGROUP / "memory.stat").read_text(encoding="ascii").split()
        files = int(stat[stat.index("inactive_file") + 1])
    except (OSError, ValueError):
        return None
    return max(0, limit - used + files)

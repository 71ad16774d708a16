"""Several processes that train together, joined by `jax.distributed`.

Alone, a process agrees with itself at once.
"""

import zlib
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import ArgumentError, ProcessError, short

SIGNS = ("Gloo", "NCCL", "Connection", "heartbeat", "coordination", "UNAVAILABLE")
"""What stands in the errors of JAX where another process has gone."""


def several() -> bool:
    """Return whether other processes take part."""
    return bool(jax.process_count() > 1)


def is_first() -> bool:
    """Return whether this process is the one that draws and writes."""
    return jax.process_index() == 0


def agreed(number: int) -> int:
    """Return the number that the first process has."""
    if not several():
        return number
    # Here and below: only those who need it wait for its import.
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.int32(number)))


def gathered(array: Any) -> NDArray[Any]:
    """Return the arrays of all processes, ``(processes, ...)``, of one shape."""
    if not several():
        return np.asarray(array)[None]
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(np.asarray(array)))


def summed(number: int) -> int:
    """Return the sum of the numbers that the processes have."""
    return int(gathered(np.int32(number)).sum())


def from_first(content: bytes | None) -> bytes | None:
    """Return the bytes that the first process has; None where it has none."""
    if not several():
        return content
    size = agreed(-1 if content is None else len(content))
    if size < 0:
        return None
    array = np.zeros(size, np.uint8)
    if is_first() and content is not None:
        array = np.frombuffer(content, np.uint8)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.broadcast_one_to_all(array)).tobytes()


def check_alike(**settings: Any) -> None:
    """Check that all processes were given the same.

    Raises:
        ArgumentError: one differs from the first; the message names in what.
    """
    if not several():
        return
    here = np.array([zlib.crc32(repr(v).encode()) for v in settings.values()])
    for name, there in zip(settings, gathered(here).T, strict=True):
        if len(set(there.tolist())) > 1:
            raise ArgumentError(
                f"the processes differ in {name}, which is {short(settings[name])} in "
                f"process {jax.process_index()}: give all of them the same, but for "
                "the rows of their own share."
            )


def as_lost(error: Exception, kept: str | None) -> ProcessError | None:
    """Return the error to raise where one came of another process's end, else None.

    Args:
        error: what was raised.
        kept: the folder that the run is kept in, or None.
    """
    if not several() or not any(sign in str(error) for sign in SIGNS):
        return None
    first_line = str(error).splitlines()[0]
    advice = "give fit a checkpoint, so that the next run can go on where it was."
    if kept is not None:
        advice = f"start all of them again, and they go on from what {kept!r} holds."
    return ProcessError(
        f"process {jax.process_index()} of {jax.process_count()} lost another one, "
        f"which has ended or cannot be reached, and cannot go on alone: {advice} "
        f"({first_line})"
    )

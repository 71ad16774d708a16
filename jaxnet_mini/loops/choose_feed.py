"""Where the examples of training lie: on the device, or on their way to it."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxnet_mini.callbacks.base import say
from jaxnet_mini.data import epoch_order, resident
from jaxnet_mini.data.checks import NAMES, Examples
from jaxnet_mini.devices import memory, processes
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.errors import DataError
from jaxnet_mini.loops.feed import Feed, Resident, Shared
from jaxnet_mini.loops.stream import CHUNK_BYTES, StreamedArrays


def choose_feed(
    given: Examples,
    x: Any,
    batch_size: int,
    place: Placement,
    validation: Examples | None,
    verbose: int,
) -> tuple[Feed, int, bool]:
    """Return the examples on their way, how many there are, and whether they fit.

    Args:
        given: those of this process, on the host.
        x: the inputs as they were given, which may lie in a file.
        batch_size: examples in a step.
        place: where to put arrays.
        validation: what is held out, which needs room too.
        verbose: whether to say that examples are streamed.

    Raises:
        ArgumentError: processes differ in more than their rows.
        DataError: the device has no room.
    """
    if processes.several():
        return *_shared(given, batch_size, place), True
    rows = given.length
    # A CPU by itself reads what NumPy has; each device of a mesh has its own.
    shared = place.mesh is None and jax.default_backend() == "cpu"
    shortage = _shortage(given, batch_size, validation, shared)
    if shortage:
        say(verbose, f"{shortage}: they are streamed to it in chunks.")
    elif not _is_in_file(x):
        return Resident(resident.resident(given, batch_size, shared), place), rows, True
    arrays = StreamedArrays(given, batch_size, place)
    _check_chunk(arrays, batch_size)
    return arrays, rows, shortage is None


def _is_in_file(x: Any) -> bool:
    """Tell whether inputs as they were given lie in files, and are large."""
    parts = [*x.values()] if isinstance(x, Mapping) else x
    parts = parts if isinstance(parts, list | tuple) else [parts]
    mapped = (part for part in parts if isinstance(part, np.memmap))
    return sum(part.nbytes for part in mapped) > CHUNK_BYTES


def _shared(given: Examples, batch_size: int, place: Placement) -> tuple[Feed, int]:
    """Return the examples of all processes, and how many there are.

    Raises:
        ArgumentError: processes differ in more than their rows.
        DataError: a device has no room for all of them.
    """
    alike = jax.tree.map(lambda a: (a.shape[1:], str(a.dtype)), tuple(given))
    processes.check_alike(**dict(zip(NAMES, alike, strict=True)), batch_size=batch_size)
    rows = processes.gathered(np.int32(given.length))
    # As many for each process, and for each of its devices.
    devices = jax.local_device_count()
    capacity = devices * epoch_order.rounded_steps(
        epoch_order.steps_for(int(rows.max()), devices)
    )
    needed = resident.nbytes(given, len(rows) * capacity)
    shortage = memory.shortage([("the examples of all processes", needed)])
    if shortage:
        raise DataError(
            f"{shortage}, and what several processes share is not streamed: give a "
            "smaller dtype, such as uint8, of which Rescaling makes float32, or fewer "
            "rows."
        )
    share = resident.padded(given, capacity)
    return Shared(share, rows, place), int(rows.sum())


def _shortage(
    examples: Examples, batch_size: int, validation: Examples | None, shared: bool
) -> str | None:
    """Return what is short where the device's memory will not hold all examples."""
    needed = [("the examples", resident.resident_bytes(examples, batch_size, shared))]
    if validation is not None:
        # An estimate: their stacks, not yet made, are padded by one of them at most.
        needed += [("those for validation", resident.resident_bytes(validation, 1))]
    return memory.shortage(needed)


def _check_chunk(feed: StreamedArrays, batch_size: int) -> None:
    """Raise a DataError where not even a chunk of a stream fits."""
    shortage = memory.shortage([("chunks of the examples", feed.nbytes)])
    if shortage:
        raise DataError(
            f"{shortage}: give a batch_size below {batch_size}, or a smaller dtype, "
            "such as uint8, of which Rescaling makes float32."
        )

"""CPU devices with pools of threads of their own, beside JAX's.

JAX has one pool of threads, as large as the machine. A pool of another size is a second
CPU client of JAX beside the first: it computes the same programs, and what else the
process computes with JAX stays as it is. There are clients of one thread each, one of
these that computes within the call, and one of as many threads as there are cores,
where JAX's has more: it has one at least for each device, and several virtual ones of a
machine of two cores make it wait for itself.

Source: ``DefaultThreadPoolSize`` of XLA's ``pjrt/cpu/cpu_client.cc``
"""

import os
import re
import threading
from typing import Any

import jax
from jax.sharding import SingleDeviceSharding
from jaxlib import xla_client

NPROC = "NPROC"
"""The environment variable by which XLA is told how many threads a pool has."""

_environment = threading.RLock()
_of_one: list[Any] = []
_of_cores: dict[int, Any] = {}
_at_once: list[Any] = []


def number() -> int | None:
    """Return how many threads JAX computes with on a CPU; None on another device.

    The environment variable ``NPROC`` tells, else the CPUs that this process may run
    on; there is at least one for each device.
    """
    if jax.default_backend() != "cpu":
        return None
    return max(cores(), jax.local_device_count())


def cores() -> int:
    """Return how many threads there should be: as `number`, whatever the devices."""
    with _environment:  # which `_new` changes for a moment
        told = os.environ.get(NPROC, "")
    if re.fullmatch(r"\s*[+-]?\d+\s*", told):
        return max(1, int(told))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number_of(device: Any) -> int | None:
    """Return how many threads compute on a device; None as `number`.

    Args:
        device: one of `of_one_thread` or `of_all_cores`; None for JAX's own.
    """
    if device is None:
        return number()
    return 1 if device in _of_one or device in _at_once else cores()


def of_one_thread(index: int = 0) -> Any:
    """Return a CPU device that computes with one thread; of each index another one."""
    while len(_of_one) <= index:
        _of_one.append(_new(1))
    return _of_one[index]


def of_all_cores() -> Any:
    """Return a device with a thread for each core; None where JAX's have no more."""
    count = cores()
    if count >= (number() or 1):
        return None
    if count not in _of_cores:
        _of_cores[count] = of_one_thread() if count == 1 else _new(count)
    return _of_cores[count]


def at_once() -> Any:
    """Return a device of one thread: the one that calls a program, and waits for it."""
    if not _at_once:
        _at_once.append(_new(1, asynchronous=False))
    return _at_once[0]


def any_made() -> bool:
    """Tell whether there is a device beside JAX's."""
    return bool(_of_one or _of_cores or _at_once)


def index_of(device: Any) -> int | None:
    """Return the index by which `of_one_thread` gives a device; None for any other."""
    return _of_one.index(device) if device in _of_one else None


def _new(count: int, asynchronous: bool = True) -> Any:
    # XLA reads the variable when the client is made.
    with _environment:
        before = os.environ.get(NPROC)
        os.environ[NPROC] = str(count)
        try:
            # Of one device, whatever XLA_FLAGS say: a pool has a thread for each.
            client: Any = xla_client.make_cpu_client(
                asynchronous=asynchronous, num_devices=1
            )
        finally:
            del os.environ[NPROC]
            if before is not None:
                os.environ[NPROC] = before
    return client.local_devices()[0]


def own_of(array: Any) -> Any:
    """Return the device made here on which an array lies or is to lie, else None."""
    sharding = getattr(array, "sharding", None)
    if not isinstance(sharding, SingleDeviceSharding):
        return None
    device: Any = next(iter(sharding.device_set))
    theirs = device.platform != "cpu" or device in jax.devices("cpu")
    return None if theirs else device

"""How many threads share the arithmetic of a fit on a CPU.

JAX's pool hands out each product that is not tiny. That pays where handing out costs
little beside a product. Between cores that are far from each other (chiplets, sockets,
virtual processors that the host moves about) it costs more than half of a small
product: two threads then take longer than one. Nothing tells how near cores are, and it
may change while a process runs: a fit tries both (`jaxnet_mini.loops.faster`) and takes
one thread where that is as fast. Each of several fits at a time is given one. What
computes other bits takes JAX's pool: a choice changes no bit.
"""

import collections
import concurrent.futures
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from jaxnet_mini.devices import pools, trials
from jaxnet_mini.devices.lending import settings
from jaxnet_mini.devices.products import (
    MOST_ROWS,
    StepProducts,
    has_bits_of_the_pool,
)

SECONDS = 1.0
"""What takes less, by our estimate, is not worth a trial, which takes 0.1."""

LEAST_SIZE, MOST_SIZE = 2**13, 2**27
"""Products of fewer multiplications are never handed out (where Eigen's cost is below
``kStartupCycles``), and those of more are faster on the pool wherever its cores are."""

MOMENT = 2e-3
"""How long a fit that is called in a thread of Python's waits for others to begin, in
seconds: the first of several would else take all cores, a moment before the second."""

_lock = threading.Lock()
_was_faster: dict[StepProducts, bool] = {}
_taken: collections.Counter[int] = collections.Counter()
_shared_out = 0
_within = 0


class Devices(NamedTuple):
    """Where the steps of a fit may be computed. They are to be `given_back`.

    Args:
        device: where they are; None stands for JAX's own.
        rival: one of one thread, which has the same bits and may be faster; None where
            there is no question.
    """

    device: Any = None
    rival: Any = None


def fitting(step: StepProducts, steps: float) -> Devices:
    """Return where to compute the steps of a fit.

    Of several calls of ``fit`` at a time, each in a thread of Python, each that begins
    while another goes on is given a thread of its own, as long as there are cores,
    and so is each where the environment variable ``OMP_NUM_THREADS`` is 1, by which
    joblib tells its processes to leave cores to each other.
    Elsewhere, where JAX has more threads than there are cores, the device has as many.

    Args:
        step: what each step computes.
        steps: how many there will be, about.
    """
    if not may_be_one(step) or not LEAST_SIZE <= max(step.sizes) <= MOST_SIZE:
        return Devices()
    is_long = steps * step.seconds >= SECONDS
    if is_long and threading.current_thread() is not threading.main_thread():
        time.sleep(MOMENT)
    with _lock:
        at_once = _shared_out or _told_one() or (is_long and _within > 1)
        asks = at_once or is_long or _was_faster.get(step, False)
        if not asks or not has_bits_of_the_pool(step, pools.of_one_thread()):
            return Devices(_of_all(step))
        one = _taken_one()
        if at_once or not is_long:
            return Devices(one)
        return Devices(_of_all(step), one)


def _told_one() -> bool:
    return os.environ.get("OMP_NUM_THREADS", "").strip() == "1"


def tried(step: StepProducts, one: Callable[[], Any], pool: Callable[[], Any]) -> bool:
    """Tell whether one thread is faster, and keep it for short fits, which do not try.

    Args:
        step: what each step computes.
        one: see `jaxnet_mini.devices.trials.one_is_faster`.
        pool: likewise.
    """
    _was_faster[step] = found = trials.one_is_faster(one, pool)
    return found


def _taken_one() -> Any:
    """Return the device of one thread that the fewest compute on."""
    index = min(range(pools.cores()), key=lambda index: _taken[index])
    _taken[index] += 1
    return pools.of_one_thread(index)


def _of_all(step: StepProducts) -> Any:
    """Return a device with a thread for each core; None for JAX's own.

    It is that where JAX has no more threads, and where the bits would be others.
    """
    wide = pools.of_all_cores()
    return wide if wide and has_bits_of_the_pool(step, wide) else None


@contextlib.contextmanager
def counted() -> Iterator[None]:
    """Count a call of ``fit`` among those that go on at the same time."""
    global _within
    with _lock:
        _within += 1
    try:
        yield
    finally:
        with _lock:
            _within -= 1


@contextlib.contextmanager
def one_each() -> Iterator[int]:
    """Give each fit a thread of its own, in whichever thread of Python, meanwhile.

    Yields:
        How many may train at a time: one for each core, and one alone on another
        device, or where settings of JAX hold in this thread alone.
    """
    global _shared_out
    count = min(pools.number() or 1, pools.cores()) if are_alike() else 1
    with _lock:
        _shared_out += count > 1
    try:
        yield count
    finally:
        with _lock:
            _shared_out -= count > 1


@contextlib.contextmanager
def given_back(*devices: Any) -> Iterator[None]:
    """Compute on what `fitting` has returned, and on it no longer afterwards."""
    try:
        yield
    finally:
        for index in [i for i in map(pools.index_of, devices) if i is not None]:
            with _lock:
                _taken[index] -= 1


def side_by_side(step: StepProducts, jobs: int, seconds: float) -> list[Any]:
    """Return devices of one thread each, for jobs that need not talk to each other.

    Args:
        step: what each step of all of them computes.
        jobs: how many there are.
        seconds: how long all take together, about.

    Returns:
        As many devices as are worth while; none where they would compute other bits,
        or one is all that there is.
    """
    count = min(pools.cores(), jobs, int(seconds / SECONDS))
    if count < 2 or not are_bits_of_one_thread(step):
        return []
    with _lock:
        return [pools.of_one_thread(index) for index in range(count)]


def are_bits_of_one_thread(step: StepProducts) -> bool:
    """Tell whether one thread computes the bits of JAX's pool."""
    if not may_be_one(step):
        return False
    with _lock:
        return has_bits_of_the_pool(step, pools.of_one_thread())


def are_alike() -> bool:
    """Tell whether another thread would compute with the settings of this one.

    ``with jax.enable_x64(True):`` and its kin hold in one thread.
    """
    own = settings()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return own == pool.submit(settings).result()


def may_be_one(step: StepProducts) -> bool:
    """Tell whether one thread may be in question, as far as it is known at once."""
    if jax.process_count() > 1 or getattr(jax.config, "jax_default_device", None):
        return False
    return (pools.number() or 1) > 1 and step.operations > 0 and step.rows <= MOST_ROWS

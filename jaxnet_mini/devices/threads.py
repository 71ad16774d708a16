"""How many threads share the arithmetic of a CPU, and where one alone is faster.

JAX has one pool of threads, as large as the machine, and hands out each product that
is not tiny. That pays where handing out costs little beside a product. Between cores
that are far from each other (chiplets, sockets, virtual processors that the host moves
about) it costs more than half of a small product: two threads then take longer than
one. Nothing tells which cores are near, and it may differ from process to process: the
products of a network are timed, once in a process, in both ways.

One thread is a second CPU client of JAX beside the first: it computes the same
programs, and what else the process computes with JAX stays as it is. So is a pool of as
many threads as there are cores, where JAX's has more: it has one at least for each
device, and several virtual ones of a machine of two cores make it wait for itself.

The gradient of a kernel is a sum over the batch, and XLA cuts a large one by the number
of threads. The last bits of such steps depend on it (and not on the number of cores),
and they take the pool: a choice changes no bit.

Sources: ``DefaultThreadPoolSize`` of XLA's ``pjrt/cpu/cpu_client.cc``;
``shardByInnerDim`` of Eigen's ``TensorContractionThreadPool.h``
"""

import collections
import concurrent.futures
import contextlib
import functools
import os
import re
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import SingleDeviceSharding
from jaxlib import xla_client

from jaxnet_mini.devices import transfers

NPROC = "NPROC"
"""The environment variable by which XLA is told how many threads a pool has."""

SECONDS = 1.0
"""What takes less, by our estimate, is not worth a choice, which takes 0.2."""

RATE, BESIDES = 1e11, 1e-6
"""Floating point operations of a core in a second, and what a product takes besides,
about, for that estimate: of the smallest that is nearly all."""

MOST_ROWS, LEAST_SIZE, MOST_SIZE = 512, 2**13, 2**27
"""With more rows the bits of a step depend on the number of threads. Products of fewer
multiplications are never handed out (where Eigen's cost is below ``kStartupCycles``),
and those of more are faster on the pool wherever its cores are."""

MOMENT = 2e-3
"""How long a fit that is called in a thread of Python's waits for others to begin, in
seconds: the first of several would else take all cores, a moment before the second."""

MUCH = 0.8
"""One thread is taken where it needs less than this share of the pool's time: between
far cores it needs half, and where it does not, a wrong choice loses more than a right
one gains."""

_lock, _environment = threading.Lock(), threading.RLock()
_known: dict["Step", bool] = {}
_made: list[Any] = []
_of_all_cores: dict[int, Any] = {}
_taken: collections.Counter[int] = collections.Counter()
_shared_out = 0
_within = 0


class Step(NamedTuple):
    """What a step of training consists of, as far as threads matter.

    Args:
        rows: how many examples its products have.
        kernels: the shapes of the matrices that they are multiplied with.
    """

    rows: int
    kernels: tuple[tuple[int, int], ...]

    @property
    def sizes(self) -> list[int]:
        """How many multiplications its products have."""
        return [self.rows * inputs * outputs for inputs, outputs in self.kernels]

    @property
    def operations(self) -> int:
        """How many multiplications and additions its products have."""
        # Forward, and backward to the kernel and to the inputs.
        return 3 * 2 * sum(self.sizes)

    @property
    def seconds(self) -> float:
        """How long it takes on one thread, about."""
        return self.operations / RATE + 3 * len(self.kernels) * BESIDES


def number() -> int | None:
    """Return how many threads JAX computes with on a CPU; None on another device.

    The environment variable ``NPROC`` tells, else the CPUs that this process may run
    on; there is at least one for each device.
    """
    if jax.default_backend() != "cpu":
        return None
    return max(_cores(), jax.local_device_count())


def _cores() -> int:
    """Return how many threads there should be: as `number`, whatever the devices."""
    with _environment:  # which `_new` changes for a moment
        told = os.environ.get(NPROC, "")
    if re.fullmatch(r"\s*[+-]?\d+\s*", told):
        return max(1, int(told))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number_of(device: Any) -> int | None:
    """Return how many threads compute on a device of `fitting`; None as `number`."""
    if device is None:
        return number()
    return 1 if device in _made else _cores()


def fitting(step: Step, steps: float) -> Any:
    """Return a device of one thread where it is faster; None for JAX's own.

    Of several calls of ``fit`` at a time, each in a thread of Python, each that begins
    while another goes on is given a thread of its own, as long as there are cores. It
    is to be `given_back`. Where one is not faster, and JAX has more threads than there
    are cores, the device has as many.

    Args:
        step: what each step computes.
        steps: how many there will be, about.
    """
    if not may_be_one(step) or not LEAST_SIZE <= max(step.sizes) <= MOST_SIZE:
        return None
    is_long = steps * step.seconds >= SECONDS
    if is_long and threading.current_thread() is not threading.main_thread():
        time.sleep(MOMENT)
    with _lock:
        if _shared_out or (is_long and _within > 1):
            one = _has_bits_of_the_pool(step, of_one_thread())
        elif is_long or step in _known:
            # What was once chosen stays: a device has compiled programs of its own.
            if step not in _known:
                _known[step] = _one_is_faster(step)
            one = _known[step]
        else:
            one = False
        if not one:
            return _of_all(step)
        index = min(range(_cores()), key=lambda index: _taken[index])
        _taken[index] += 1
        return of_one_thread(index)


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
    count = min(number() or 1, _cores()) if are_alike() else 1
    with _lock:
        _shared_out += count > 1
    try:
        yield count
    finally:
        with _lock:
            _shared_out -= count > 1


@contextlib.contextmanager
def given_back(device: Any) -> Iterator[None]:
    """Compute on what `fitting` has returned, and on it no longer afterwards."""
    try:
        yield
    finally:
        with _lock:
            for index, own in enumerate(_made):
                _taken[index] -= own is device


def side_by_side(step: Step, jobs: int, seconds: float) -> list[Any]:
    """Return devices of one thread each, for jobs that need not talk to each other.

    Args:
        step: what each step of all of them computes.
        jobs: how many there are.
        seconds: how long all take together, about.

    Returns:
        As many devices as are worth while, of which each compiles for itself; none
        where they would compute other bits, or one is all that there is.
    """
    if not may_be_one(step):
        return []
    count = min(_cores(), jobs, int(seconds / SECONDS))
    with _lock:
        if count < 2 or not _has_bits_of_the_pool(step, of_one_thread()):
            return []
        return [of_one_thread(index) for index in range(count)]


def are_alike() -> bool:
    """Tell whether another thread would compute with the settings of this one.

    ``with jax.enable_x64(True):`` and its kin hold in one thread.
    """
    own = _settings()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return own == pool.submit(_settings).result()


def _settings() -> dict[str, Any]:
    guards = "jax_transfer_guard"  # which `transfers.meant` sees to
    return {
        name: getattr(jax.config, name, None)
        for name in jax.config.values
        if not name.startswith(guards)
    }


def may_be_one(step: Step) -> bool:
    """Tell whether one thread may be in question, as far as it is known at once."""
    if jax.process_count() > 1 or getattr(jax.config, "jax_default_device", None):
        return False
    return (number() or 1) > 1 and step.operations > 0 and step.rows <= MOST_ROWS


def of_one_thread(index: int = 0) -> Any:
    """Return a CPU device that computes with one thread; of each index another one."""
    while len(_made) <= index:
        _made.append(_new(1))
    return _made[index]


def _of_all(step: Step) -> Any:
    """Return a device with a thread for each core; None for JAX's own.

    It is that where JAX has no more threads, and where the bits would be others.
    """
    cores = _cores()
    if cores >= (number() or 1):
        return None
    if cores not in _of_all_cores:
        _of_all_cores[cores] = of_one_thread() if cores == 1 else _new(cores)
    own = _of_all_cores[cores]
    return own if _has_bits_of_the_pool(step, own) else None


def _new(count: int) -> Any:
    # XLA reads the variable when the client is made.
    with _environment:
        before = os.environ.get(NPROC)
        os.environ[NPROC] = str(count)
        try:
            # Of one device, whatever XLA_FLAGS say: a pool has a thread for each.
            client: Any = xla_client.make_cpu_client(num_devices=1)
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


def _products(
    kernels: list[Array], inputs: list[Array], count: Array
) -> tuple[list[Array], list[Array]]:
    """Multiply as steps of training do, time and again."""

    def step(_: Array, carry: Any) -> Any:
        kernels, inputs = carry
        outputs = [x @ kernel for x, kernel in zip(inputs, kernels, strict=True)]
        gradients = [x.T @ y for x, y in zip(inputs, outputs, strict=True)]
        back = [y @ kernel.T for y, kernel in zip(outputs, kernels, strict=True)]
        kernels = [k - 1e-6 * g for k, g in zip(kernels, gradients, strict=True)]
        inputs = [x - 1e-6 * b for x, b in zip(inputs, back, strict=True)]
        return kernels, inputs

    carry = kernels, inputs
    result: tuple[list[Array], list[Array]] = jax.lax.fori_loop(0, count, step, carry)
    return result


def _ways(step: Step, devices: list[Any]) -> list[Any]:
    """Return what computes the products on each of some devices."""
    rng = np.random.default_rng(0)
    shapes = [step.kernels, [(step.rows, inputs) for inputs, _ in step.kernels]]
    arrays = [[rng.normal(size=s).astype("f") for s in some] for some in shapes]
    # How products are computed is no matter of the compiler's passes.
    options: dict[str, Any] = {"xla_backend_optimization_level": 0}
    program = jax.jit(_products, compiler_options=options)
    ways = []
    for device in devices:
        placed = jax.device_put(arrays, device)
        compiled = program.lower(*placed, np.int32(0)).compile()
        ways.append(functools.partial(compiled, *placed))
    return ways


def _are_equal(ways: list[Any]) -> bool:
    pool, one = (jax.device_get(jax.tree.leaves(way(np.int32(1)))) for way in ways)
    return all(map(np.array_equal, pool, one))


@functools.cache
def _has_bits_of_the_pool(step: Step, device: Any) -> bool:
    """Tell whether a device computes the same bits as JAX's pool."""
    with transfers.meant():
        return _are_equal(_ways(step, [jax.local_devices()[0], device]))


def _one_is_faster(step: Step) -> bool:
    """Tell whether one thread is faster by far: time both in turns.

    Where they differ by a bit, the pool is taken.
    """
    pool, one = _of_all(step) or jax.local_devices()[0], of_one_thread()
    with transfers.meant():
        ways = _ways(step, [pool, one])
        if not _are_equal(ways):
            return False
        count = np.int32(max(1, 2e-3 // step.seconds))
        times = [[_seconds(way, count) for way in ways] for _ in range(16)]
    pool_seconds, one_seconds = np.median(times, 0)
    return bool(one_seconds < MUCH * pool_seconds)


def _seconds(way: Any, count: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(way(count))
    return time.perf_counter() - start

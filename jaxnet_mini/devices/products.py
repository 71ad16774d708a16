"""The products of a step of training, computed with other threads: bits and times.

Nothing tells how near the cores are to each other, and it may differ from process to
process: the products of a network are timed, once in a process, in both ways.

The gradient of a kernel is a sum over the batch, and XLA cuts a large one by the number
of threads. The last bits of such steps depend on it (and not on the number of cores):
whether they do is seen by computing them.

Source: ``shardByInnerDim`` of Eigen's ``TensorContractionThreadPool.h``
"""

import functools
import time
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxnet_mini.devices import pools, transfers

RATE, BESIDES = 1e11, 1e-6
"""Floating point operations of a core in a second, and what a product takes besides,
about: of the smallest that is nearly all."""

MUCH = 0.8
"""One thread is taken where it needs less than this share of the pool's time: between
far cores it needs half, and where it does not, a wrong choice loses more than a right
one gains."""


class StepProducts(NamedTuple):
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


@functools.cache
def has_bits_of_the_pool(step: StepProducts, device: Any) -> bool:
    """Tell whether a device computes the same bits as JAX's pool."""
    with transfers.meant():
        return _are_equal(_ways(step, [jax.local_devices()[0], device]))


def one_thread_is_faster(step: StepProducts, device: Any) -> bool:
    """Tell whether one thread is faster by far than a pool: time both in turns.

    Where they differ by a bit, the pool is taken.

    Args:
        step: what has these products.
        device: which computes with that pool; None for JAX's own.
    """
    with transfers.meant():
        devices = [device or jax.local_devices()[0], pools.of_one_thread()]
        ways = _ways(step, devices)
        if not _are_equal(ways):
            return False
        count = np.int32(max(1, 2e-3 // step.seconds))
        times = [[_seconds(way, count) for way in ways] for _ in range(16)]
    pool_seconds, one_seconds = np.median(times, 0)
    return bool(one_seconds < MUCH * pool_seconds)


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


def _ways(step: StepProducts, devices: list[Any]) -> list[Any]:
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


def _seconds(way: Any, count: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(way(count))
    return time.perf_counter() - start

"""The products of a step of training: how long they take, and their bits.

The gradient of a kernel is a sum over the batch, and XLA cuts a large one by the number
of threads. The last bits of such steps depend on it (and not on the number of cores):
whether they do is seen by computing them.

Source: ``shardByInnerDim`` of Eigen's ``TensorContractionThreadPool.h``
"""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxnet_mini.devices import transfers

MOST_ROWS = 512
"""With more the bits of a step mostly depend on the number of threads."""

RATE, BESIDES = 1e11, 1e-6
"""Floating point operations of a core in a second, and what a product takes besides,
about: of the smallest that is nearly all."""


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
    rng = np.random.default_rng(0)
    shapes = [step.kernels, [(step.rows, inputs) for inputs, _ in step.kernels]]
    arrays = [[rng.normal(size=s).astype("f") for s in some] for some in shapes]
    # How products are computed is no matter of the compiler's passes.
    options: dict[str, Any] = {"xla_backend_optimization_level": 0}
    program = jax.jit(_products, compiler_options=options)
    with transfers.meant():
        pool = jax.device_get(program(*arrays))
        own = jax.device_get(program(*jax.device_put(arrays, device)))
    return all(map(np.array_equal, jax.tree.leaves(pool), jax.tree.leaves(own)))


def _products(kernels: list[Array], inputs: list[Array]) -> list[list[Array]]:
    """Multiply as a step of training does."""
    outputs = [x @ kernel for x, kernel in zip(inputs, kernels, strict=True)]
    gradients = [x.T @ y for x, y in zip(inputs, outputs, strict=True)]
    back = [y @ kernel.T for y, kernel in zip(outputs, kernels, strict=True)]
    return [outputs, gradients, back]

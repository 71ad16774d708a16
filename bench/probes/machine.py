"""What the machine can do: products, copies, gathers and one pass of Adam.

A server like `bench.worker`: each method is one turn and returns a list of seconds.
With XLA each operation stands in a loop within one program, so that no dispatch is
counted.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.probes.ours import CLASSES
from bench.worker import answers_alone, serve
from jaxnet_mini.devices import programs

FEATURES, HIDDEN = 784, 128
TURN_SECONDS = 0.3
SHAPES = [(FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]


class Machine:
    """Each method measures one thing; operands and programs are made once."""

    def __init__(self) -> None:
        self.counts: dict[Any, int] = {}

    @functools.lru_cache  # noqa: B019  (there is one object)
    def operands(self, kind: str, batch_size: int) -> tuple[Any, Any]:
        """Return X and W, or X and G: X @ W goes forward, X.T @ G backward."""
        generator = np.random.default_rng(0)
        x = generator.random((batch_size, FEATURES), np.float32)
        inner = FEATURES if kind == "forward" else batch_size
        return x, generator.random((inner, HIDDEN), np.float32)

    def product(self, library: str, kind: str, batch_size: int) -> list[float]:
        """Return the seconds of one product."""
        x, other = self.operands(kind, batch_size)
        run = getattr(self, f"_{library}")(kind, batch_size, x, other)
        return [self.timed((library, kind, batch_size), run)]

    @functools.lru_cache  # noqa: B019
    def _xla_program(self, kind: str, batch_size: int) -> Callable[..., Any]:
        def body(_: Any, carry: Any) -> Any:
            x, other, result = carry
            # The next product waits for the one before, and is no constant of the loop.
            x, result = jax.lax.optimization_barrier((x, result))
            return x, other, (x if kind == "forward" else x.T) @ other

        def run(x: Any, other: Any, count: Any) -> Any:
            rows = x.shape[0] if kind == "forward" else x.shape[1]
            start = (x, other, jnp.zeros((rows, other.shape[1]), x.dtype))
            return jax.lax.fori_loop(0, count, body, start)[2]

        return programs.jit(run, programs.training_options(batch_size))

    def _xla(self, kind: str, batch_size: int, x: Any, other: Any) -> Any:
        x, other = jax.device_put((x, other))
        program = self._xla_program(kind, batch_size)
        return lambda count: jax.block_until_ready(program(x, other, count))

    def _numpy(self, kind: str, batch_size: int, x: Any, other: Any) -> Any:
        left = x if kind == "forward" else x.T
        result = np.empty((left.shape[0], other.shape[1]), np.float32)

        def run(count: int) -> None:
            for _ in range(count):
                np.matmul(left, other, out=result)

        return run

    def _torch(self, kind: str, batch_size: int, x: Any, other: Any) -> Any:
        import torch

        device = "cpu" if jax.default_backend() == "cpu" else "cuda"
        left, right = (torch.from_numpy(array).to(device) for array in (x, other))
        left = left if kind == "forward" else left.T
        result = left @ right

        def run(count: int) -> None:
            for _ in range(count):
                torch.matmul(left, right, out=result)
            result[0, 0].item()

        return run

    def adam(self) -> list[float]:
        """Return the seconds of one pass of Adam over the parameters of 784-128-10."""
        program, trees = self._adam()
        return [self.timed("adam", lambda n: jax.block_until_ready(program(*trees, n)))]

    @functools.lru_cache  # noqa: B019
    def _adam(self) -> Any:
        def body(step: Any, carry: Any) -> Any:
            params, gradients, first, second = carry
            first = jax.tree.map(lambda m, g: m + (g - m) * 0.1, first, gradients)
            second = jax.tree.map(
                lambda v, g: v + (g * g - v) * 0.001, second, gradients
            )
            t = (step + 1).astype(jnp.float32)
            scale = 0.001 * jnp.sqrt(1.0 - 0.999**t) / (1.0 - 0.9**t)
            params = jax.tree.map(
                lambda p, m, v: p - scale * m / (jnp.sqrt(v) + 1e-7),
                params,
                first,
                second,
            )
            return params, gradients, first, second

        def run(params: Any, gradients: Any, count: Any) -> Any:
            zeros = [jnp.zeros(shape) for shape in SHAPES]
            carry = params, gradients, zeros, zeros
            return jax.lax.fori_loop(0, count, body, carry)

        generator = np.random.default_rng(0)
        trees = [
            [jnp.asarray(generator.normal(size=s).astype(np.float32)) for s in SHAPES]
            for _ in range(2)
        ]
        return programs.jit(run, programs.FAST), trees

    def copy(self, megabytes: int = 256) -> list[float]:
        """Return the seconds of copying a large array, which reads and writes it."""
        x = self._large(megabytes)
        copying = self._copying()
        return [self.timed("copy", lambda n: jax.block_until_ready(copying(x, n)))]

    @functools.lru_cache  # noqa: B019
    def _large(self, megabytes: int) -> Any:
        return jnp.ones((megabytes << 20) // 4, jnp.float32)

    @functools.lru_cache  # noqa: B019
    def _copying(self) -> Any:
        # Adding a number reads and writes all, and cannot be left out.
        def run(x: Any, count: Any) -> Any:
            return jax.lax.fori_loop(0, count, lambda _, x: x + 1.0, x)

        return programs.jit(run, programs.FAST)

    def gather(self, rows: int, batch_size: int) -> list[float]:
        """Return the seconds of gathering a batch of rows of 784 numbers."""
        program, arguments = self._gather(rows, batch_size)

        def run(count: int) -> None:
            jax.block_until_ready(program(*arguments, count))

        return [self.timed(("gather", batch_size), run)]

    @functools.lru_cache  # noqa: B019
    def _gather(self, rows: int, batch_size: int) -> Any:
        generator = np.random.default_rng(0)
        x = jnp.ones((rows, FEATURES), jnp.float32)
        order = generator.permutation(rows // batch_size * batch_size)
        order = jnp.asarray(order.astype(np.int32).reshape(-1, batch_size))

        def run(x: Any, order: Any, count: Any) -> Any:
            def body(i: Any, carry: Any) -> Any:
                places = order[i % order.shape[0]]
                return x.at[places].get(mode="promise_in_bounds")

            return jax.lax.fori_loop(0, count, body, x[:batch_size])

        return programs.jit(run, programs.FAST), (x, order)

    def timed(self, key: Any, run: Callable[[int], Any]) -> float:
        """Return the seconds of one of many, as many as make a turn."""
        run(1)
        if key not in self.counts:
            since = time.perf_counter()
            run(3)
            each = (time.perf_counter() - since) / 3
            self.counts[key] = max(1, min(20_000, int(TURN_SECONDS / each)))
        since = time.perf_counter()
        run(self.counts[key])
        return (time.perf_counter() - since) / self.counts[key]


def main() -> None:
    serve(Machine(), answers_alone())


if __name__ == "__main__":
    main()

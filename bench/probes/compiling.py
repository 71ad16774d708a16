"""One network: what tracing, lowering, compiling and dispatching cost."""

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from bench.probes import answer, ours
from jaxnet_mini.devices import programs

ROUNDS = 5


def staged(function: Any, *arguments: Any) -> tuple[dict[str, Any], Any]:
    """Return seconds of trace, lower and compile, bytes, and what was compiled."""
    times = [time.perf_counter()]
    traced = function.trace(*arguments)
    times.append(time.perf_counter())
    lowered = traced.lower()
    times.append(time.perf_counter())
    compiled = lowered.compile()
    times.append(time.perf_counter())
    seconds = [after - before for before, after in itertools.pairwise(times)]
    found = dict(zip(("trace", "lower", "compile"), seconds, strict=True))
    return found | {"bytes": executable_bytes(compiled)}, compiled


def executable_bytes(compiled: Any) -> int:
    """Return the size of the machine code; where unknown, of all that is serialized."""
    executable = compiled.runtime_executable()
    return executable.size_of_generated_code_in_bytes() or len(executable.serialize())


def per_call(run: Callable[[], Any], calls: int) -> float:
    """Return the seconds per call, waiting at the end of all alone."""
    since = time.perf_counter()
    for _ in range(calls):
        result = run()
    jax.block_until_ready(result)
    return (time.perf_counter() - since) / calls


def measure(
    hidden: list[int], repeated: int, features: int, batch_size: int, steps: int
) -> dict[str, Any]:
    """Return the seconds of all stages, of a bare step and of one in the loop."""
    trainer = ours.trainer(hidden, repeated)
    loop = ours.Loop(trainer, features, batch_size, steps)
    batch = (loop.data.x[:batch_size], loop.data.y[:batch_size])
    # Whatever JAX itself compiles once is compiled before.
    jax.block_until_ready(jax.jit(lambda x: x @ x.T)(batch[0]))
    donating = programs.jit(
        trainer.step, programs.training_options(batch_size), donate_argnums=0
    )
    jax.clear_caches()
    bare, step = staged(donating, loop.state, batch)
    state = trainer.init(jax.random.key(0), (features,))

    def take_step() -> Any:
        nonlocal state
        state, logs = donating(state, batch)
        return state, logs

    # The loop contains the step: nothing traced for the one may help the other.
    jax.clear_caches()
    fused, _ = staged(programs.loop.jitted_for(*loop.arguments()), *loop.arguments())
    loop.run()
    take_step()
    calls = max(20, min(1000, int(0.1 / max(per_call(take_step, 3), 1e-6))))
    called, fused_steps = [], []
    for _ in range(ROUNDS):
        called.append(per_call(take_step, calls))
        fused_steps.append(per_call(loop.run, 1) / steps)
    empty = jax.jit(lambda x: x)
    number = jax.device_put(np.float32(0))
    empty(number)
    return {
        "step": bare,
        "loop": fused,
        "step_seconds": statistics.median(called),
        "loop_seconds": statistics.median(fused_steps),
        "empty_seconds": per_call(lambda: empty(number), 1000),
        "leaves": len(jax.tree.leaves((loop.state, batch))),
        "temporary_bytes": step.memory_analysis().temp_size_in_bytes,
    }


if __name__ == "__main__":
    answer(measure)

"""Where a step's time goes, by the profiler and by leaving parts out."""

import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bench.probes import answer, ours
from jaxnet_mini.devices import programs

FEATURES, HIDDEN, TRACED_STEPS = 784, [128], 200

PRODUCTS, GATHER = "matrix products", "gathering the batch"
OPTIMIZER, FORWARD = "optimizer", "activations and loss"
REST, WAITING = "sums and counters", "between operations"
PARTS = (PRODUCTS, OPTIMIZER, GATHER, FORWARD, REST, WAITING)


class Event(NamedTuple):
    """One operation on one thread: nanoseconds, and the part that it belongs to.

    ``before`` is the part to which the time before it belongs where nothing runs.
    """

    start: float
    end: float
    part: str
    before: str = WAITING


def parts_of(program: str, shapes: set[str]) -> dict[str, tuple[str, str]]:
    """Return for each instruction of a compiled program its part, and that before it.

    The threads of a large product are not in the profile, only its start. What is
    waited for before an operation that takes its result is that product.

    Args:
        program: the text.
        shapes: those of the parameters, as the text writes them: what gives one of
            these and belongs to no gradient is the optimizer's.
    """
    parts, operands = {}, {}
    pattern = r'%?([\w.-]+) = (.*?) ([\w-]+)\((.*?)\).*?op_name="([^"]*)"'
    for name, kind, operation, taken, origin in re.findall(pattern, program):
        given = set(re.findall(r"\w+\[[\d,]*\]", kind))
        operands[name] = re.findall(r"%([\w.-]+)", taken)
        # oneDNN's are named after what they are joined with.
        library = name.startswith("onednn")
        if operation == "dot" or "dot_general" in origin or library:
            parts[name] = PRODUCTS
        elif "jvp" in origin:
            parts[name] = FORWARD
        elif origin.endswith("/gather"):
            parts[name] = GATHER
        else:
            parts[name] = OPTIMIZER if given & shapes else REST
    return {
        name: (
            part,
            PRODUCTS
            if any(parts.get(operand) == PRODUCTS for operand in operands[name])
            else WAITING,
        )
        for name, part in parts.items()
    }


def shares(events: Iterable[Event]) -> dict[str, float]:
    """Split the time from the first start to the last end among parts.

    Where several operations run at once, each gets an equal share of that time; where
    none does, it is what stands ``before`` the next one.
    """
    changes = sorted(
        change
        for event in events
        for change in ((event.start, 1, event), (event.end, -1, event))
    )
    running: dict[str, int] = defaultdict(int)
    found = dict.fromkeys(PARTS, 0.0)
    now = changes[0][0]
    for moment, change, event in changes:
        count = sum(running.values())
        for name, number in running.items() if count else [(event.before, 1)]:
            found[name] += (moment - now) * number / max(count, 1)
        running[event.part] += change
        now = moment
    return found


def profiled(run: Callable[[], Any], program: str, shapes: set[str]) -> dict[str, Any]:
    """Return shares of the parts, and operations a step on the busiest line."""
    from jax.profiler import ProfileData

    parts = parts_of(program, shapes)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            run()
        (path,) = Path(folder).rglob("*.xplane.pb")
        data = ProfileData.from_file(str(path))
    events = []
    for line in (line for plane in data.planes for line in plane.lines):
        for event in line.events:
            # A kernel on a GPU has a name of its own.
            name = dict(event.stats).get("hlo_op")
            if name and not name.startswith("while"):
                own = parts.get(name, (REST, WAITING))
                events.append(Event(event.start_ns, event.end_ns, *own))
    if not events:
        raise RuntimeError("the profile holds no operations of the program")
    found = shares(events)
    total = sum(found.values())
    return {
        "shares": {part: value / total for part, value in found.items()},
        "operations": len(events) / TRACED_STEPS,
        "traced_seconds": total / 1e9 / TRACED_STEPS,
    }


def ablated(loop: ours.Loop, rounds: int) -> dict[str, float]:
    """Return the seconds of a step: whole, and without Adam or the gather."""
    trainer, sgd = loop.trainer, ours.trainer(HIDDEN, optimizer="sgd")
    steps, batch_size = loop.steps, loop.batch_size

    def program(trainer: Any, gathering: bool) -> Callable[[], Any]:
        def body(step: Any, carry: Any, x: Any, y: Any, order: Any) -> Any:
            state, total = carry
            if gathering:
                rows = jax.lax.dynamic_index_in_dim(order, step, keepdims=False)
                batch = tuple(
                    array.at[rows].get(mode="promise_in_bounds") for array in (x, y)
                )
            else:
                batch = tuple(
                    jax.lax.dynamic_slice_in_dim(array, step * batch_size, batch_size)
                    for array in (x, y)
                )
            state, logs = trainer.step(state, batch)
            return state, jax.tree.map(jnp.add, total, logs)

        def run(state: Any, x: Any, y: Any, order: Any) -> Any:
            total = {"accuracy": jnp.zeros(()), "loss": jnp.zeros(())}
            return jax.lax.fori_loop(
                0, steps, lambda i, c: body(i, c, x, y, order), (state, total)
            )

        state = trainer.init(jax.random.key(0), (FEATURES,))
        order = loop.order.reshape(-1, batch_size)
        compiled = programs.jit(run, programs.training_options(batch_size))
        return lambda: jax.block_until_ready(
            compiled(state, loop.data.x, loop.data.y, order)
        )

    runs = {
        "whole": program(trainer, True),
        "SGD in place of Adam": program(sgd, True),
        "slices in place of the gather": program(trainer, False),
        "neither": program(sgd, False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            since = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - since) / steps)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


def _text_of(loop: ours.Loop) -> str:
    """Return the compiled program of a loop."""
    arguments = loop.arguments()
    lowered = programs.loop.jitted_for(*arguments).lower(*arguments)
    return str(lowered.compile().as_text())


def measure(batch_size: int, rows: int, rounds: int) -> dict[str, Any]:
    """Return the breakdown of a step at one batch size."""
    steps = rows // batch_size
    trainer = ours.trainer(HIDDEN)
    loop = ours.Loop(trainer, FEATURES, batch_size, min(TRACED_STEPS, steps))
    repeats = -(-TRACED_STEPS // loop.steps)
    loop.run()
    text = _text_of(loop)
    leaves = jax.tree.leaves(loop.state.params)
    shapes = {f"f32[{','.join(map(str, leaf.shape))}]" for leaf in leaves}

    def run() -> None:
        for _ in range(repeats):
            loop.run()

    since = time.perf_counter()
    run()
    seconds = (time.perf_counter() - since) / (repeats * loop.steps)
    whole = ours.Loop(trainer, FEATURES, batch_size, steps)
    return {
        "profile": profiled(run, text, shapes),
        "untraced_seconds": seconds,
        "ablation": ablated(whole, rounds),
    }


if __name__ == "__main__":
    answer(measure)

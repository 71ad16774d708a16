"""The training program, compiled for GPUs that are not there: what is launched."""

import dataclasses
import itertools
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh

from bench import hlo
from bench.gpus import GPUS
from bench.probes import ahead, answer, ours
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.devices import programs

PLAN = "*jit_loop.thunk_sequence_after_thunk_passes.txt"
"""Where XLA writes what a program launches, one a line, parts of others indented."""

NO_LAUNCH = ("kAsyncDone", "kAsyncStart", "kCommandBuffer", "kConditional", "kWhile")


class Plan(NamedTuple):
    """What the host launches.

    Args:
        at_once: whether the loop is part of a command buffer.
        buffers: how many command buffers there are, those within others apart.
        launches: what a step and the condition before it launch.
    """

    at_once: bool
    buffers: int
    launches: int


def plan(text: str) -> Plan:
    """Read what XLA writes of the plan of a program with one loop.

    >>> plan('''
    ... 000: kCommandBuffer [source | sink]
    ...     001: kWhile        [source | sink]
    ... condition:
    ...         002: kCustomKernel [source | sink] less
    ...       body:
    ...         003: kCustomKernel [source | sink] step
    ...     004: kCopy [source | sink] kCopy
    ... ''')
    Plan(at_once=True, buffers=1, launches=2)
    """
    found = re.findall(r"^( *)\d+: (k\w+)", text, re.MULTILINE)
    depths = [(len(indent), kind) for indent, kind in found]
    loop = next(i for i, (_, kind) in enumerate(depths) if kind == "kWhile")
    depth, inside = depths[loop][0], []
    for other, kind in depths[loop + 1 :]:
        if other <= depth:
            break
        inside.append(kind)
    tops = [kind for other, kind in depths if other == 0]
    launches = sum(kind not in NO_LAUNCH for kind in inside)
    return Plan(depth > 0, tops.count("kCommandBuffer"), launches)


def products(features: int, hidden: list[int], rows: int) -> int:
    """Return the FLOPs of all products of a step; the data have no gradient."""
    widths = [features, *hidden, ours.CLASSES]
    sizes = [a * b for a, b in itertools.pairwise(widths)]
    return 2 * rows * (3 * sum(sizes) - sizes[0])


def measure_all(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is in a step of each case, one after the other."""
    return [case | measure(**case) for case in cases]


def measure(
    gpu: str, gpus: int, hidden: list[int], dtype: str, batch_size: int, rows: int
) -> dict[str, Any]:
    """Return what is in the loop and in one step of it, of each GPU."""
    features = 784
    devices = topologies.get_topology_desc(
        platform="cuda", target_config=GPUS[gpu].target(), topology=f"1x1x{gpus}"
    ).devices
    trainer = dataclasses.replace(
        ours.trainer(hidden), compute_dtype=None if dtype == "float32" else dtype
    )
    mesh = Mesh(np.array(devices), ("data",))
    given = ahead.arguments(trainer, mesh, features, rows, batch_size)
    with tempfile.TemporaryDirectory() as folder:
        options = programs.ON_A_GPU | {"xla_dump_to": folder}
        jitted = jax.jit(Trainer.loop, static_argnums=0, compiler_options=options)
        compiled = jitted.lower(trainer.program(), *given).compile()
        found = plan(next(Path(folder).glob(PLAN)).read_text("utf-8"))
    memory = compiled.memory_analysis()
    program = hlo.program(compiled.as_text())
    body = hlo.loop_body(program)
    kinds = ("argument", "output", "temp")
    held = sum(getattr(memory, f"{kind}_size_in_bytes") for kind in kinds)
    return found._asdict() | {
        "flops": products(features, hidden, batch_size // gpus),
        "bytes": hlo.moved(program, body),
        "held_bytes": held,
        "collectives": [one._asdict() for one in hlo.collectives(program, body)],
        "to_the_host": hlo.to_the_host(program),
    }


if __name__ == "__main__":
    answer(measure_all)

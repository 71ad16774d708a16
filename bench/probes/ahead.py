"""The training program, compiled for chips that are not there: what is in it."""

import time
from typing import Any

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from bench import hlo
from bench.probes import answer, ours
from jaxnet_mini.core.training.state import Data
from jaxnet_mini.core.training.sums import Progress
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import epoch_order, resident

LEAST_COLUMNS = 128
"""A kernel is split where each chip gets that many columns, what a TPU multiplies with
at once, or a multiple: the few classes of the last layer stay together."""


def two_loops(trainer: Trainer, state: Any, *rest: Any) -> Progress:
    """Take the steps twice: what this costs more than once is the loop alone.

    What stands before and after it is there once in both, and the compiler, which does
    not know how often a loop runs, counts its body as one step.
    """
    *rest, sums = rest
    done = trainer.loop(state, *rest, sums)
    return trainer.loop(done.state, *rest, done.sums)


def mesh_of(devices: Any, side: int, split: bool) -> Mesh:
    """Return a mesh of chips in a square: a row of it is a row of chips."""
    inside = sorted(devices, key=lambda device: device.coords[::-1])
    square = np.array(inside).reshape(side, side)
    if split:
        return Mesh(square, ("data", "model"))
    return Mesh(square.reshape(-1), ("data",))


def arguments(
    trainer: Trainer, mesh: Mesh, features: int, rows: int, batch_size: int
) -> tuple[Any, ...]:
    """Return shapes and shardings of what `jaxnet_mini.devices.programs.loop` takes."""

    def place(leaf: Any, spec: P = P()) -> jax.ShapeDtypeStruct:  # noqa: B008
        sharding = NamedSharding(mesh, spec)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    def place_kernel(path: Any, leaf: Any) -> jax.ShapeDtypeStruct:
        chips = mesh.shape.get("model", 1)
        is_kernel = getattr(path[-1], "key", None) == "kernel"
        if is_kernel and chips > 1 and leaf.shape[1] % (LEAST_COLUMNS * chips) == 0:
            return place(leaf, P(None, "model"))
        return place(leaf)

    state = jax.eval_shape(lambda: trainer.init(jax.random.key(0), (features,)))
    capacity = resident.padded_rows(rows, batch_size)
    examples = Data(
        jax.ShapeDtypeStruct((capacity, features), np.float32),
        jax.ShapeDtypeStruct((capacity,), np.int32),
        None,
        jax.ShapeDtypeStruct((), np.int32),
    )
    order = jax.ShapeDtypeStruct(epoch_order.order_shape(rows, batch_size), np.int32)
    number = place(jax.ShapeDtypeStruct((), np.int32))
    return (
        jax.tree_util.tree_map_with_path(place_kernel, state),
        jax.tree.map(place, examples),
        place(order, P(None, "data")),
        number,
        number,
        jax.tree.map(place, trainer.no_sums()),
    )


def otherwise(state: Any, compiled: Any) -> list[str]:
    """Return the arrays of a state that come back spread otherwise than they went in.

    The next call would meet other arguments than this one, and compile once more.
    """
    returned = jax.tree.leaves(compiled.output_shardings.state)
    return [
        jax.tree_util.keystr(path)
        for (path, leaf), sharding in zip(
            jax.tree_util.tree_leaves_with_path(state), returned, strict=True
        )
        if not leaf.sharding.is_equivalent_to(sharding, leaf.ndim)
    ]


def measure(
    topology: str,
    side: int,
    hidden: list[int],
    split: bool,
    features: int,
    rows: int,
    batch_size: int,
) -> dict[str, Any]:
    """Return what is in the loop and in one step of it, of each chip."""
    devices = topologies.get_topology_desc(topology, "tpu").devices
    trainer = ours.trainer(hidden)
    given = arguments(
        trainer, mesh_of(devices, side, split), features, rows, batch_size
    )
    since = time.perf_counter()
    # Not `programs.loop.jitted`: its options are those for the machine at hand.
    lowered = jax.jit(Trainer.loop, static_argnums=0).lower(trainer.program(), *given)
    compiled = lowered.compile()
    seconds = time.perf_counter() - since
    twice = jax.jit(two_loops, static_argnums=0).lower(trainer.program(), *given)
    one, two = compiled.cost_analysis(), twice.compile().cost_analysis()
    memory = compiled.memory_analysis()
    program = hlo.program(compiled.as_text())
    body = hlo.loop_body(program)
    in_step = hlo.collectives(program, body)
    return {
        "chips": len(devices),
        "compile_seconds": seconds,
        "flops": two["flops"] - one["flops"],
        "bytes_accessed": two["bytes accessed"] - one["bytes accessed"],
        "hbm_bytes": hlo.moved(program, body),
        "hbm_bytes_once": hlo.moved(program, hlo.ENTRY),
        "cycles": hlo.cycles(program, body),
        "collectives": [collective._asdict() for collective in in_step],
        "collectives_once": len(hlo.collectives(program, hlo.ENTRY)) - len(in_step),
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "alias_bytes": memory.alias_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "otherwise": otherwise(given[0], compiled),
        "to_the_host": hlo.to_the_host(program),
    }


if __name__ == "__main__":
    answer(measure)

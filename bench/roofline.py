"""What a step takes at the least, from what is in it and a chip's published rates."""

from typing import Any, NamedTuple


class Chip(NamedTuple):
    """A chip in a square of chips, each tied to its neighbours in rows and columns.

    Args:
        name: the maker's.
        flops: products and sums in a second.
        memory_rate: bytes in a second from and to its large memory.
        memory: bytes of that.
        clock: cycles in a second.
        link: bytes in a second to one neighbour.
        hop: seconds to a neighbour, however little is said.
        ring: from so many chips in a row on the last is a neighbour of the first.
    """

    name: str
    flops: float
    memory_rate: float
    memory: float
    clock: float
    link: float
    hop: float
    ring: int


# Rates: https://cloud.google.com/tpu/docs/v5e ("197 TFLOPs" in bf16, "16 GB, 819 GBps",
# "Interchip Interconnect BW 1600 Gbps", that is 400 GB/s in and out over four links).
# The clock is what four units of 128 x 128 products a cycle need for 197 TFLOPs.
# Hops and rings: https://jax-ml.github.io/scaling-book/sharding (about 1 us a hop) and
# /tpus (a ring only where a row has 16 chips).
V5E = Chip(
    name="TPU v5e",
    flops=197e12,
    memory_rate=819e9,
    memory=16e9,
    clock=197e12 / (4 * 128 * 128 * 2),
    link=50e9,
    hop=1e-6,
    ring=16,
)

ROUNDS = {"all-reduce": 2, "all-gather": 1, "reduce-scatter": 1, "all-to-all": 1}
"""How often the bytes go around: an all-reduce scatters sums, then gathers them."""


def collective_seconds(
    chip: Chip, side: int, kind: str, bytes: float, group: int
) -> float:
    """Return what chips of a square take to tell each other something.

    The bytes go around rings, or to and fro along open rows, in all directions at once;
    every hop takes its time besides.

    Args:
        chip: which.
        side: chips in a row of the square.
        kind: as in `bench.hlo.COLLECTIVES`.
        bytes: what each chip brings along.
        group: how many chips share it: a row or a column, or all.
    """
    if group == 1:
        return 0.0
    if kind == "collective-permute":
        return bytes / chip.link + chip.hop
    directions = 1 if group == side else 2
    closed = side >= chip.ring
    rate = directions * chip.link * (2 if closed else 1)
    hops = directions * (side / 2 if closed else side - 1)
    whole = bytes * group if kind == "all-gather" else bytes
    sent = whole * (group - 1) / group
    return ROUNDS[kind] * (sent / rate + hops * chip.hop)


def expected(chip: Chip, side: int, found: dict[str, Any]) -> dict[str, float]:
    """Return the seconds of a step: of its parts, and of the whole.

    ``step`` is the longer one of products and memory, and what chips tell each other
    after it; ``compiler`` takes the compiler's own cycles instead of both rates.

    Args:
        chip: which.
        side: chips in a row of the square.
        found: what `bench.probes.ahead` finds.
    """
    products = found["flops"] / chip.flops
    memory = found["hbm_bytes"] / chip.memory_rate
    talk = sum(
        collective_seconds(chip, side, one["kind"], one["bytes"], one["group"])
        for one in found["collectives"]
    )
    return {
        "products": products,
        "memory": memory,
        "collectives": talk,
        "step": max(products, memory) + talk,
        "compiler": found["cycles"] / chip.clock + talk,
        "once": found["hbm_bytes_once"] / chip.memory_rate,
    }

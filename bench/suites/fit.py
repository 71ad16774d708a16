"""``fit``: samples per second in the steady state, all peers in turns.

Fashion-MNIST, two networks, five batch sizes, shuffled, with the accuracy metric. The
first epoch of a turn is not counted, so that placing the data is left out. What the
progress bar costs is the median over turns of the ratio to the silent turn before.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from bench import tables
from bench.peers import OURS, PEERS
from bench.processes import PeerError, Peers, Process, peers_of
from bench.settings import LEFT_OUT, Settings
from bench.turns import Turns, ratio, ratios

NETS = {"784-128-10": [128], "784-512-256-10": [512, 256]}
BATCH_SIZES = (32, 128, 256, 1024, 8192)
BAR = f"{OURS}, progress bar drawn"
COMPILED = "PyTorch, torch.compile"
COMPILED_FOR = {("784-128-10", 32), ("784-128-10", 1024)}
"""Compiling takes PyTorch half a minute, so that it takes part in these alone."""

NOT_COMPILED = "measured at batch 32 and 1024 of 784-128-10 alone"

OURS_SECONDS = 1.0
"""Our turns are longer: what the bar costs is a small difference of two of them."""


def run(settings: Settings) -> dict[str, Any]:
    """Return the tables of all networks and batch sizes."""
    works = [(net, size) for net in NETS for size in BATCH_SIZES]
    if settings.quick:
        works = [("784-128-10", 32)]
    result: dict[str, Any] = {"tables": [], "ratios": {}, "left_out": {}, "data": {}}
    with peers_of(settings) as peers:
        # Those for which PyTorch is compiled come first: its process then ends.
        for work in sorted(works, key=lambda work: work not in COMPILED_FOR):
            if work not in COMPILED_FOR:
                peers.end(COMPILED)
            net, size = work
            task = {"data": "fashion", "hidden": NETS[net], "batch_size": size}
            left_out = {} if work in COMPILED_FOR else {COMPILED: NOT_COMPILED}
            table, found = measure(
                settings, peers, title_of(*work), task, PEERS, left_out, BAR
            )
            result["tables"].append(table)
            result["ratios"] |= found
        result["left_out"] |= {f"| {n}": why for n, why in peers.absent.items()}
    for net, size in {(n, s) for n in NETS for s in BATCH_SIZES} - set(works):
        result["left_out"][f"{net}, batch {size}"] = LEFT_OUT
    order = [title_of(net, size) for net in NETS for size in BATCH_SIZES]
    result["tables"].sort(key=lambda table: order.index(table["title"]))
    return result


def title_of(net: str, batch_size: int) -> str:
    """Return what the tables, and the ratios, of one work are called."""
    return f"{net}, batch {batch_size}"


def measure(
    settings: Settings,
    peers: Peers,
    key: str,
    task: Mapping[str, Any],
    names: Collection[str],
    left_out: Mapping[str, str] = MappingProxyType({}),
    bar: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let peers take turns at one network and batch size.

    Args:
        settings: how to measure.
        peers: their processes.
        key: what the table is called.
        task: see `bench.worker.Worker.task`.
        names: of those that take part.
        left_out: of these, which do not, and why.
        bar: what our turns with the progress bar drawn are called; None for none.
    """
    turns = Turns(settings)
    remarks: dict[str, str] = {}
    for name in names:
        if name in left_out:
            turns.absent[name] = left_out[name]
            continue
        process = peers.get(name)
        if process is None:
            turns.absent[name] = peers.absent[name]
            continue
        try:
            prepared = process("prepare", key=key, trial=not settings.quick, **task)
            seconds = prepared["seconds"]
            longer = name == OURS and not settings.quick
            count = settings.epochs(seconds, OURS_SECONDS if longer else 0.5)
            turns.add(name, epochs_of(process, key, count), (count + 1) * seconds)
            if prepared["setting"] is not None:
                remarks[name] = remark(name, prepared["setting"])
            if name == OURS and bar:
                drawn = {"verbose": 1}
                process("prepare", key=f"{key}, bar", options=drawn, **task)
                turn = epochs_of(process, f"{key}, bar", count)
                turns.add(bar, turn, (count + 1) * seconds)
        except PeerError as error:
            peers.fail(name, error)
            turns.absent[name] = peers.absent[name]
    turns.run()
    for name in names:
        process = peers.get(name) if name in turns.values else None
        if process is None:
            continue
        try:
            process("forget", key=key)
            if name == OURS and bar:
                process("forget", key=f"{key}, bar")
        except PeerError as error:
            # Its turns are measured; from now on it is absent.
            peers.fail(name, error)
    spreads = turns.spreads()
    found = ratios(key, spreads, OURS)
    own = {}
    if bar in spreads:
        own = {bar: turns.paired(bar, OURS)}
        found[f"{key} | {bar}"] = ratio(own[bar], better="less")
    table = tables.timings(
        key, spreads, turns.absent, rows=60_000, remarks=remarks, ratios=own
    )
    return table, found


def epochs_of(process: Process, key: str, count: int) -> Callable[[], list[float]]:
    """Return a turn of so many epochs."""
    return lambda: process("epochs", key=key, count=count)


def remark(name: str, setting: int) -> str:
    """Say which setting was best."""
    what = "step" if "steps" in name else "thread"
    return f"{setting} {what}{'s' if setting > 1 else ''}"

"""``limit``: the machine's own figures, the floor they make, and the step against it.

All in the same run, in turns. The floor of a step of 784-128-10 is its two large
products, X W forward and X^T G backward, each at the best rate that XLA, NumPy or
PyTorch reach at that shape, and one pass of Adam over the parameters. The step is that
of our own epochs in ``fit``. Where the rest goes is told twice: by the profiler, whose
tracing costs time of its own, so that its shares count, and by leaving parts out.
"""

from typing import Any

from bench import tables
from bench.peers import OURS
from bench.probes.breakdown import PARTS
from bench.processes import PeerError, Process, installed, peers_of, probe
from bench.settings import LEFT_OUT, Settings
from bench.turns import Turns, ratio, spread

BATCH_SIZES = (32, 128, 1024, 8192)
ROWS = 60_000
KINDS = {"forward": "X W", "backward": "X^T G"}
LIBRARIES = {"xla": "XLA", "numpy": "NumPy", "torch": "PyTorch"}
PRODUCT_FLOPS = 2 * 784 * 128
ADAM, COPY = "one pass of Adam", "copying 256 MB"
COPIED_BYTES = 2 * (256 << 20)
STEP = "step against the floor"


def run(settings: Settings) -> dict[str, Any]:
    """Return the machine's figures, the floors, and the breakdowns."""
    sizes = (32,) if settings.quick else BATCH_SIZES
    turns = Turns(settings)
    log = settings.scratch / "machine.log"
    machine = Process(["bench.probes.machine"], log)
    try:
        with peers_of(settings) as peers:
            take_part(settings, turns, machine, sizes)
            ours = peers.get(OURS)
            if ours is None:
                raise PeerError(peers.absent[OURS])
            for size in sizes:
                add_epochs(settings, turns, ours, size)
            turns.run()
    finally:
        machine.close()
    spreads = turns.spreads()
    floors = {size: floor(spreads, size) for size in sizes}
    breakdowns, absent = broken_down(settings, sizes)
    steps = {size: spreads[step_of(size)]["median"] for size in sizes}
    found = {
        f"{STEP}, batch {size}": ratio(
            turns_ratio(turns, size, floors[size]), better="less"
        )
        for size in sizes
    }
    left_out = {"": LEFT_OUT} if settings.quick else {}
    return {
        "tables": [
            figures(spreads, sizes, turns.absent),
            floor_table(spreads, floors, found),
            *breakdown_tables(breakdowns, steps, absent),
        ],
        "ratios": found,
        "left_out": left_out,
        "data": {"stacks": stacks(floors, steps, breakdowns)},
    }


def take_part(
    settings: Settings, turns: Turns, machine: Process, sizes: tuple[int, ...]
) -> None:
    """Let all that the machine does take turns."""
    libraries = dict(LIBRARIES)
    reasons = {}
    if settings.device != "cpu":
        reasons["numpy"] = "it runs on the cpu here"
    if not installed("PyTorch"):
        reasons["torch"] = "not installed"
    if settings.quick:
        reasons = dict.fromkeys(("numpy", "torch"), LEFT_OUT)
    for library, reason in reasons.items():
        turns.absent[f"products with {libraries.pop(library)}"] = reason

    def add(name: str, method: str, **arguments: Any) -> None:
        def turn() -> list[float]:
            seconds: list[float] = machine(method, **arguments)
            return seconds

        try:
            turn()
            turns.add(name, turn, 0.5)
        except PeerError as error:
            turns.absent[name] = f"failed: {error}"

    for size in sizes:
        for kind in KINDS:
            for library in libraries:
                name = product_of(kind, size, library)
                arguments = {"library": library, "kind": kind, "batch_size": size}
                add(name, "product", **arguments)
        add(gather_of(size), "gather", rows=ROWS, batch_size=size)
    add(ADAM, "adam")
    add(COPY, "copy")


def add_epochs(settings: Settings, turns: Turns, ours: Process, size: int) -> None:
    """Let our own epochs take turns, as seconds of a step."""
    steps = -(-ROWS // size)
    key = f"limit {size}"
    task = {"data": "fashion", "hidden": [128], "batch_size": size}
    seconds = ours("prepare", key=key, **task)["seconds"]
    count = settings.epochs(seconds, 0.5)

    def turn() -> list[float]:
        return [epoch / steps for epoch in ours("epochs", key=key, count=count)]

    turns.add(step_of(size), turn, (count + 1) * seconds)


def product_of(kind: str, size: int, library: str) -> str:
    """Return the name of a product."""
    return f"{KINDS[kind]}, batch {size}, {LIBRARIES[library]}"


def gather_of(size: int) -> str:
    """Return the name of a gather."""
    return f"gathering {size} of {ROWS:,} rows"


def step_of(size: int) -> str:
    """Return the name of our own step."""
    return f"{OURS}, a step at batch {size}"


def floor(spreads: dict[str, dict[str, Any]], size: int) -> dict[str, float]:
    """Return the parts of the floor at a batch size, in seconds."""
    return {
        what: min(
            spreads[name]["median"]
            for library in LIBRARIES
            if (name := product_of(kind, size, library)) in spreads
        )
        for kind, what in KINDS.items()
    } | {"Adam": spreads[ADAM]["median"]}


def turns_ratio(turns: Turns, size: int, parts: dict[str, float]) -> float:
    """Return the median step as a multiple of the floor."""
    step = spread(turns.values[step_of(size)])["median"]
    return float(step / sum(parts.values()))


def figures(
    spreads: dict[str, dict[str, Any]], sizes: tuple[int, ...], absent: dict[str, str]
) -> dict[str, Any]:
    """Return the table of what the machine does."""
    work = {
        product_of(kind, size, library): (size * PRODUCT_FLOPS / 1e9, "GFLOP/s")
        for size in sizes
        for kind in KINDS
        for library in LIBRARIES
    }
    work |= {gather_of(size): (2 * size * 784 * 4 / 1e9, "GB/s") for size in sizes}
    work |= {COPY: (COPIED_BYTES / 1e9, "GB/s")}
    rows = {}
    for name, value in spreads.items():
        amount, unit = work.get(name, (None, ""))
        rate = f"{amount / value['median']:,.0f} {unit}" if amount else ""
        times = [value[what] * 1e6 for what in ("median", "min", "max")]
        rows[name] = [*times, rate, value["turns"]]
    columns = [(f"{what} µs", ",.1f") for what in ("median", "min", "max")]
    columns += [("rate", ""), ("turns", "d")]
    return tables.table("the machine and the step, 784-128-10", columns, rows, absent)


def floor_table(
    spreads: dict[str, dict[str, Any]],
    floors: dict[int, dict[str, float]],
    found: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Return the table of floors, and of the step as their multiple."""
    rows = {}
    for size, parts in floors.items():
        micros = [seconds * 1e6 for seconds in parts.values()]
        step = spreads[step_of(size)]["median"] * 1e6
        multiple = found[f"{STEP}, batch {size}"]["value"]
        rows[f"batch {size}"] = [*micros, sum(micros), step, multiple]
    names = [*(f"{part} µs" for part in [*KINDS.values(), "Adam"]), "floor µs"]
    columns = [(name, ",.1f") for name in [*names, "step µs"]]
    return tables.table("the floor", [*columns, ("step / floor", ".2f")], rows)


def broken_down(
    settings: Settings, sizes: tuple[int, ...]
) -> tuple[dict[int, dict[str, Any]], dict[str, str]]:
    """Return the breakdown at each batch size, and why others are not there."""
    found, absent = {}, {}
    rounds = 2 if settings.quick else 5
    for size in sizes:
        try:
            found[size] = probe("breakdown", batch_size=size, rows=ROWS, rounds=rounds)
        except PeerError as error:
            absent[f"batch {size}"] = f"failed: {error}"
    return found, absent


def breakdown_tables(
    breakdowns: dict[int, dict[str, Any]], steps: dict[int, float], absent: Any
) -> list[dict[str, Any]]:
    """Return where the time goes by the profile, and by leaving parts out."""
    profiled, ablated = {}, {}
    for size, it in breakdowns.items():
        shares = it["profile"]["shares"]
        profiled[f"batch {size}"] = [
            *(shares[part] * steps[size] * 1e6 for part in PARTS),
            it["profile"]["operations"],
            it["profile"]["traced_seconds"] / it["untraced_seconds"],
        ]
        ablated[f"batch {size}"] = [s * 1e6 for s in it["ablation"].values()]
    columns = [(part, ",.0f") for part in PARTS]
    columns += [("operations", ".0f"), ("traced / not", ".2f")]
    note = "Shares of a profile of 200 steps, as shares of the step in the table above."
    names = next(iter(breakdowns.values()))["ablation"] if breakdowns else {}
    return [
        tables.table("where a step's time goes, µs", columns, profiled, absent, note),
        tables.table(
            "a step without parts of it, bare loop, µs",
            [(name, ",.0f") for name in names],
            ablated,
            absent,
        ),
    ]


def stacks(
    floors: dict[int, dict[str, float]],
    steps: dict[int, float],
    breakdowns: dict[int, dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return what the picture shows."""
    drawn = []
    for size, parts in floors.items():
        bars = {"floor": {part: value * 1e6 for part, value in parts.items()}}
        if size in breakdowns:
            shares = breakdowns[size]["profile"]["shares"]
            step = {part: shares[part] * steps[size] * 1e6 for part in PARTS}
        else:
            step = {"step": steps[size] * 1e6}
        drawn.append({"title": f"batch {size}", "bars": bars | {"step": step}})
    return drawn

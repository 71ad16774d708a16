"""``growth``: time and memory against rows, width, depth, batch and epochs.

Synthetic ``uint8`` images of 784 pixels, 784-128-10 and batch 32 where nothing else is
said; each point is a process of its own. The exponent is the slope of the logarithms
over the larger half of the points: below that, what is constant dominates.
"""

import itertools
import math
import statistics
from typing import Any, NamedTuple

from bench import tables
from bench.processes import PeerError, probe
from bench.settings import LEFT_OUT, Settings
from bench.turns import ratio

BASE = {
    "rows": 20_000,
    "features": 784,
    "hidden": [128],
    "batch_size": 32,
    "epochs": 3,
}
ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
STEP = "largest ratio of the costs of a row at neighbouring sizes, from 10,000 on"


class Sweep(NamedTuple):
    """One size that grows: its name, what is timed, and the points."""

    what: str
    seconds_of: str
    sizes: tuple[int, ...]

    def arguments(self, size: int) -> dict[str, Any]:
        """Return the arguments of the probe at one size."""
        if self.what == "rows":
            # Small ones are repeated for as long as a large one takes to settle.
            epochs = max(3, min(100, 200_000 // size))
            return BASE | {"rows": size, "epochs": epochs}
        if self.what == "width":
            return BASE | {"hidden": [size], "rows": 10_000}
        if self.what == "depth":
            return BASE | {"hidden": [64] * size, "rows": 10_000}
        if self.what == "batch":
            return BASE | {"batch_size": size, "rows": 65_536}
        return BASE | {"rows": 2_000, "epochs": size}


SWEEPS = (
    Sweep("rows", "seconds an epoch", ROWS),
    Sweep("width", "seconds an epoch", (32, 128, 512, 2048)),
    Sweep("depth", "seconds an epoch", (1, 4, 16, 64)),
    Sweep("batch", "seconds an epoch", (8, 32, 128, 1024, 8192)),
    Sweep("epochs", "seconds in all", (10, 30, 100, 300)),
)


def run(settings: Settings) -> dict[str, Any]:
    """Return a table for each of the sizes that grow."""
    sweeps = SWEEPS
    if settings.quick:
        sweeps = (Sweep("rows", "seconds an epoch", (10_000, 100_000)),)
    points: dict[tuple[str, int], list[dict[str, Any]]] = {}
    absent: dict[str, dict[str, str]] = {sweep.what: {} for sweep in sweeps}
    for number in range(1 if settings.quick else min(3, settings.rounds)):
        for sweep in sweeps:
            # Rows are what a target hangs on; a curve of the others is one round.
            if number and sweep.what != "rows":
                continue
            for size in sweep.sizes:
                try:
                    found = probe("growing", **sweep.arguments(size))
                    points.setdefault((sweep.what, size), []).append(found)
                except PeerError as error:
                    absent[sweep.what][f"{size:,}"] = f"failed: {error}"
    shown, drawn, ratios = [], [], {}
    for sweep in sweeps:
        curve = {
            size: medians(points[sweep.what, size])
            for size in sweep.sizes
            if (sweep.what, size) in points
        }
        table, data = described(sweep, curve, absent[sweep.what])
        shown.append(table)
        if data:
            drawn.append(data)
        if sweep.what == "rows":
            ratios = of_rows({size: it["seconds"] for size, it in curve.items()})
    return {
        "tables": shown,
        "ratios": ratios,
        "left_out": {"": LEFT_OUT} if settings.quick else {},
        "data": {"sweeps": drawn},
    }


def medians(results: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each number over several processes."""
    return {
        name: statistics.median(result[name] for result in results)
        for name in results[0]
    }


def of_rows(seconds: dict[int, float]) -> dict[str, Any]:
    """Return what a row costs among many against among fewer."""
    costs = {size: value / size for size, value in seconds.items()}
    found = {
        f"cost of a row, {large:,} against {small:,}": ratio(
            costs[large] / costs[small], better="less"
        )
        for small, large in ((10_000, 100_000), (100_000, 1_000_000))
        if costs.keys() >= {small, large}
    }
    known = [cost for size, cost in costs.items() if size >= 10_000]
    if len(known) > 1:
        worst = max(after / before for before, after in itertools.pairwise(known))
        found[STEP] = ratio(worst, better="less")
    return found


def exponent(sizes: list[int], values: list[float]) -> float:
    """Return the slope of the logarithms over the larger half of the points."""
    half = max(2, -(-len(sizes) // 2))
    slope, _ = statistics.linear_regression(
        [math.log(size) for size in sizes[-half:]],
        [math.log(value) for value in values[-half:]],
    )
    return slope


def described(
    sweep: Sweep, curve: dict[int, dict[str, float]], absent: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return table and picture of a curve."""
    timed = "total" if sweep.what == "epochs" else "seconds"
    rows = {}
    for size, it in curve.items():
        passes = size if sweep.what == "epochs" else 1
        cost = it[timed] / passes / sweep.arguments(size)["rows"]
        memory = [it[what] for what in ("data_mb", "peak_mb", "resident_mb")]
        device = it["device_peak_mb"] or None
        rows[f"{size:,}"] = [it[timed], cost * 1e6, *memory, device]
    columns = [(f"s {sweep.seconds_of.split(' ', 1)[1]}", ".3f")]
    columns += [("µs a row and epoch", ".2f"), ("data MB", ",.0f")]
    columns += [("peak MB", ",.0f"), ("resident MB", ",.0f"), ("device MB", ",.0f")]
    if len(curve) < 2:
        return tables.table(sweep.what, columns, rows, absent), None
    sizes, values = list(curve), [it[timed] for it in curve.values()]
    slope = exponent(sizes, values)
    note = f"Grows as size^{slope:.2f} over the larger half."
    if sweep.what == "rows":
        parts = of_rows(dict(zip(sizes, values, strict=True))).items()
        note += "".join(f" {name}: {it['value']:.3f}." for name, it in parts)
    data = {
        "what": sweep.what,
        "seconds_of": sweep.seconds_of,
        "exponent": slope,
        "sizes": sizes,
        "seconds": values,
        "peak_mb": [max(it["peak_mb"], 0.1) for it in curve.values()],
        "resident_mb": [max(it["resident_mb"], 0.1) for it in curve.values()],
    }
    return tables.table(sweep.what, columns, rows, absent, note), data

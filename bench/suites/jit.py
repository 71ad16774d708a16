"""``jit``: what JAX users measure, against depth and width.

Each network in a fresh process, with nothing cached: seconds to trace, lower and
compile a jitted, bare ``Trainer.step`` and the fused loop that ``fit`` runs; the size
of the executable; seconds of a donating step called from Python and of a step in the
loop. What a call costs more than a step in the loop is the dispatch.
"""

from typing import Any

import jaxnet_mini
from bench import tables
from bench.processes import PeerError, probe
from bench.settings import LEFT_OUT, Settings
from bench.turns import ratio, spread

WIDTH, BATCH_SIZE = 64, 32
DEPTHS, WIDTHS = (2, 4, 8, 32, 128), (64, 256, 1024)
PLAIN, REPEATED = "layers one by one", "repeat(layer, n)"
NO_REPEAT = "this version has no jaxnet_mini.repeat"
TABLE = "batch 32: depth of width 64 on 64 features, width on 784"
AGAINST_FOUR = "compile 128 layers against 4"

Found = dict[str, dict[int, dict[str, Any]]]
"""By kind of network and by its size, what the probe found."""


def run(settings: Settings) -> dict[str, Any]:
    """Return the table of all networks."""
    depths, widths = (DEPTHS, WIDTHS) if not settings.quick else ((4, 128), ())
    works = {("width", width): work([width], 0, 784) for width in widths}
    for depth in depths:
        if not settings.quick:
            works[PLAIN, depth] = work([WIDTH] * depth, 0, WIDTH)
        if hasattr(jaxnet_mini, "repeat"):
            works[REPEATED, depth] = work([WIDTH], depth - 1, WIDTH)
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {name: [] for name in works}
    absent: dict[str, str] = {}
    for _ in range(1 if settings.quick else min(3, settings.rounds)):
        for name, arguments in works.items():
            try:
                runs[name].append(probe("compiling", **arguments))
            except PeerError as error:
                absent[f"{name[0]}, {name[1]}"] = f"failed: {error}"
    found: Found = {}
    for (kind, size), results in runs.items():
        if results:
            found.setdefault(kind, {})[size] = medians(results)
    left_out = dict(absent)
    if not hasattr(jaxnet_mini, "repeat"):
        absent[REPEATED] = NO_REPEAT
        left_out[f"{AGAINST_FOUR}, repeat"] = NO_REPEAT
    if settings.quick:
        left_out[""] = LEFT_OUT
    return {
        "tables": [table(found, absent)],
        "ratios": ratios(found),
        "left_out": left_out,
        "data": {"panels": panels(found), "found": found},
    }


def work(hidden: list[int], repeated: int, features: int) -> dict[str, Any]:
    """Return the arguments of the probe."""
    steps = 100 if len(hidden) + repeated > 16 else 400
    return {
        "hidden": hidden,
        "repeated": repeated,
        "features": features,
        "batch_size": BATCH_SIZE,
        "steps": steps,
    }


def medians(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each number over several processes."""
    first, found = results[0], {}
    for name, value in first.items():
        values = [result[name] for result in results]
        found[name] = (
            medians(values) if isinstance(value, dict) else spread(values)["median"]
        )
    found["total"] = sum(found.get(part, 0.0) for part in ("trace", "lower", "compile"))
    return found


def table(found: Found, absent: dict[str, str]) -> dict[str, Any]:
    """Return a row for each network."""
    rows = {}
    for kind, sizes in found.items():
        for size, it in sizes.items():
            stages = [it["step"][part] * 1e3 for part in ("trace", "lower", "compile")]
            rows[f"{kind}, {size}"] = [
                *stages,
                it["step"]["bytes"] / 1e3,
                it["loop"]["total"] * 1e3,
                1 / it["step_seconds"],
                1 / it["loop_seconds"],
                dispatch(it) * 1e6,
            ]
    columns = [(f"{part} ms", ",.0f") for part in ("trace", "lower", "compile")]
    columns += [("executable kB", ",.0f"), ("loop, all three ms", ",.0f")]
    columns += [("steps/s called", ",.0f"), ("steps/s in loop", ",.0f")]
    columns += [("dispatch µs", ",.0f")]
    calls = [it["empty_seconds"] for sizes in found.values() for it in sizes.values()]
    note = (
        f"A jitted function of one number that does nothing takes "
        f"{spread(calls)['median'] * 1e6:.1f} µs a call."
        if calls
        else ""
    )
    return tables.table(TABLE, columns, rows, absent, note)


def dispatch(it: dict[str, Any]) -> float:
    """Return what a called step costs more than one in the loop, in seconds."""
    return float(it["step_seconds"] - it["loop_seconds"])


def ratios(found: Found) -> dict[str, Any]:
    """Return how compiling grows with the depth, and what the loop saves."""
    result = {}
    for kind, name in ((PLAIN, "one by one"), (REPEATED, "repeat")):
        sizes = found.get(kind, {})
        if sizes.keys() >= {4, 128}:
            result[f"{AGAINST_FOUR}, {name}"] = ratio(
                max(
                    sizes[128][what]["total"] / sizes[4][what]["total"]
                    for what in ("step", "loop")
                ),
                better="less",
            )
    if 128 in found.get(REPEATED, {}) and 4 in found.get(PLAIN, {}):
        result["compile 128 repeated layers against 4 one by one"] = ratio(
            found[REPEATED][128]["loop"]["total"] / found[PLAIN][4]["loop"]["total"],
            better="less",
        )
    for kind, sizes in found.items():
        for size, it in sizes.items():
            result[f"called step against one in the loop | {kind}, {size}"] = ratio(
                it["step_seconds"] / it["loop_seconds"]
            )
    return result


def panels(found: Found) -> list[dict[str, Any]]:
    """Return what the picture shows."""
    drawn = []
    for what, kinds in (("depth", (PLAIN, REPEATED)), ("width", ("width",))):
        known = {kind: found[kind] for kind in kinds if kind in found}
        if not any(len(sizes) > 1 for sizes in known.values()):
            continue
        for title, unit, parts in (
            ("loop: trace, lower, compile", "s", (("loop", "total"),)),
            ("steps a second", "steps/s", (("step_seconds",), ("loop_seconds",))),
            ("executable of a step", "kB", (("step", "bytes"),)),
        ):
            series = {}
            for kind, sizes in known.items():
                for part in parts:
                    label = {"step_seconds": "called", "loop_seconds": "in the loop"}
                    name = f"{kind} {label.get(part[0], '')}".strip()
                    values = [value_of(it, part) for it in sizes.values()]
                    series[name] = (list(sizes), values)
            panel: dict[str, Any] = {"title": f"{title} against {what}"}
            panel |= {"x": what, "y": unit, "from_zero": unit == "kB"}
            drawn.append(panel | {"series": series})
    return drawn


def value_of(it: dict[str, Any], part: tuple[str, ...]) -> float:
    """Return one number in the unit of its panel."""
    if part == ("step", "bytes"):
        return float(it["step"]["bytes"]) / 1e3
    return float(it["loop"]["total"]) if part[0] == "loop" else 1 / it[part[0]]

"""One picture for each suite, drawn from the results alone."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from bench import cache_line
from bench.peers import OURS
from bench.probes import breakdown

OURS_COLOUR, PEER_COLOUR = "#c2410c", "#94a3b8"
COLOURS = ["#c2410c", "#0369a1", "#4d7c0f", "#7c3aed", "#94a3b8", "#334155"]

PART_COLOURS = {
    "X W": "#c2410c",
    "X^T G": "#f59e0b",
    "Adam": "#0369a1",
    breakdown.PRODUCTS: "#ea7a2e",
    breakdown.OPTIMIZER: "#38a3d1",
    breakdown.GATHER: "#4d7c0f",
    breakdown.FORWARD: "#7c3aed",
    breakdown.REST: "#64748b",
    breakdown.WAITING: "#cbd5e1",
}


def draw(results: dict[str, Any], path: Path) -> dict[str, str]:
    """Write a picture for each suite beside ``path``; return their names.

    A suite that has nothing to show has none.
    """
    drawings = {"jit": jit, "limit": limit, "growth": growth}
    drawings |= {"sweep": sweep, "stream": stream, "cores": cores}
    names = {}
    for suite, result in results["suites"].items():
        figure = drawings.get(suite, bars)(result)
        if figure is None:
            continue
        figure.suptitle(f"{suite}: {about(results)}", fontsize=11, x=0.01, ha="left")
        target = path.with_name(f"{path.stem}-{suite}.png")
        figure.savefig(target, dpi=110, metadata={"Software": None})
        names[suite] = target.name
    return names


def about(results: dict[str, Any]) -> str:
    """Return the machine in a few words."""
    about = results["about"]
    return (
        f"{about['device']['platform']}, {about['cores']} cores, "
        f"Python {about['versions']['python']}, JAX {about['versions']['jax']}"
    )


def figure_of(count: int, columns: int, size: tuple[float, float]) -> Any:
    """Return a figure and as many axes as asked for, in rows of ``columns``."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure((size[0] * columns, size[1] * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for unused in axes[count:]:
        unused.remove()
    return figure, list(axes[:count])


NAMED_SEEDS = 8
"""More lines than these are not named one by one."""

UNLIKE = 50
"""Beyond this ratio of the largest to the smallest, bars stand on a log scale."""


def bars(result: dict[str, Any]) -> Figure | None:
    """Draw a panel of bars for each table: medians, with minimum and maximum."""
    tables = [table for table in result["tables"] if table["rows"]]
    if not tables:
        return None
    figure, axes = figure_of(len(tables), 2, (6.2, 3.0))
    for axis, table in zip(axes, tables, strict=True):
        names = [row[0] for row in table["rows"]]
        medians = [row[1] for row in table["rows"]]
        around = [
            [row[1] - row[2] for row in table["rows"]],
            [row[3] - row[1] for row in table["rows"]],
        ]
        colours = [OURS_COLOUR if n.startswith(OURS) else PEER_COLOUR for n in names]
        axis.barh(names, medians, color=colours, xerr=around, ecolor="#475569")
        name, form = table["columns"][0]
        for place, row in enumerate(table["rows"]):
            axis.annotate(
                f" {row[1]:{form}}",
                (row[3], place),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
        finish(axis, table["title"], name)
        axis.invert_yaxis()
        axis.margins(x=0.15)
        if max(medians) > UNLIKE * min(medians):
            axis.set_xscale("log")
            axis.set_xlim(min(medians) / 2, 3 * max(medians))
            axis.set_xlabel(f"{name}, logarithmic", fontsize=8)
        axis.grid(False, axis="y")
    return figure


def finish(axis: Axes, title: str, xlabel: str, ylabel: str = "") -> None:
    """Give axes their words and a light look."""
    axis.set_title(title, fontsize=9, loc="left")
    axis.set_xlabel(xlabel, fontsize=8)
    axis.set_ylabel(ylabel, fontsize=8)
    axis.tick_params(which="both", labelsize=7)
    axis.grid(True, color="#e2e8f0", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


class Plain(LogFormatter):
    """Numbers on a logarithmic axis as they are: 0.2, and no power of ten."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:,.10g}" if super().__call__(x, pos) else ""


def lines(
    axis: Axes,
    series: dict[str, tuple[list[float], list[float]]],
    from_zero: bool = False,
) -> None:
    """Draw lines with markers on two logarithmic axes, or the upright one from 0."""
    for colour, (name, (xs, ys)) in zip(COLOURS * 2, series.items(), strict=False):
        axis.plot(xs, ys, "o-", label=name, color=colour, markersize=3, linewidth=1.2)
    logarithmic = [axis.xaxis]
    axis.set_xscale("log")
    if from_zero:
        axis.set_ylim(0, 1.08 * max(y for _, ys in series.values() for y in ys))
    else:
        axis.set_yscale("log")
        logarithmic.append(axis.yaxis)
    for one in logarithmic:
        one.set_major_formatter(Plain())
        one.set_minor_formatter(Plain(minor_thresholds=(1, 0.4)))
    if len(series) > 1:
        axis.legend(fontsize=7, frameon=False)


def jit(result: dict[str, Any]) -> Figure | None:
    """Draw what compiling and dispatching cost against depth and width."""
    panels = result["data"]["panels"]
    if not panels:
        return None
    figure, axes = figure_of(len(panels), 3, (4.2, 3.2))
    for axis, panel in zip(axes, panels, strict=True):
        lines(axis, panel["series"], panel["from_zero"])
        finish(axis, panel["title"], panel["x"], panel["y"])
    return figure


def limit(result: dict[str, Any]) -> Figure | None:
    """Draw the step beside the floor, and where its time goes, per batch size."""
    stacks = result["data"]["stacks"]
    if not stacks:
        return None
    figure, axes = figure_of(len(stacks), 2, (6.2, 3.0))
    for axis, stack in zip(axes, stacks, strict=True):
        for place, bar in enumerate(stack["bars"].values()):
            left = 0.0
            for part, value in bar.items():
                axis.barh(
                    place,
                    value,
                    left=left,
                    color=PART_COLOURS.get(part, PEER_COLOUR),
                    label=part,
                )
                left += value
            axis.annotate(f" {left:,.0f}", (left, place), va="center", fontsize=7)
        axis.set_yticks(range(len(stack["bars"])), list(stack["bars"]))
        axis.invert_yaxis()
        finish(axis, stack["title"], "µs a step")
        axis.margins(x=0.12)
        axis.grid(False, axis="y")
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4,
        fontsize=7, frameon=False,
    )  # fmt: skip
    return figure


def growth(result: dict[str, Any]) -> Figure | None:
    """Draw seconds and memory against each size."""
    sweeps = result["data"]["sweeps"]
    if not sweeps:
        return None
    figure, axes = figure_of(2 * len(sweeps), 2, (5.2, 2.6))
    for number, sweep in enumerate(sweeps):
        seconds, memory = axes[2 * number : 2 * number + 2]
        lines(seconds, {"": (sweep["sizes"], sweep["seconds"])})
        title = f"{sweep['what']}: grows as size^{sweep['exponent']:.2f}"
        finish(seconds, title, sweep["what"], sweep["seconds_of"])
        peaks = {"peak": (sweep["sizes"], sweep["peak_mb"])}
        peaks["resident after it"] = (sweep["sizes"], sweep["resident_mb"])
        lines(memory, peaks, from_zero=True)
        finish(memory, f"{sweep['what']}: memory", sweep["what"], "MB")
    return figure


def sweep(result: dict[str, Any]) -> Figure | None:
    """Draw the validation loss against the learning rate, one line a seed."""
    panels = result["data"]["panels"]
    if not panels:
        return None
    figure, axes = figure_of(len(panels), 2, (5.2, 3.6))
    for axis, panel in zip(axes, panels, strict=True):
        series = panel["series"]
        colours = matplotlib.colormaps["cividis"]
        for number, (seed, (rates, losses)) in enumerate(series.items()):
            colour = colours(0.9 * number / max(1, len(series) - 1))
            axis.plot(
                rates, losses, "o-", label=seed, color=colour, markersize=3,
                linewidth=1,
            )  # fmt: skip
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(Plain())
        title = f"{panel['title']}, one line a seed"
        finish(axis, title, "learning rate", "validation loss")
        if len(series) <= NAMED_SEEDS:
            axis.legend(fontsize=7, frameon=False)
    return figure


def stream(result: dict[str, Any]) -> Figure | None:
    """Draw how fast rows are streamed, which is what two of its tables are about."""
    timed = [t for t in result["tables"] if t["columns"][0][0].startswith("median")]
    return bars({"tables": timed})


def cores(result: dict[str, Any]) -> Figure | None:
    """Draw the ratio of each pair, by how far the cores were from each other."""
    pairs = result["data"]["pairs"]
    if not pairs:
        return None
    figure, (axis,) = figure_of(1, 1, (10.0, 0.28 * len(pairs) + 1.0))
    colours = {cache_line.NEAR: OURS_COLOUR, cache_line.FAR: COLOURS[1], "": "#94a3b8"}
    for state, colour in colours.items():
        points = [
            (seconds / against, place)
            for place, values in enumerate(pairs.values())
            for seconds, against, line in values
            if cache_line.state([line]) == state
        ]
        xs, ys = zip(*points, strict=True) if points else ((), ())
        label = f"{state} cores" if state else "cache line not known"
        axis.scatter(xs, ys, s=14, color=colour, alpha=0.7, label=label)
    axis.axvline(1.0, color="#475569", linewidth=0.8)
    axis.set_yticks(range(len(pairs)), list(pairs))
    axis.invert_yaxis()
    axis.legend(fontsize=7, frameon=False)
    finish(axis, "each pair", "time as a multiple of what it is compared with")
    return figure

"""What training would take on TPUs, without one: ``python -m bench.tpu``.

    python -m pip install ".[bench,tpu]"

The program that ``fit`` runs is compiled ahead of time for chips that are not there.
From what is in it, and from the chips' published rates, follows the time of a step.
Nothing is measured.
"""

import argparse
import dataclasses
import json
import math
import platform
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import processes, report, tables
from bench.roofline import V5E, expected
from jaxnet_mini.errors import MissingExtraError, import_extra

RESULTS = Path(__file__).parent / "results"
NAME = "tpu-v5e"
SIDES = (1, 2, 4, 8, 16)
FEATURES, ROWS = 784, 1 << 20
A_CHIP, IN_ALL = 1024, 8192
SETTINGS = {
    # A compiler alone: no machine's own settings are asked for, no chip is taken.
    "JAX_PLATFORMS": "cpu",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A network, how it is spread over chips, and what grows with their number."""

    hidden: tuple[int, ...]
    split: bool
    weak: bool

    @property
    def title(self) -> str:
        """What stands above its table."""
        net = "-".join(map(str, (FEATURES, *self.hidden, 10)))
        spread = "kernels split over `model`" if self.split else "parameters everywhere"
        batch = f"{A_CHIP:,} a chip" if self.weak else f"{IN_ALL:,} in all"
        return f"{net}, {spread}, batch {batch}"

    def batch_size(self, chips: int) -> int:
        """Return the batch of all chips together."""
        return A_CHIP * chips if self.weak else IN_ALL

    def measured(self, side: int) -> dict[str, Any]:
        """Compile for a square of chips; return what is in the program, and its time.

        Raises:
            PeerError: it does not compile.
        """
        given = {
            "topology": f"v5e:{side}x{side}",
            "side": side,
            "hidden": list(self.hidden),
            "split": self.split,
            "features": FEATURES,
            "rows": ROWS,
            "batch_size": self.batch_size(side * side),
        }
        command = ["-m", "bench.probes.ahead", json.dumps(given)]
        _, said = processes.whole_process(command, **SETTINGS)
        found = json.loads(said.splitlines()[-1])
        return given | found | {"seconds": expected(V5E, side, found)}


CASES = [
    Case(hidden, split, weak)
    for hidden, split in (((128,), False), ((8192, 8192), False), ((8192, 8192), True))
    for weak in (True, False)
]


def main() -> int:
    """Compile, print and write; return the exit status."""
    arguments = parsed()
    try:
        import_extra("libtpu", "tpu")
    except MissingExtraError as error:
        report.say(str(error))
        return 1
    about = {
        "chip": V5E._asdict(),
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("jax", "jaxlib", "libtpu")},
    }
    results: dict[str, Any] = {"about": about, "cases": {}}
    for case in CASES:
        report.say(f"Compiling {case.title} ...")
        found = [case.measured(side) for side in SIDES]
        results["cases"][case.title] = found
        report.say_tables([contents(case.title, found), times(case.title, found)])
    write(arguments.output, results)
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.tpu",
        description="Compile the training program for TPUs that are not there, and "
        "compute what a step would take on 1 to 256 of them. It takes ten minutes.",
    )
    parser.add_argument(
        "--output", metavar="DIR", type=Path, default=RESULTS, help="where results go"
    )
    return parser.parse_args()


def held(found: dict[str, Any]) -> int:
    """Return the bytes that a chip holds while the program runs."""
    kinds = ("argument", "output", "temporary")
    return sum(found[f"{kind}_bytes"] for kind in kinds) - found["alias_bytes"]


def rate(found: dict[str, Any], by: str = "step") -> float:
    """Return the rows in a second of all chips together, within the loop."""
    return float(found["batch_size"] / found["seconds"][by])


def epoch(found: dict[str, Any]) -> float:
    """Return the seconds of a pass over the data in one call of the loop."""
    steps = math.ceil(ROWS / found["batch_size"])
    return float(found["seconds"]["once"] + steps * found["seconds"]["step"])


def told(found: dict[str, Any]) -> str:
    """Return the collectives of a step in words, and all their bytes."""
    counts = Counter(one["kind"] for one in found["collectives"])
    size = sum(one["bytes"] for one in found["collectives"])
    words = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{words}: {size / 1e6:.3g} MB" if words else "none"


CONTENTS = [
    ("batch", ",d"),
    ("GFLOP", ".3f"),
    ("MB accessed", ",.1f"),
    ("MB from HBM", ",.1f"),
    ("GB held", ".2f"),
    ("collectives", ""),
]
TIMES = [
    *((f"{part} µs", ",.1f") for part in ("products", "HBM", "collectives", "step")),
    ("Mrows/s", ",.2f"),
    ("speed-up", ".1f"),
    ("compiler's step µs", ",.1f"),
    ("speed-up", ".1f"),
    ("once a call ms", ".2f"),
    ("epoch ms", ",.1f"),
]


def contents(title: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table of what is in a step, of each chip."""
    rows = {}
    for one in found:
        rows[chips(one)] = [
            one["batch_size"],
            one["flops"] / 1e9,
            one["bytes_accessed"] / 1e6,
            one["hbm_bytes"] / 1e6,
            held(one) / 1e9,
            told(one),
        ]
    most = max(found, key=lambda one: len(one["otherwise"]))["otherwise"]
    note = (
        f"{len(most)} arrays of the state come back spread otherwise than they went "
        "in, so that the next call would compile once more."
    )
    title = f"{title}: in a step, of each chip"
    return tables.table(title, CONTENTS, rows, note=note if most else "")


def times(title: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table of the time that follows."""
    rows = {}
    for one in found:
        seconds = one["seconds"]
        rows[chips(one)] = [
            *(1e6 * seconds[p] for p in ("products", "memory", "collectives", "step")),
            rate(one) / 1e6,
            rate(one) / rate(found[0]),
            1e6 * seconds["compiler"],
            rate(one, "compiler") / rate(found[0], "compiler"),
            1e3 * seconds["once"],
            1e3 * epoch(one),
        ]
    return tables.table(f"{title}: the time that follows", TIMES, rows)


def chips(found: dict[str, Any]) -> str:
    """Return what the row of a table is called."""
    many = found["chips"]
    return f"{many} chip{'s' if many > 1 else ''}, {found['side']}x{found['side']}"


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write the figures, the page and the picture."""
    path = folder / f"{NAME}.json"
    results = report.rounded(results)
    report.keep(path, results, page(results))
    draw(results, path.with_suffix(".png"))
    report.say(f"Written: {path}, {NAME}.md and {NAME}.png.")


ASSUMPTIONS = f"""\
**Nothing here was measured.** No TPU was at hand: these are figures of a compiled \
program and of a data sheet, put together on paper by `python -m bench.tpu`.

What was compiled: `Trainer.loop`, the loop that `fit` runs, with Adam, sparse \
cross-entropy and accuracy, ahead of time (`jax.experimental.topologies`) for squares \
of v5e chips. Each chip holds all {ROWS:,} rows of {FEATURES} float32 and takes its \
share of each batch: the order is `P(None, "data")`. Parameters and Adam's moments are \
on every chip; where they are split, each chip holds some columns of the wide kernels \
(`P(None, "model")`, at least 128 columns a chip): a row of chips is the axis `model` \
and a column is `data`.

The figures of one step and one chip:

- **GFLOP** and **MB accessed** are the compiler's (`cost_analysis`). It counts the \
body of a loop once, however often it runs, and what stands around it too: the figures \
are the difference between two loops one after the other and one. MB accessed counts \
what lies in the chip's fast memory (VMEM) as well.
- **MB from HBM** is read off the compiled loop: operands and results of all \
operations that the compiler leaves in the large memory, without the padding of tiles; \
of an array that is gathered or sliced, only what is taken.
- **GB held**: arguments, results and temporary arrays of the whole program \
(`memory_analysis`), data and both the old and the new state included. A chip has \
{V5E.memory / 1e9:.0f} GB.
- **collectives**: what a step says to other chips, read off the compiled loop, and \
the bytes that a chip brings along.

The time that follows, and what it assumes:

- **products**: all FLOPs at {V5E.flops / 1e12:.0f} TFLOP/s, the rate for bfloat16. \
Products of float32 are those of bfloat16 by default on a TPU, added up in float32; \
with `jax_default_matmul_precision="highest"` they take about six times as long.
- **HBM**: at {V5E.memory_rate / 1e9:.0f} GB/s. Both rates are from [Google's \
page](https://cloud.google.com/tpu/docs/v5e), and no program reaches them.
- **collectives**: around rings, in both directions of both axes at once, \
{V5E.link / 1e9:.0f} GB/s to each neighbour (1,600 Gbit/s a chip, in and out over four \
links), and {V5E.hop * 1e6:.0f} µs for every hop. Rows shorter than {V5E.ring} chips \
are open, which halves the rate \
([source](https://jax-ml.github.io/scaling-book/sharding)). None overlaps with \
anything else: in these programs the compiler starts none ahead.
- **step** is the longer of products and HBM, and then the collectives. It is rather \
too short than too long: parts that wait for each other are taken to overlap, and \
starting an operation to cost nothing.
- **compiler's step** takes the cycles that the compiler itself expects of each \
operation, at {V5E.clock / 1e9:.2f} GHz, instead of both rates, and the same \
collectives. It knows what starting an operation costs, over a microsecond each, and \
is the likelier figure for small nets. It notes no cycles for gathering rows. Of large \
products on one chip it expects less than half of the published rate, which flatters \
the speed-up on more.
- **Mrows/s** are the million rows in a second of all chips together, and \
**speed-up** is that as a multiple of one chip's; each follows from the step to its \
left.
- **once a call**: what the program moves before and after the loop, at HBM's rate. It \
brings all rows into another layout and into bfloat16, on every chip, and copies the \
state. **epoch** is one call over all {ROWS:,} rows, its steps from the published \
rates.
- Data on the device, programs compiled: neither is in these figures, nor is the call \
from Python.
"""


def page(results: dict[str, Any]) -> str:
    """Return the whole page."""
    versions = results["about"]["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    parts = [f"# {NAME}: training on 1 to 256 chips, on paper", ASSUMPTIONS]
    parts += [f"Compiled with {named}.", f"![{NAME}]({NAME}.png)"]
    for title, found in results["cases"].items():
        parts.append(report.markdown(contents(title, found)))
        parts.append(report.markdown(times(title, found)))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the seconds of a step and the rows in a second against chips."""
    from matplotlib.ticker import NullFormatter

    from bench import pictures

    nets = [(128,), (8192, 8192)]
    figure, axes = pictures.figure_of(2 * len(nets), 2, (5.6, 3.3))
    for number, hidden in enumerate(nets):
        steps, speeds = axes[2 * number : 2 * number + 2]
        cases = [case for case in CASES if case.hidden == hidden]
        for colour, case in zip(pictures.COLOURS, cases, strict=False):
            found = results["cases"][case.title]
            many = [one["chips"] for one in found]
            for by, style in (("compiler", "o-"), ("step", ":")):
                look = {"color": colour, "markersize": 3, "linewidth": 1.2}
                name = case.title.split(", ", 1)[1] if by == "compiler" else None
                micros = [1e6 * one["seconds"][by] for one in found]
                steps.plot(many, micros, style, label=name, **look)
                millions = [rate(one, by) / 1e6 for one in found]
                speeds.plot(many, millions, style, **look)
        for axis in (steps, speeds):
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
            axis.set_xticks(many, map(str, many))
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.yaxis.set_major_formatter(pictures.Plain())
            axis.yaxis.set_minor_formatter(pictures.Plain(minor_thresholds=(2, 0.4)))
        net = cases[0].title.split(",")[0]
        pictures.finish(steps, f"{net}: a step", "chips", "µs")
        pictures.finish(speeds, f"{net}: rows in a second", "chips", "million rows/s")
        steps.legend(fontsize=7, frameon=False)
    figure.suptitle(
        "TPU v5e, on paper: by the compiler's cycles (lines) and by the published "
        "rates alone (dots)",
        fontsize=11, x=0.01, ha="left",
    )  # fmt: skip
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    raise SystemExit(main())

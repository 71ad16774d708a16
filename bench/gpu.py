"""What training would take on GPUs, without one: ``python -m bench.gpu``.

    python -m pip install ".[bench,gpu-paper]"

The program that ``fit`` runs is compiled ahead of time for GPUs that are not there.
What it launches, moves and tells other GPUs is read off, and from the published rates
follows the time of a step. Nothing is measured.
"""

import argparse
import importlib.util
import itertools
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import processes, report, tables
from bench.gpus import GPUS, LAUNCH, expected

RESULTS = Path(__file__).parent / "results"
NAME = "gpu-paper"
PLUGIN = "jax-cuda13-plugin"
ROWS = 1 << 16
NETS = ([128], [4096, 4096])
DTYPES = ("float32", "bfloat16")
BATCHES = (32, 256, 8192)
A_GPU = 1024
SETTINGS = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""A compiler alone: no GPU is looked for, and what cannot be tried out is not told."""


def here() -> bool:
    """Return whether the compiler for GPUs is installed."""
    return importlib.util.find_spec("jax_cuda13_plugin") is not None


def cases(net: list[int], gpu: str) -> list[dict[str, Any]]:
    """Return what is compiled of a network for one kind of GPU, alone and together."""
    alone = [(1, dtype, size) for dtype, size in itertools.product(DTYPES, BATCHES)]
    together = [(many, "float32", many * A_GPU) for many in (2, 4, 8)]
    return [
        {
            "gpu": gpu,
            "gpus": many,
            "hidden": net,
            "dtype": dtype,
            "batch_size": size,
            "rows": ROWS,
        }
        for many, dtype, size in alone + (together if gpu == "H100" else [])
    ]


def compiled(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compile cases in a process of their own; return what is in each, and its time.

    Raises:
        PeerError: one does not compile.
    """
    command = ["-m", "bench.probes.graphs", json.dumps({"cases": given})]
    _, said = processes.whole_process(command, **SETTINGS)
    found = json.loads(said.splitlines()[-1])
    return [one | {"seconds": expected(GPUS[one["gpu"]], one)} for one in found]


def main() -> int:
    """Compile, print and write; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu",
        description="Compile the training program for GPUs that are not there, and "
        "compute what a step would take. It takes ten minutes.",
    )
    parser.add_argument(
        "--output", metavar="DIR", type=Path, default=RESULTS, help="where results go"
    )
    output = parser.parse_args().output
    if not here():
        report.say(
            f"{PLUGIN} is not installed: run python -m pip install "
            '"jaxnet-mini[gpu-paper]".'
        )
        return 1
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib", PLUGIN)}
    about = {"versions": {"python": platform.python_version()} | versions}
    found = []
    for net, gpu in itertools.product(NETS, GPUS):
        report.say(f"Compiling {title(net)} for {gpu} ...")
        found += compiled(cases(net, gpu))
    results: dict[str, Any] = {"about": about, "found": found}
    report.say_tables(all_tables(results))
    write(output, results)
    return 0


def title(net: list[int]) -> str:
    """Return a network in the way of the tables."""
    return "-".join(map(str, (784, *net, 10)))


COLUMNS = [
    ("loop", ""),
    ("launches", "d"),
    ("GFLOP", ",.3f"),
    ("MB moved", ",.1f"),
    ("GB held", ".2f"),
    *((f"{part} µs", ",.1f") for part in ("products", "memory", "collectives")),
    ("by rates µs", ",.1f"),
    ("with launches µs", ",.1f"),
    ("Mrows/s", ",.2f"),
]


def all_tables(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a table for each network on one GPU, and one on several."""
    made = []
    for net, several in itertools.product(NETS, (False, True)):
        chosen = [
            one
            for one in results["found"]
            if one["hidden"] == net and (one["gpus"] > 1) == several
        ]
        where = f"{A_GPU:,} rows a GPU, on several" if several else "on one GPU"
        rows = {name(one): row(one) for one in chosen}
        made.append(tables.table(f"{title(net)}, {where}", COLUMNS, rows))
    return made


def name(one: dict[str, Any]) -> str:
    """Return what the row of a table is called."""
    many = f"{one['gpus']} x {one['gpu']}" if one["gpus"] > 1 else one["gpu"]
    return f"{many}, {one['dtype']}, batch {one['batch_size']:,}"


def row(one: dict[str, Any]) -> list[Any]:
    """Return its cells."""
    seconds = one["seconds"]
    parts = ("products", "memory", "collectives", "rates", "step")
    return [
        "inside" if one["at_once"] else "outside",
        one["launches"],
        one["flops"] / 1e9,
        one["bytes"] / 1e6,
        one["held_bytes"] / 1e9,
        *(1e6 * seconds[part] for part in parts),
        one["batch_size"] / seconds["step"] / 1e6,
    ]


ASSUMPTIONS = f"""\
# {NAME}: training on GPUs, on paper

**Nothing here was measured on a GPU.** These are figures of a compiled program and of \
data sheets, put together by `python -m bench.gpu`; compiling was all that ran.

What was compiled: `Trainer.loop`, the loop that `fit` runs, with Adam, sparse \
cross-entropy and accuracy, ahead of time (`jax.experimental.topologies`) with the \
options of the compiler that `fit` gives on a GPU, over {ROWS:,} rows of 784 float32 \
on each GPU. Compiled without a GPU, XLA cannot try out which kernel is the fastest \
for a product, and takes its default: on a GPU the kernels differ, and their number \
may.

- **loop**: *inside* where the whole loop is part of a command buffer (a CUDA graph), \
so that the host starts it once; *outside* where the host reads at each step whether \
there is another. It is outside on several GPUs, where collectives are in the step: \
they are not put into command buffers.
- **launches**: kernels, copies and collectives of a step, and of the condition.
- **GFLOP**: of the products alone, of each GPU. **MB moved**: operands and results of \
all kernels of a step; what stays in the cache counts as well. **GB held**: arguments, \
results and temporary arrays of the whole program, the data included.
- **products** at the published dense rates ({{rates}} TFLOP/s for float32, whose \
factors XLA rounds to TF32 by default, and bfloat16), **memory** at {{memory}} TB/s, \
**collectives** at {{links}} GB/s and direction over NVLink, an all-reduce twice \
around, its way without time.
- **by rates**: the longer of products and memory, and then the collectives. No \
program reaches these rates. **with launches** adds {LAUNCH * 1e6:.1f} µs for each \
launch, an assumption: about what passes between kernels of a graph of which one waits \
for the other. It is most of a step of a small net, up to thousands of rows."""


def page(results: dict[str, Any]) -> str:
    """Return the whole page."""
    gpus = GPUS.values()
    text = ASSUMPTIONS.format(
        rates=", ".join(
            f"{gpu.name} {gpu.flops['float32'] / 1e12:,.0f} and "
            f"{gpu.flops['bfloat16'] / 1e12:,.0f}"
            for gpu in gpus
        ),
        memory=", ".join(f"{gpu.memory_rate / 1e12:.2f}" for gpu in gpus),
        links=", ".join(f"{gpu.link / 1e9:.0f}" for gpu in gpus),
    )
    versions = results["about"]["versions"].items()
    named = ", ".join(f"{name} {version}" for name, version in versions)
    parts = [text, f"Compiled with {named}."]
    parts += [report.markdown(table) for table in all_tables(results)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write the figures and the page."""
    path = folder / f"{NAME}.json"
    results = report.rounded(results)
    report.keep(path, results, page(results))
    report.say(f"Written: {path} and {NAME}.md.")


if __name__ == "__main__":
    raise SystemExit(main())

"""The targets of the project, each computed from the results as a ratio."""

from collections.abc import Callable
from typing import Any, NamedTuple

from bench import cache_line, tables
from bench.peers import OURS

Results = dict[str, dict[str, Any]]
"""The suites of a run, by name."""

KERAS = "Keras"
BAR = f"{OURS}, progress bar drawn"
NET = "784-128-10"
SEVERAL = "32 members, 3 epochs of Fashion-MNIST, whole process"
SEARCH = "search of 20 candidates and 5 folds of the digits, whole process"
MANY = "256 members, 50 epochs of the digits, whole process"
STREAMED = f"{OURS}, streamed"
HELD = "GB held beyond the page cache, training on 20 GB"
NAMED = "share of time that the bar says a slow generator is waited for"
HELD_MOST = "peak memory of 5 epochs trained and evaluated, whole process"
ESTIMATOR = "an estimator on the digits, 50 epochs"
ON_ALL = "epoch at batch 32, all cores against one core"
ON_DEVICES = [
    f"epoch at batch {size}, {count} devices against one"
    for size in (32, 1024)
    for count in (2, 4)
]
FITS = "two fits at once in threads, against one after the other"
NETS = [
    f"{net}, batch 32" for net in ("784-128-normalized-10", "wide and deep, 2 x 256")
]
JOBS = "GridSearchCV(n_jobs=2) of 4 candidates and 2 folds, against n_jobs=1"


def swept(batch_size: int) -> str:
    """Return what a sweep on all cores against one is called."""
    return f"sweep of 8 at batch {batch_size}, all cores against one core"


class Value(NamedTuple):
    """What was measured: a ratio, and against whom."""

    ratio: float
    against: str = ""


class Target(NamedTuple):
    """One line of the table: ``at_least`` says on which side of ``bound`` to be.

    Where the suite ``beside`` ran on far cores, ``far`` is the bound.
    """

    measure: str
    at_least: bool
    bound: float
    value: Callable[[Results], Value | None]
    far: float | None = None
    beside: str = ""

    def row(self, results: Results) -> list[Any]:
        """Return the cells of the table."""
        cores = cache_line.state(line_beside(results, self.beside)) if self.far else ""
        bound = self.far if self.far and cores == cache_line.FAR else self.bound
        told = f"{'≥' if self.at_least else '≤'} {bound:g}"
        told += f" on {cores} cores" if cores else ""
        found = self.value(results)
        if found is None:
            return [told, None, "not measured", ""]
        met = found.ratio >= bound if self.at_least else found.ratio <= bound
        return [told, found.ratio, "met" if met else "missed", found.against]


def line_beside(results: Results, suite: str) -> list[float | None]:
    """Return what a cache line took before and after a suite."""
    lines: list[float | None] = (
        results.get(suite, {}).get("taken", {}).get("cache_line", [])
    )
    return lines


def quickest(suite: str, prefix: str, peers: str = "") -> Callable[..., Value | None]:
    """Return what reads how many times as long as ours the quickest peer takes."""

    def value(results: Results) -> Value | None:
        found = ratios(results, suite, f"{prefix} | {peers}")
        found.pop(f"{prefix} | {BAR}", None)
        if not found:
            return None
        name = min(found, key=found.__getitem__)
        return Value(found[name], name.split(" | ")[1])

    return value


def inverse(value: Callable[[Results], Value | None]) -> Callable[..., Value | None]:
    """Return what reads our time as a multiple of the peer's."""

    def inverted(results: Results) -> Value | None:
        found = value(results)
        return found and found._replace(ratio=1 / found.ratio)

    return inverted


def largest(suite: str, *names: str) -> Callable[..., Value | None]:
    """Return what reads the largest of some ratios; None where one is missing."""

    def value(results: Results) -> Value | None:
        found = ratios(results, suite)
        if not found.keys() >= set(names):
            return None
        name = max(names, key=found.__getitem__)
        return Value(found[name], name.split(" | ")[0] if len(names) > 1 else "")

    return value


def ratios(results: Results, suite: str, prefix: str = "") -> dict[str, float]:
    """Return the ratios of a suite whose names start with ``prefix``."""
    found = results.get(suite, {}).get("ratios", {})
    return {name: r["value"] for name, r in found.items() if name.startswith(prefix)}


def epoch(batch_size: int, bound: float, far: float | None = None) -> Target:
    """Return the target of an epoch against the fastest peer."""
    return Target(
        f"epoch at batch {batch_size}, against the fastest peer: times as fast",
        True,
        bound,
        quickest("fit", f"{NET}, batch {batch_size}"),
        far,
        "fit",
    )


def at_most(
    measure: str,
    bound: float,
    value: Callable[..., Any],
    far: float | None = None,
    beside: str = "",
) -> Target:
    """Return a target of a ratio that should be small."""
    return Target(measure, False, bound, value, far, beside)


STREAMS = [
    *(
        Target(
            f"rows streamed from a file against resident ones, {dtype}: times as fast",
            True,
            0.85,
            largest("stream", f"120,000 rows of 784 {dtype}, batch 256 | {STREAMED}"),
        )
        for dtype in ("uint8", "float32")
    ),
    at_most(
        HELD,
        2.0,
        largest("stream", HELD),
    ),
    Target(
        "slow generator named by the bar: share of time waiting for it",
        True,
        0.5,
        largest("stream", NAMED),
    ),
]

CORES = [
    at_most(
        "epoch at batch 32, all cores against one core: worst of all pairs",
        1.05,
        largest("cores", f"{ON_ALL} | largest"),
    ),
    at_most(
        "the same, median of the pairs on near cores",
        0.74,
        largest("cores", f"{ON_ALL}, near cores | median"),
    ),
    at_most(
        "2 and 4 virtual devices against one, batch 32 and 1024: worst of all pairs",
        1.05,
        largest("cores", *(f"{name} | largest" for name in ON_DEVICES)),
    ),
    *(
        at_most(
            f"sweep of 8 at batch {size}, all cores against one core: median",
            bound,
            largest("cores", f"{swept(size)} | median"),
        )
        for size, bound in ((32, 0.55), (256, 0.6))
    ),
    *(
        at_most(f"{name}: median", 0.6, largest("cores", f"{name} | median"))
        for name in (FITS, JOBS)
    ),
]

ON_A_CPU = [
    epoch(32, 1.9, far=1.35),
    epoch(128, 1.6),
    epoch(256, 1.5),
    epoch(1024, 1.3),
    epoch(8192, 1.3),
    *CORES,
    *(
        at_most(
            f"step against the floor, batch {size}",
            bound,
            largest("limit", f"step against the floor, batch {size}"),
        )
        for size, bound in ((32, 1.5), (1024, 1.3))
    ),
    *(
        Target(
            f"{net}, against the fastest Keras setting: times as fast",
            True,
            1.5,
            quickest("nets", net, KERAS),
        )
        for net in NETS
    ),
    at_most(
        "start to 5 epochs trained and evaluated, against the fastest Keras setting",
        0.42,
        inverse(quickest("cold", "cold", KERAS)),
        far=0.45,
        beside="cold",
    ),
    at_most(
        "the same with a warm compilation cache",
        0.38,
        inverse(quickest("cold", "warm", KERAS)),
    ),
    at_most(
        "peak memory of the same script, against the least of Keras's settings",
        0.75,
        inverse(quickest("memory", HELD_MOST, KERAS)),
    ),
    at_most(
        "50 epochs on digits, whole process, against scikit-learn",
        1.0,
        inverse(quickest("small", "50 epochs, whole process", "scikit-learn")),
    ),
    at_most(
        "50 epochs on digits, steady fit, against scikit-learn",
        0.25,
        inverse(quickest("small", "50 epochs, steady fit", "scikit-learn")),
    ),
    at_most(
        "predict of one row, against scikit-learn",
        1.0,
        inverse(quickest("small", "predict 1 row", "scikit-learn")),
    ),
    at_most(
        "predict of one row, against Keras",
        0.15,
        inverse(quickest("small", "predict 1 row", KERAS)),
    ),
    at_most(
        "evaluate of 10,000 rows, against Keras's default",
        0.2,
        inverse(largest("small", "evaluate 10,000 rows | Keras on JAX")),
    ),
    at_most(
        "progress bar, history and callbacks on, against off",
        1.02,
        largest("fit", *(f"{NET}, batch {size} | {BAR}" for size in (32, 1024))),
    ),
    *(
        at_most(
            f"keeping the run after every epoch, batch {size}, against not",
            1.05,
            largest("keep", f"fit of 20 epochs, batch {size} | {OURS}, run kept"),
        )
        for size in (32, 1024)
    ),
    at_most(
        "cost of a row among 1,000,000 against 100,000",
        1.1,
        largest("growth", "cost of a row, 1,000,000 against 100,000"),
    ),
    at_most(
        "compiling 128 equal hidden layers against 4",
        2.0,
        largest("jit", "compile 128 layers against 4, repeat"),
    ),
    at_most(
        "SweepSearchCV, 20 candidates and 5 folds, against GridSearchCV(n_jobs=2)",
        0.2,
        inverse(quickest("sklearn", SEARCH)),
    ),
    at_most(
        "an estimator on the digits, whole process, against scikit-learn",
        1.0,
        inverse(quickest("sklearn", f"{ESTIMATOR}, whole process")),
    ),
    at_most(
        "the same, steady fit",
        0.25,
        inverse(quickest("sklearn", f"{ESTIMATOR}, steady fit")),
    ),
    at_most(
        "predict_proba of one row by an estimator, against scikit-learn",
        0.6,
        inverse(quickest("sklearn", "predict_proba of 1 row")),
    ),
    at_most(
        "sweep of 32 on Fashion-MNIST, whole process, against Keras fits in turn",
        0.12,
        inverse(quickest("sweep", SEVERAL, KERAS)),
    ),
    at_most(
        "sweep of 256 on the digits, whole process, against Keras fits in turn",
        0.05,
        inverse(quickest("sweep", MANY, KERAS)),
    ),
    *STREAMS,
]

ON_A_GPU = [
    Target(
        "epoch at batch 32, against Keras's default: times as fast",
        True,
        10.0,
        largest("fit", f"{NET}, batch 32 | Keras on JAX"),
    ),
    epoch(32, 2.0),
    at_most(
        "sweep of 64 members against one, steady call",
        4.0,
        largest("sweep", "64 members against one"),
    ),
    *STREAMS,
]


def table(results: dict[str, Any]) -> dict[str, Any]:
    """Return the table of targets, measured columns and all."""
    cpu = results["about"]["device"]["platform"] == "cpu"
    rows = {
        target.measure: target.row(results["suites"])
        for target in (ON_A_CPU if cpu else ON_A_GPU)
    }
    columns = [("target", ""), ("measured", ".3f"), ("", ""), ("against", "")]
    return tables.table("Targets", columns, rows, note=cache_line.RULE if cpu else "")

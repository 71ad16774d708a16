"""``cores``: what more cores and devices are worth on a CPU, in pairs.

784-128-10 on Fashion-MNIST. Epochs of ``fit`` on all cores, on one and with virtual
devices, and calls of ``sweep`` whose programs were compiled before: each in a process
of its own, those of a turn one after another. Fits at once and a search with two jobs
are pairs in one process. A cache line is sent between two cores before and after each
process, and the slowest of those beside a pair is kept with it.
"""

import contextlib
import itertools
import os
import statistics
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bench import cache_line, machine, tables
from bench.processes import PeerError, on_one_core, probe, unavailable
from bench.settings import LEFT_OUT, UNSEEN, Settings
from bench.turns import ratio

PROCESSES = 10
"""Of epochs the worst pair counts: of so many, or of twice the rounds if fewer."""

EPOCHS = {32: 5, 1024: 8}
"""Epochs in a process by batch size: about a second of each."""

OTHERS = 10.0
"""Seconds that a turn of what is no epoch takes, about, so that there are three."""

ALL, ONE = "all cores", "one core"
DEVICES = {"2 devices": 2, "4 devices": 4}
SWEPT = (32, 256)
SWEEP = {"data": "fashion", "counts": [8], "epochs": 2, "rounds": 1}
FITS = "two fits at once in threads, against one after the other"
FIT = {"data": "fashion", "batch_size": 32, "epochs": 3, "rounds": 3}
JOBS = "GridSearchCV(n_jobs=2) of 4 candidates and 2 folds, against n_jobs=1"
SEARCH = {"rates": 4, "folds": 2, "max_iter": 50, "rounds": 1}
SEARCH |= {"hidden_layer_sizes": [128], "batch_size": 32, "random_state": 0}

TITLE = "more cores, devices and jobs, in pairs"
COLUMNS = [("median s", ".3f"), ("against s", ".3f"), ("median ratio", ".2f")]
COLUMNS += [("smallest", ".2f"), ("largest", ".2f"), ("pairs", "d")]
COLUMNS += [("cores", ""), ("cache line ns", "")]

Seconds = dict[str, float]


class Work(NamedTuple):
    """What takes turns.

    Args:
        processes: one after another they make a turn; each returns seconds by name.
        pairs: by what the table calls it, of which seconds it is the ratio.
        turns: how many there are.
    """

    processes: list[Callable[[], Seconds]]
    pairs: dict[str, tuple[str, str]]
    turns: int


class Pair(NamedTuple):
    """Seconds of two that took turns, and the slowest cache line beside them."""

    seconds: float
    against: float
    line: float | None

    @property
    def ratio(self) -> float:
        """The first as a multiple of the other."""
        return self.seconds / self.against

    @property
    def cores(self) -> str:
        """Whether cores were near or far meanwhile."""
        return cache_line.state([self.line])


def run(settings: Settings) -> dict[str, Any]:
    """Return the table of all pairs."""
    if why := unmeasured(settings):
        return {
            "tables": [tables.table(TITLE, COLUMNS, {}, {"all": why})],
            "ratios": {},
            "left_out": {"": why},
            "data": {"pairs": {}},
        }
    works, absent = works_of(settings)
    pairs: dict[str, list[Pair]] = {}
    # Rounds are outside: cores that are near now may be far in a while.
    for number, work in itertools.product(range(PROCESSES), works):
        if number >= work.turns or absent.keys() & work.pairs.keys():
            continue
        try:
            for name, pair in taken(work).items():
                pairs.setdefault(name, []).append(pair)
        except PeerError as error:
            absent |= dict.fromkeys(work.pairs, f"failed: {error}")
    pairs = {name: found for name, found in pairs.items() if name not in absent}
    found, unseen = ratios(pairs)
    return {
        "tables": [table(pairs, absent)],
        "ratios": found,
        "left_out": absent | unseen,
        "data": {"pairs": {name: list(map(list, it)) for name, it in pairs.items()}},
    }


def unmeasured(settings: Settings) -> str:
    """Return why there is nothing to compare here, "" where there is."""
    if settings.device != "cpu":
        return "measured on a CPU"
    if not hasattr(os, "sched_setaffinity"):
        return "the system pins no process to a core"
    return "" if machine.cores() > 1 else "there is one core"


def works_of(settings: Settings) -> tuple[list[Work], dict[str, str]]:
    """Return what takes turns, and why others are not there."""
    works = [epochs(settings), fits(settings)]
    absent = {}
    for size in SWEPT:
        if settings.quick:
            absent[sweep_of(size)] = LEFT_OUT
        else:
            works.append(sweeps(settings, size))
    if reason := LEFT_OUT if settings.quick else unavailable("scikit-learn", settings):
        absent[JOBS] = reason
    else:
        works.append(jobs(settings))
    if settings.quick:
        shown = {name for work in works for name in work.pairs}
        every = epochs(Settings(settings.scratch)).pairs
        absent |= {name: LEFT_OUT for name in every if name not in shown}
    return works, absent


def epochs(settings: Settings) -> Work:
    """Return epochs: on one core, on all, and with devices."""
    quick = settings.quick
    counts = {32: 2} if quick else EPOCHS
    turns = settings.rounds if quick else min(PROCESSES, 2 * settings.rounds)
    places = [ONE, ALL, *DEVICES]

    def process(place: str) -> Seconds:
        found = placed(
            place,
            "epochs",
            scratch=str(settings.scratch),
            data="fashion",
            counts=list(counts.items()),
        )
        return {f"{place} {size}": s for size, s in zip(counts, found, strict=True)}

    pairs = {}
    for size in counts:
        pairs[epochs_of(size, ALL, ONE)] = f"{ALL} {size}", f"{ONE} {size}"
        for place in DEVICES:
            key = epochs_of(size, place, "one")
            pairs[key] = f"{place} {size}", f"{ALL} {size}"
    return Work([lambda place=place: process(place) for place in places], pairs, turns)


def epochs_of(size: int, place: str, against: str) -> str:
    """Return what a pair of epochs is called."""
    return f"epoch at batch {size}, {place} against {against}"


def sweeps(settings: Settings, size: int) -> Work:
    """Return whole calls of ``sweep`` on one core and on all."""

    def process(place: str) -> Seconds:
        told = SWEEP | {"scratch": str(settings.scratch), "batch_size": size}
        return {
            place: statistics.median(s for (s,) in placed(place, "members", **told))
        }

    processes = [lambda place=place: process(place) for place in (ONE, ALL)]
    return Work(processes, {sweep_of(size): (ALL, ONE)}, settings.turns(OTHERS))


def sweep_of(size: int) -> str:
    """Return what a pair of sweeps is called."""
    return f"sweep of 8 at batch {size}, {ALL} against {ONE}"


def fits(settings: Settings) -> Work:
    """Return two small fits, one after the other and at once."""
    told = FIT | {"scratch": str(settings.scratch)}
    told |= {"epochs": 1, "rounds": 1} if settings.quick else {}
    return in_one(FITS, "at_once", told, settings.turns(OTHERS))


def jobs(settings: Settings) -> Work:
    """Return a search by one process and by two."""
    return in_one(JOBS, "jobs", SEARCH, settings.turns(OTHERS))


def in_one(name: str, module: str, told: dict[str, Any], turns: int) -> Work:
    """Return a pair that takes turns in one process, what is less first."""

    def process() -> Seconds:
        against, seconds = zip(*probe(module, **told), strict=True)
        return {
            "against": statistics.median(against),
            "seconds": statistics.median(seconds),
        }

    return Work([process], {name: ("seconds", "against")}, turns)


def placed(place: str, module: str, **arguments: Any) -> Any:
    """Run a probe on one core, on all or with virtual devices, as JAX starts there."""
    if place in DEVICES:
        flag = f"--xla_force_host_platform_device_count={DEVICES[place]}"
        flags = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
        return probe(module, {"XLA_FLAGS": flags}, **arguments)
    with on_one_core() if place == ONE else contextlib.nullcontext():
        return probe(module, **arguments)


def taken(work: Work) -> dict[str, Pair]:
    """Take a turn and return its pairs.

    Raises:
        PeerError: a process failed.
    """
    seconds: Seconds = {}
    beside: dict[str, list[float | None]] = {}
    line = cache_line.nanoseconds()
    for process in work.processes:
        before, found, line = line, process(), cache_line.nanoseconds()
        seconds |= found
        beside |= {name: [before, line] for name in found}
    pairs = {}
    for name, (one, other) in work.pairs.items():
        lines = [line for line in beside[one] + beside[other] if line is not None]
        pairs[name] = Pair(seconds[one], seconds[other], max(lines, default=None))
    return pairs


def parted(name: str, pairs: list[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    """Yield all pairs by their name, and those of near and of far cores by theirs."""
    yield name, pairs
    for state in (cache_line.NEAR, cache_line.FAR):
        yield f"{name}, {state} cores", [pair for pair in pairs if pair.cores == state]


def ratios(pairs: dict[str, list[Pair]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return medians and largest ratios, and why some are not there."""
    found, unseen = {}, {}
    for whole, all_pairs in pairs.items():
        for name, some in parted(whole, all_pairs):
            if not some:
                unseen[name] = UNSEEN
                continue
            values = [pair.ratio for pair in some]
            median = statistics.median(values)
            found[f"{name} | median"] = ratio(median, better="less")
            found[f"{name} | largest"] = ratio(max(values), better="less")
    return found, unseen


def table(pairs: dict[str, list[Pair]], absent: dict[str, str]) -> dict[str, Any]:
    """Return the table: a line for all pairs, and for each state if there were both."""
    rows = {}
    for whole, all_pairs in pairs.items():
        for name, some in parted(whole, all_pairs):
            if not some or (name != whole and len(some) == len(all_pairs)):
                continue
            values = [pair.ratio for pair in some]
            rows[name] = [
                statistics.median(pair.seconds for pair in some),
                statistics.median(pair.against for pair in some),
                statistics.median(values),
                min(values),
                max(values),
                len(some),
                " and ".join(
                    sorted({pair.cores for pair in some} - {""}, reverse=True)
                ),
                " to ".join(f"{line:.0f}" for line in bounds(some)),
            ]
    return tables.table(TITLE, COLUMNS, rows, absent, cache_line.RULE)


def bounds(pairs: list[Pair]) -> list[float]:
    """Return the fastest and the slowest cache line beside some pairs."""
    lines = [pair.line for pair in pairs if pair.line is not None]
    return [min(lines), max(lines)] if lines else []

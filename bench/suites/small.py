"""``small``: small data and single calls, where all but the arithmetic costs.

50 epochs on the digits (1,500 rows, 64-128-10, batch 32), as a whole process and as a
call of ``fit`` on a model that has trained before; ``predict`` of 1 and of 1,000 rows,
NumPy in and NumPy out; ``evaluate`` of the 10,000 rows of Fashion-MNIST (784-128-10).
"""

from collections.abc import Callable
from typing import Any

from bench import tables
from bench.peers import OURS, PEERS
from bench.processes import PeerError, Peers, Process, peers_of
from bench.settings import Settings
from bench.suites.cold import once
from bench.suites.fit import remark
from bench.turns import Turns, ratios

EPOCHS = 50
DIGITS = {"data": "digits", "hidden": [128], "batch_size": 32}
FASHION = {"data": "fashion", "hidden": [128], "batch_size": 1024}
TITLES = {
    "whole": "50 epochs, whole process",
    "fit": "50 epochs, steady fit",
    "one": "predict 1 row",
    "thousand": "predict 1,000 rows",
    "evaluate": "evaluate 10,000 rows",
}
LABELS = "scikit-learn, labels"
CALL_SECONDS = 0.2
"""How long the calls of one turn take together, about."""

Call = Callable[[int], list[float]]
"""Make so many calls; return the median seconds of one."""


def run(settings: Settings) -> dict[str, Any]:
    """Return a table for each of the measures."""
    measures = {title: Turns(settings) for title in TITLES.values()}
    remarks: dict[str, str] = {}
    with peers_of(settings) as peers:
        for name in PEERS:
            try:
                add(settings, peers, name, measures, remarks)
            except PeerError as error:
                peers.fail(name, error)
            for turns in measures.values():
                if name in peers.absent:
                    turns.absent[name] = peers.absent[name]
        for turns in measures.values():
            turns.run()
        absent = peers.absent
    units = {
        TITLES["one"]: {"scale": 1e6, "unit": "µs", "form": ",.0f"},
        TITLES["thousand"]: {"scale": 1e6, "unit": "µs", "form": ",.0f"},
        TITLES["evaluate"]: {"scale": 1e3, "unit": "ms", "form": ",.2f"},
    }
    found: dict[str, Any] = {}
    for title, turns in measures.items():
        found |= ratios(title, turns.spreads(), OURS)
    return {
        "tables": [
            tables.timings(
                title,
                turns.spreads(),
                turns.absent,
                remarks=remarks,
                **units.get(title, {}),
            )
            for title, turns in measures.items()
        ],
        "ratios": found,
        "left_out": {f"| {name}": why for name, why in absent.items()},
        "data": {},
    }


def add(
    settings: Settings,
    peers: Peers,
    name: str,
    measures: dict[str, Turns],
    remarks: dict[str, str],
) -> None:
    """Let a peer take part in all measures.

    Raises:
        PeerError: it failed.
    """
    process = peers.get(name)
    if process is None:
        return
    trial = not settings.quick
    best = process("prepare", key="digits", trial=trial, **DIGITS)["setting"]
    process("prepare", key="fashion", trial=trial, **FASHION)
    if best is not None:
        remarks[name] = remark(name, best)

    whole = once(settings, name, best, DIGITS, EPOCHS)
    seconds = 2.0 if settings.quick else whole()[0]
    measures[TITLES["whole"]].add(name, whole, seconds)

    def fit() -> list[float]:
        seconds: list[float] = process("fit", key="digits", epochs=EPOCHS)
        return seconds

    fit()
    measures[TITLES["fit"]].add(name, fit, fit()[0])
    for what, rows in (("one", 1), ("thousand", 1000)):
        add_calls(measures[TITLES[what]], name, predicting(process, rows))
        if name == "scikit-learn":
            labels = predicting(process, rows, "labels")
            add_calls(measures[TITLES[what]], LABELS, labels)

    def evaluating(calls: int) -> list[float]:
        seconds: list[float] = process(
            "evaluate", key="fashion", data="fashion", calls=calls
        )
        return seconds

    add_calls(measures[TITLES["evaluate"]], name, evaluating)


def predicting(process: Process, rows: int, way: str = "predict") -> Call:
    """Return calls of ``predict``."""

    def calls_of(calls: int) -> list[float]:
        seconds: list[float] = process(
            "predict",
            key="digits",
            data="digits",
            rows=rows,
            calls=calls,
            way=way,
        )
        return seconds

    return calls_of


def add_calls(turns: Turns, name: str, call: Call) -> None:
    """Let short calls take part, as many in a turn as take `CALL_SECONDS`."""
    (seconds,) = call(3)
    calls = max(3, min(1000, int(CALL_SECONDS / seconds)))
    turns.add(name, lambda: call(calls), seconds * calls)

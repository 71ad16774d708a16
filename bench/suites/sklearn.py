"""``sklearn``: the words of scikit-learn, against scikit-learn itself.

A search through learning rates and penalties of a network for the digits (64-128-10,
50 epochs, batch 32), with folds; each side is a whole process. Scikit-learn searches in
two processes, ``n_jobs=2``. A single estimator (64-100-10) likewise: 50 epochs as a
whole process, and as a second ``fit``; ``predict_proba`` of one row.
"""

import json
import time
from typing import Any

from bench import tables
from bench.peers import OURS
from bench.processes import PeerError, probe, unavailable, whole_process
from bench.settings import Settings
from bench.suites.sweep import command_of
from bench.turns import Turns, ratios

PEER = "scikit-learn"
TITLE = "search of 20 candidates and 5 folds of the digits, whole process"
SEARCH = {"rates": 5, "alphas": 4, "folds": 5, "max_iter": 50}
QUICK = {"rates": 2, "alphas": 1, "folds": 2, "max_iter": 3}
NET = {"hidden_layer_sizes": [128], "batch_size": 32, "random_state": 0}

SINGLE = {
    "whole": "an estimator on the digits, 50 epochs, whole process",
    "fit": "an estimator on the digits, 50 epochs, steady fit",
    "one": "predict_proba of 1 row",
}

ALIKE = 0.01
"""The best scores of both sides may differ by so much."""


def searched(settings: Settings) -> dict[str, Any]:
    """Return the table of the search."""
    turns, search = Turns(settings), NET | (QUICK if settings.quick else SEARCH)
    scores: dict[str, float] = {}

    def turn(name: str) -> list[float]:
        command = command_of("searching", ours=name == OURS, **search)
        seconds, said = whole_process(command)
        scores[name] = json.loads(said.splitlines()[-1])["score"]
        if abs(scores[name] - scores.get(OURS, scores[name])) > ALIKE:
            raise PeerError(
                f"its best score is {scores[name]}, and ours {scores[OURS]}"
            )
        return [seconds]

    for name in (OURS, PEER):
        if reason := name != OURS and unavailable(name, settings):
            turns.absent[name] = reason
            continue
        try:
            turns.add(name, lambda name=name: turn(name), turn(name)[0])
        except PeerError as error:
            turns.absent[name] = f"failed: {error}"
    turns.run()
    spreads = turns.spreads()
    return {
        "tables": [tables.timings(TITLE, spreads, turns.absent)],
        "ratios": ratios(TITLE, spreads, OURS),
        "left_out": {f"| {name}": why for name, why in turns.absent.items()},
        "data": {},
    }


def single(settings: Settings, what: str) -> dict[str, Any]:
    """Return the table of one measure of an estimator; each turn is a process."""
    turns = Turns(settings)

    def turn(name: str) -> list[float]:
        since = time.perf_counter()
        found: list[float] = probe("estimating", ours=name == OURS, what=what)
        return [time.perf_counter() - since] if what == "whole" else found

    for name in (OURS, PEER):
        since = time.perf_counter()
        try:
            turn(name)
        except PeerError as error:
            turns.absent[name] = f"failed: {error}"
            continue
        turns.add(name, lambda name=name: turn(name), time.perf_counter() - since)
    turns.run()
    spreads, title = turns.spreads(), SINGLE[what]
    units: dict[str, Any] = {"scale": 1e6, "unit": "µs", "form": ",.0f"}
    shown = tables.timings(
        title, spreads, turns.absent, **(units if what == "one" else {})
    )
    return {"tables": [shown], "ratios": ratios(title, spreads, OURS)}


def run(settings: Settings) -> dict[str, Any]:
    """Return the tables of the search and of a single estimator."""
    found = searched(settings)
    for what in SINGLE:
        own = single(settings, what)
        found["tables"] += own["tables"]
        found["ratios"] |= own["ratios"]
    return found

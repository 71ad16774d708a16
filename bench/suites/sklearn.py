"""``sklearn``: the words of scikit-learn, against scikit-learn itself.

A search through learning rates and penalties of a network for the digits (64-128-10,
50 epochs, batch 32), with folds; each side is a whole process. Scikit-learn searches in
two processes, ``n_jobs=2``.
"""

import json
from typing import Any

from bench import tables
from bench.peers import OURS
from bench.processes import PeerError, unavailable, whole_process
from bench.settings import Settings
from bench.suites.sweep import command_of
from bench.turns import Turns, ratios

PEER = "scikit-learn"
TITLE = "search of 20 candidates and 5 folds of the digits, whole process"
SEARCH = {"rates": 5, "alphas": 4, "folds": 5, "max_iter": 50}
QUICK = {"rates": 2, "alphas": 1, "folds": 2, "max_iter": 3}
NET = {"hidden_layer_sizes": [128], "batch_size": 32, "random_state": 0}

ALIKE = 0.01
"""The best scores of both sides may differ by so much."""


def run(settings: Settings) -> dict[str, Any]:
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

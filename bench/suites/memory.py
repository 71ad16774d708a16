"""``memory``: the most that a whole script holds, against Keras.

The script of ``cold``: float32 images of 188 MB loaded from a file, 784-128-10 trained
for five epochs at batch 32, then an evaluation. What it says at its end is the peak of
its resident memory, libraries and all.
"""

from typing import Any

from bench import tables
from bench.peers import OURS
from bench.processes import PeerError, probe, unavailable
from bench.settings import Settings
from bench.suites.cold import EPOCHS, WORK
from bench.turns import Turns, ratios

NAMES = (OURS, "Keras on JAX", "Keras on JAX, steps_per_execution")
TITLE = "peak memory of 5 epochs trained and evaluated, whole process"
TURN_SECONDS = 10.0
"""About, so that there are three turns: memory hardly differs between them."""


def run(settings: Settings) -> dict[str, Any]:
    """Return the table of the most megabytes held."""
    if settings.device != "cpu":
        why = {TITLE: "measured on a CPU"}
        return {
            "tables": [tables.table(TITLE, [], {}, why)],
            "ratios": {},
            "left_out": why,
            "data": {},
        }
    turns = Turns(settings)
    loaded: dict[str, float] = {}

    def turn(name: str) -> list[float]:
        told = WORK | {"epochs": EPOCHS, "scratch": str(settings.scratch)}
        found = probe("holding", name=name, **told)
        if not 0.75 < found["accuracy"] <= 1.0:
            raise PeerError(f"it learned nothing: {found['accuracy']:.3f}")
        loaded[name] = found["loaded_mb"]
        return [found["peak_mb"]]

    for name in NAMES:
        if reason := unavailable(name, settings):
            turns.absent[name] = reason
        else:
            turns.add(name, lambda name=name: turn(name), TURN_SECONDS)
    turns.run()
    spreads = turns.spreads()
    found = ratios(TITLE, spreads, OURS)
    cells = {
        name: [
            *(value[what] for what in ("median", "min", "max")),
            found.get(f"{TITLE} | {name}", {"value": 1.0})["value"],
            loaded[name],
            value["turns"],
        ]
        for name, value in spreads.items()
    }
    columns = [(f"{what} MB", ",.0f") for what in ("median", "min", "max")]
    columns += [("memory / ours", ".2f"), ("MB once loaded", ",.0f"), ("turns", "d")]
    return {
        "tables": [tables.table(TITLE, columns, cells, turns.absent)],
        "ratios": found,
        "left_out": {f"{TITLE} | {n}": why for n, why in turns.absent.items()},
        "data": {},
    }

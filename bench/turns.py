"""Taking turns: A B A B ..., and what comes of it."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from bench.processes import PeerError
from bench.settings import Settings

Turn = Callable[[], list[float]]
"""One turn: the seconds of what was measured in it."""


class Turns:
    """Who takes turns, and the seconds measured in each.

    ``values`` has by name a list of one entry per round: the median of that turn, or
    None where the name sat the round out. ``extremes`` are those over all single
    measurements.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.absent: dict[str, str] = {}
        self.values: dict[str, list[float | None]] = {}
        self.extremes: dict[str, tuple[float, float]] = {}
        self._turns: dict[str, tuple[Turn, set[int]]] = {}

    def add(self, name: str, turn: Turn, seconds: float) -> None:
        """Let ``name`` take part, whose turn takes about so many seconds."""
        turns = self.settings.turns(seconds)
        self._turns[name] = turn, self.settings.takes_part(turns)

    def run(self) -> None:
        """Take all turns; who fails is out, with the reason in ``absent``."""
        for number in range(self.settings.rounds):
            for name, (turn, rounds) in self._turns.items():
                if name in self.absent:
                    continue
                values = self.values.setdefault(name, [])
                if number not in rounds:
                    values.append(None)
                    continue
                try:
                    seconds = turn()
                except PeerError as error:
                    self.absent[name] = f"failed: {error}"
                    del self.values[name]
                    continue
                values.append(statistics.median(seconds))
                low, high = self.extremes.get(name, (seconds[0], seconds[0]))
                self.extremes[name] = min(low, *seconds), max(high, *seconds)

    def spreads(self) -> dict[str, dict[str, Any]]:
        """Return median, min, max and number of turns by name."""
        return {
            name: spread(values)
            | dict(zip(("min", "max"), self.extremes[name], strict=True))
            for name, values in self.values.items()
        }

    def paired(self, name: str, other: str) -> float:
        """Return the median over rounds of the ratio of two that took turns."""
        pairs = zip(self.values[name], self.values[other], strict=True)
        return statistics.median(a / b for a, b in pairs if a and b)


def spread(values: list[float | None] | list[float]) -> dict[str, Any]:
    """Return median, min, max and how many there are."""
    known = [value for value in values if value is not None]
    return {
        "median": statistics.median(known),
        "min": min(known),
        "max": max(known),
        "turns": len(known),
    }


def ratios(
    prefix: str, spreads: Mapping[str, dict[str, Any]], ours: str
) -> dict[str, dict[str, Any]]:
    """Return how many times as long as ours each takes, by medians."""
    if ours not in spreads:
        return {}
    unit = spreads[ours]["median"]
    return {
        f"{prefix} | {name}": ratio(value["median"] / unit)
        for name, value in spreads.items()
        if name != ours
    }


def ratio(value: float, better: str = "more") -> dict[str, Any]:
    """Return a ratio as results keep it; ``better`` is "more" or "less"."""
    return {"value": value, "better": better}

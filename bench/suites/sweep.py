"""``sweep``: many models by one call, against as many fits one after another.

Learning rates and seeds, with a validation at the end of each epoch; 784-128-10 on
Fashion-MNIST and 64-128-10 on the digits. Each side is a whole process, from its start
to the last member trained. On a GPU, what 64 members cost against one.
"""

import json
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bench import tables
from bench.peers import OURS
from bench.processes import PeerError, probe, unavailable, whole_process
from bench.settings import LEFT_OUT, Settings
from bench.turns import Turns, ratio, ratios, spread

KERAS = {"Keras on JAX": None, "Keras on JAX, steps_per_execution": 32}
"""The peers: how many steps each takes in one call of its program."""

LONGEST = 900.0
"""Seconds: what would take longer is computed from the first fits, and that is said."""

THREE_TURNS = 20.0
"""What takes so long is measured three times, and so is what takes up to a minute or
three here: once would not be enough."""

FEW, SOME = 3, 48
"""So many fits show how long all would take, and of so many they are computed."""

ALIKE = 0.15
"""The median validation losses of both sides may differ by so much of them."""

SEVERAL = 64
MANY = f"{SEVERAL} members against one"


class Work(NamedTuple):
    """The members of one sweep."""

    name: str
    data: str
    rates: int
    seeds: int
    epochs: int
    batch_size: int

    @property
    def title(self) -> str:
        """What table and ratios are called."""
        return f"{self.rates * self.seeds} members, {self.name}, whole process"

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """Return what the probes are told."""
        told = self._asdict() | {"scratch": str(settings.scratch)}
        del told["name"]
        told["rates"] = [float(rate) for rate in np.logspace(-4, -2, self.rates)]
        return told


WORKS = (
    Work("3 epochs of Fashion-MNIST", "fashion", 8, 4, 3, 256),
    Work("50 epochs of the digits", "digits", 16, 16, 50, 32),
)
QUICK = (Work("5 epochs of the digits", "digits", 2, 2, 5, 32),)


def run(settings: Settings) -> dict[str, Any]:
    """Return a table for each sweep, and one of members on a GPU."""
    result: dict[str, Any] = {"tables": [], "ratios": {}, "left_out": {}, "data": {}}
    panels = result["data"]["panels"] = []
    for work in QUICK if settings.quick else WORKS:
        table, found, absent, losses = measured(settings, work)
        result["tables"].append(table)
        result["ratios"] |= found
        result["left_out"] |= {f"{work.title} | {n}": why for n, why in absent.items()}
        if losses:
            panels.append({"title": work.title.removesuffix(", whole process")})
            panels[-1]["series"] = by_seed(losses)
    if settings.quick:
        result["left_out"][""] = LEFT_OUT
    table, found, why = members(settings)
    if why:
        result["left_out"][MANY] = result["tables"][-1]["absent"][MANY] = why
    else:
        result["tables"].append(table)
        result["ratios"] |= found
    return result


def measured(
    settings: Settings, work: Work
) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], list[list[float]]]:
    """Let both sides take turns.

    Returns:
        The table, the ratios, who is absent and why, and our validation losses.
    """
    turns = Turns(settings)
    losses: dict[str, list[list[float]]] = {}
    remarks: dict[str, str] = {}

    def ours() -> list[float]:
        command = command_of("sweeping", **work.arguments(settings))
        seconds, said = whole_process(command)
        losses[OURS] = json.loads(said.splitlines()[-1])["losses"]
        return [seconds]

    try:
        turns.add(OURS, ours, min(ours()[0], THREE_TURNS))
    except PeerError as error:
        turns.absent[OURS] = f"failed: {error}"
    for name, setting in KERAS.items():
        if reason := unavailable(name, settings):
            turns.absent[name] = reason
            continue
        try:
            turn, seconds, remark = fits(settings, work, setting, losses.get(OURS))
            few = seconds if seconds > LONGEST / 5 else min(seconds, THREE_TURNS)
            turns.add(name, turn, few)
            if remark:
                remarks[name] = remark
        except PeerError as error:
            turns.absent[name] = f"failed: {error}"
    turns.run()
    spreads = turns.spreads()
    note = "Keras trains its members one after another in one process."
    table = tables.timings(work.title, spreads, turns.absent, remarks=remarks)
    table["note"] = note
    found = ratios(work.title, spreads, OURS)
    return table, found, turns.absent, losses.get(OURS, [])


def fits(
    settings: Settings,
    work: Work,
    setting: int | None,
    ours: list[list[float]] | None,
) -> tuple[Callable[[], list[float]], float, str]:
    """Return Keras's turn, how long it takes, and a remark.

    Raises:
        PeerError: it failed.
    """
    members = work.rates * work.seeds
    arguments = work.arguments(settings) | {"setting": setting}
    remark = f"{setting} steps" if setting else ""

    def process(first: int) -> tuple[float, dict[str, Any]]:
        command = command_of("sweeping_keras", first=first, **arguments)
        seconds, said = whole_process(command, KERAS_BACKEND="jax")
        return seconds, json.loads(said.splitlines()[-1])

    few = min(FEW, members)
    seconds = extended(*process(few), members)

    def turn() -> list[float]:
        passed, found = process(members)
        if ours:
            its, own = (
                statistics.median(row[-1] for row in rows)
                for rows in (found["losses"], ours)
            )
            if abs(its - own) > ALIKE * own:
                raise PeerError(f"its median loss is {its:.4f}, and ours {own:.4f}")
        return [passed]

    if seconds <= LONGEST:
        return turn, seconds, remark

    def computed() -> list[float]:
        return [extended(*process(SOME), members)]

    says = f"computed from {SOME} of {members} fits"
    return computed, LONGEST, ", ".join(filter(None, (remark, says)))


def extended(passed: float, found: dict[str, Any], members: int) -> float:
    """Return how long all would take, of which some took ``passed`` seconds.

    Those that are left take what the median of the second half took.
    """
    each = found["seconds"]
    usual = statistics.median(each[len(each) // 2 :])
    return passed + usual * (members - len(each))


def command_of(module: str, **arguments: Any) -> list[str]:
    """Return the command that runs a probe."""
    return ["-m", f"bench.probes.{module}", json.dumps(arguments)]


def by_seed(losses: list[list[float]]) -> dict[str, list[list[float]]]:
    """Return learning rates and validation losses of each seed."""
    series: dict[str, list[list[float]]] = {}
    for rate, seed, loss in losses:
        rates, values = series.setdefault(f"seed {seed:.0f}", [[], []])
        rates.append(rate)
        values.append(loss)
    return series


def members(settings: Settings) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the table of members on a GPU, its ratio, and why they are not there."""
    if settings.device == "cpu":
        return {}, {}, "measured on a GPU, a CPU trains members one after another"
    if settings.quick:
        return {}, {}, LEFT_OUT
    arguments = {"counts": [1, SEVERAL], "epochs": 3, "data": "fashion"}
    arguments |= {"scratch": str(settings.scratch), "rounds": settings.rounds}
    try:
        turns = probe("members", **arguments)
    except PeerError as error:
        return {}, {}, f"failed: {error}"
    one, many = (list(seconds) for seconds in zip(*turns, strict=True))
    cost = statistics.median(b / a for a, b in turns)
    name = f"{OURS}, {SEVERAL} members"
    table = tables.timings(
        "members of one sweep, 3 epochs of Fashion-MNIST, steady call",
        {OURS: spread(one), name: spread(many)},
        {},
        ratios={name: cost},
    )
    return table, {MANY: ratio(cost, better="less")}, ""

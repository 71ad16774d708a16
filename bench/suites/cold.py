"""``cold``: whole processes, from their start to a model trained and evaluated.

Five epochs of Fashion-MNIST, 784-128-10, at batch 32, then an evaluation. Each
runs once before, uncounted, so that files and bytecode are cached for all; what JAX
compiles is cached in the second table alone.
"""

import json
from collections.abc import Callable
from typing import Any

from bench import tables
from bench.peers import OURS, PEERS
from bench.processes import (
    PeerError,
    Peers,
    peers_of,
    unavailable,
    whole_process,
)
from bench.settings import LEFT_OUT, Settings
from bench.suites.fit import remark
from bench.turns import Turns, ratio, ratios

COLD = (
    OURS,
    "Keras on JAX",
    "Keras on JAX, steps_per_execution",
    "Keras on TensorFlow",
    "JAX + optax loop",
    "PyTorch",
)
WARM = (*COLD[:3], "JAX + optax loop")
QUICK = (OURS, "Keras on JAX")
"""Those that --quick measures; they have no settings."""

EPOCHS = 5
WORK = {"data": "fashion", "hidden": [128], "batch_size": 32}

IMPORTS = {
    "import jax, optax": "import jax, optax",
    OURS: "import jaxnet_mini",
    "Keras on JAX": "import os; os.environ['KERAS_BACKEND'] = 'jax'; import keras",
    "Keras on TensorFlow": "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'; "
    "import keras",
    "Flax NNX": "import optax; from flax import nnx",
    "Equinox": "import optax, equinox",
    "PyTorch": "import torch",
    "scikit-learn": "import sklearn.neural_network",
}
BASE = "import jax, optax"


def run(settings: Settings) -> dict[str, Any]:
    """Return the tables of cold and warm processes and of imports."""
    cold, warm, imports = Turns(settings), Turns(settings), Turns(settings)
    remarks: dict[str, str] = {}
    with peers_of(settings) as peers:
        for name in COLD:
            try:
                best = best_setting(settings, peers, name)
                turn = once(settings, name, best)
                cold.add(name, turn, turn()[0])
                if settings.quick and name in WARM:
                    warm.absent[name] = LEFT_OUT
                elif name in WARM:
                    add_warm(settings, warm, name, best)
            except PeerError as error:
                for turns in (cold, warm) if name in WARM else (cold,):
                    turns.absent[name] = str(error)
                continue
            if best is not None:
                remarks[name] = remark(name, best)
    for name, statement in IMPORTS.items():
        reason = unavailable(name, settings) if name in PEERS else None
        if settings.quick and name not in (OURS, BASE):
            reason = LEFT_OUT
        if reason:
            imports.absent[name] = reason
            continue
        try:
            turn = importing(statement)
            imports.add(name, turn, turn()[0])
        except PeerError as error:
            imports.absent[name] = f"failed: {error}"
    for turns in (cold, warm, imports):
        turns.run()
    found = ratios("cold", cold.spreads(), OURS) | ratios("warm", warm.spreads(), OURS)
    note = ""
    if {OURS, BASE} <= imports.values.keys():
        over = imports.paired(OURS, BASE)
        found["import, over import jax, optax"] = ratio(over, better="less")
        added = imports.spreads()[OURS]["median"] - imports.spreads()[BASE]["median"]
        note = f"The package adds {added:.3f} s to {BASE}."
    title = "process start to 5 epochs trained and evaluated"
    left_out = {f"cold | {name}": why for name, why in cold.absent.items()}
    left_out |= {f"warm | {name}": why for name, why in warm.absent.items()}
    return {
        "tables": [
            tables.timings(
                f"{title}, cold", cold.spreads(), cold.absent, remarks=remarks
            ),
            tables.timings(
                f"{title}, warm compilation cache",
                warm.spreads(),
                warm.absent,
                remarks=remarks,
            ),
            tables.timings(
                "import, whole process", imports.spreads(), imports.absent, note=note
            ),
        ],
        "ratios": found,
        "left_out": left_out,
        "data": {},
    }


def best_setting(settings: Settings, peers: Peers, name: str) -> Any:
    """Return the setting whose whole process is quickest, each tried once.

    Raises:
        PeerError: the peer is absent, or failed.
    """
    if settings.quick:
        if name not in QUICK:
            raise PeerError(LEFT_OUT)
        return None
    process = peers.get(name)
    if process is None:
        raise PeerError(peers.absent[name])
    choices = process("settings", **WORK)
    peers.end(name)
    if len(choices) == 1:
        return choices[0]
    seconds = {choice: once(settings, name, choice)()[0] for choice in choices}
    return min(seconds, key=seconds.__getitem__)


def once(
    settings: Settings,
    name: str,
    setting: Any,
    work: dict[str, Any] = WORK,
    epochs: int = EPOCHS,
    **variables: str,
) -> Callable[[], list[float]]:
    """Return a turn: a whole process that trains and evaluates once."""
    command = ["-m", "bench.worker", name, str(settings.scratch), "once", work["data"]]
    command += [json.dumps(work["hidden"]), str(work["batch_size"]), str(epochs)]
    command.append(json.dumps(setting))

    def turn() -> list[float]:
        seconds, said = whole_process(command, **variables)
        accuracy = float(said.splitlines()[-1])
        if not 0.75 < accuracy <= 1.0:
            raise PeerError(f"it learned nothing: its accuracy is {accuracy:.3f}")
        return [seconds]

    return turn


def add_warm(settings: Settings, warm: Turns, name: str, setting: Any) -> None:
    """Fill a compilation cache and let the peer take turns with it."""
    folder = settings.scratch / f"cache-{PEERS[name][0]}"
    turn = once(
        settings,
        name,
        setting,
        JAX_COMPILATION_CACHE_DIR=str(folder),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
        JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="-1",
    )
    (seconds,) = turn()
    if not any(folder.iterdir()):
        raise PeerError("its compilation cache stayed empty")
    warm.add(name, turn, seconds)


def importing(statement: str) -> Callable[[], list[float]]:
    """Return a turn: a process that imports and ends."""
    return lambda: [whole_process(["-c", statement])[0]]

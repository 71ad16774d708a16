"""``nets``: samples per second of nets with a state and of graphs, against Keras.

Fashion-MNIST at batch 32, as in ``fit``: batch normalization after the hidden layer,
and a wide-and-deep net (Cheng et al. 2016), whose last layer sees the inputs beside two
hidden layers. Both sides build them by the same lines (bench/peers/in_keras_words.py).
"""

from typing import Any

from bench.peers import OURS, PEERS
from bench.processes import peers_of
from bench.settings import Settings
from bench.suites.fit import measure

NETS = {
    "784-128-normalized-10": ("normalized", [128]),
    "wide and deep, 2 x 256": ("wide and deep", [256, 256]),
}
BATCH_SIZE = 32


def run(settings: Settings) -> dict[str, Any]:
    """Return a table for each net."""
    result: dict[str, Any] = {"tables": [], "ratios": {}, "data": {}}
    names = [n for n in PEERS if n == OURS or n.startswith("Keras")]
    with peers_of(settings) as peers:
        for title, (kind, hidden) in NETS.items():
            task = {"data": "fashion", "hidden": hidden, "batch_size": BATCH_SIZE}
            key = f"{title}, batch {BATCH_SIZE}"
            table, found = measure(settings, peers, key, task | {"kind": kind}, names)
            result["tables"].append(table)
            result["ratios"] |= found
        absent = dict(peers.absent)
    result["left_out"] = {f"| {name}": why for name, why in absent.items()}
    return result

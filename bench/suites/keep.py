"""``keep``: what it costs to keep a run, after every epoch.

Fashion-MNIST, 784-128-10; whole calls of ``fit`` of 20 epochs, each with another
without ``checkpoint`` just before it. The ratio is the median of those of the pairs.
"""

import statistics
from typing import Any

from bench import tables
from bench.peers import OURS
from bench.processes import PeerError, probe
from bench.settings import LEFT_OUT, Settings
from bench.turns import ratio, spread

KEPT = f"{OURS}, run kept"
BATCH_SIZES = (32, 1024)
EPOCHS = 20


def run(settings: Settings) -> dict[str, Any]:
    """Return a table for each batch size."""
    result: dict[str, Any] = {"tables": [], "ratios": {}, "left_out": {}, "data": {}}
    for size in BATCH_SIZES:
        title = f"fit of {EPOCHS} epochs, batch {size}"
        if settings.quick:
            result["left_out"][title] = LEFT_OUT
            continue
        absent, spreads, pairs = {}, {}, {}
        arguments = {"batch_size": size, "epochs": EPOCHS, "rounds": settings.rounds}
        try:
            found = probe("keeping", scratch=str(settings.scratch), **arguments)
            plain, kept = zip(*found, strict=True)
            spreads = {OURS: spread(list(plain)), KEPT: spread(list(kept))}
            pairs[KEPT] = statistics.median(b / a for a, b in found)
            result["ratios"][f"{title} | {KEPT}"] = ratio(pairs[KEPT], better="less")
        except PeerError as error:
            absent[KEPT] = f"failed: {error}"
        result["tables"].append(tables.timings(title, spreads, absent, ratios=pairs))
    return result

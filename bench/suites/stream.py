"""``stream``: rows that stay in a file, more of them than memory, and slow generators.

784-128-10 at batch 256. Streamed against resident rows in turns in one process; one
epoch over 20 GB in a process of its own whose memory is looked at all the while; and
what the progress bar says of a generator that is slower than the device.
"""

import statistics
import sys
from typing import Any

from bench import tables
from bench.peers import OURS
from bench.processes import PeerError, probe
from bench.settings import LEFT_OUT, Settings
from bench.turns import ratio, spread

STREAMED = f"{OURS}, streamed"
BATCH_SIZE = 256
ROWS, EPOCHS = 120_000, 4
DTYPES = ("uint8", "float32")
LARGER = 25_600_000
"""Rows of 784 bytes: 20 GB."""

HELD = "GB held beyond the page cache, training on 20 GB"
PAUSE = 0.005
"""Seconds that the slow generator takes for a batch: several times those of a step."""

NAMED = "share of time that the bar says a slow generator is waited for"


def run(settings: Settings) -> dict[str, Any]:
    """Return the tables of throughput, memory and waiting."""
    result: dict[str, Any] = {"tables": [], "ratios": {}, "left_out": {}, "data": {}}
    for dtype in DTYPES[:1] if settings.quick else DTYPES:
        throughput(settings, result, dtype)
    larger(settings, result)
    waiting(settings, result)
    if settings.quick:
        result["left_out"] = {"": LEFT_OUT}
    return result


def throughput(settings: Settings, result: dict[str, Any], dtype: str) -> None:
    """Measure streamed against resident rows."""
    rows, epochs = (100_000, 1) if settings.quick else (ROWS, EPOCHS)
    title = f"{rows:,} rows of 784 {dtype}, batch {BATCH_SIZE}"
    absent, spreads, pairs = {}, {}, {}
    try:
        found = probe(
            "streaming",
            scratch=str(settings.scratch),
            dtype=dtype,
            rows=rows,
            epochs=epochs,
            rounds=settings.rounds,
            batch_size=BATCH_SIZE,
        )
        both = [[statistics.median(seconds) for seconds in turn] for turn in found]
        resident, streamed = zip(*both, strict=True)
        spreads = {OURS: spread(list(resident)), STREAMED: spread(list(streamed))}
        pairs[STREAMED] = statistics.median(b / a for a, b in both)
        result["ratios"][f"{title} | {STREAMED}"] = ratio(1 / pairs[STREAMED])
    except PeerError as error:
        absent[STREAMED] = result["left_out"][title] = f"failed: {error}"
    table = tables.timings(title, spreads, absent, rows=rows, ratios=pairs)
    result["tables"].append(table)


def larger(settings: Settings, result: dict[str, Any]) -> None:
    """Measure the memory of an epoch over more rows than memory should hold."""
    rows = LARGER // 200 if settings.quick else LARGER
    cells, absent = {}, {}
    if sys.platform != "linux":
        absent[HELD] = "measured on Linux, which tells files from other memory"
    else:
        try:
            found = probe(
                "larger",
                scratch=str(settings.scratch),
                dtype="uint8",
                rows=rows,
                features=784,
                batch_size=BATCH_SIZE,
            )
            names = ("rows_gb", "own_gb", "before_gb", "mapped_gb")
            speed = found["rows"] / found["seconds"]
            cells[f"{rows:,} rows of 784 uint8"] = [*(found[n] for n in names), speed]
            if not settings.quick:
                result["ratios"][HELD] = ratio(found["own_gb"], better="less")
        except PeerError as error:
            absent[HELD] = f"failed: {error}"
    result["left_out"] |= absent
    columns = [("GB of rows", ".2f"), ("GB held at most", ".2f")]
    columns += [("GB before", ".2f"), ("GB of the file mapped", ".2f")]
    columns += [("samples/s", ",.0f")]
    title = "memory of an epoch over a sparse file, whole process"
    result["tables"].append(tables.table(title, columns, cells, absent))


def waiting(settings: Settings, result: dict[str, Any]) -> None:
    """Look whether the bar names a generator that is slower than the device."""
    steps = 40 if settings.quick else 400
    cells, absent = {}, {}
    try:
        found = probe("waiting", pause=PAUSE, steps=steps, batch_size=BATCH_SIZE)
        cells[f"{1000 * PAUSE:g} ms a batch"] = [found["said"], found["share"]]
        result["ratios"][NAMED] = ratio(found["said"])
    except PeerError as error:
        absent[NAMED] = result["left_out"][NAMED] = f"failed: {error}"
    columns = [("the bar says", ".0%"), ("history.timing", ".1%")]
    title = f"a generator, {steps} batches: share of time waiting for data"
    result["tables"].append(tables.table(title, columns, cells, absent))

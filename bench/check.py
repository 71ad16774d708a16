"""Whether ratios have slipped against those that are kept."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from bench.settings import LEFT_OUT, UNSEEN

TOLERANCE = 0.15


class Line(NamedTuple):
    """One ratio: what is kept, what was found, and what to say of it."""

    name: str
    kept: float
    found: float | None
    verdict: str

    @property
    def failed(self) -> bool:
        """Whether the check fails by it."""
        return self.verdict.startswith(("worse", "missing"))


def compare(kept: dict[str, Any], found: dict[str, Any]) -> list[Line]:
    """Return a line for each kept ratio of the suites that were run now.

    A ratio is worse where it moved by more than `TOLERANCE` to the side that is not
    ``better``; moving to the other side is no failure. What ``--quick`` leaves out is
    not missing, nor what belongs to cores near or far that were not so now.
    """
    lines = []
    for suite, result in found.items():
        for name, ratio in kept.get(suite, {}).get("ratios", {}).items():
            value = result["ratios"].get(name, {}).get("value")
            verdict = judged(ratio, value, reason(name, result))
            lines.append(Line(f"{suite}: {name}", ratio["value"], value, verdict))
    return lines


def judged(kept: dict[str, Any], value: float | None, absent: str) -> str:
    """Return what to say of a ratio."""
    if value is None:
        excused = absent in (LEFT_OUT, UNSEEN)
        return absent if excused else f"missing: {absent}"
    factor = value / kept["value"]
    if kept["better"] == "less":
        factor = 1 / factor
    if factor < 1 / (1 + TOLERANCE):
        return f"worse by {1 / factor - 1:.0%}"
    return "better" if factor > 1 + TOLERANCE else "as kept"


def reason(name: str, result: dict[str, Any]) -> str:
    """Return why a ratio is not there."""
    for part, why in result["left_out"].items():
        if name.startswith(part) or name.endswith(part):
            return str(why)
    return "not measured in this run"


def main(path: Path, results: dict[str, Any]) -> int:
    """Print what is compared; return the exit status."""
    from bench import cache_line, report, tables

    if not path.exists():
        report.say(f"Nothing to compare with: there is no {path}.")
        return 1
    kept = json.loads(path.read_text("utf-8"))
    lines = compare(kept["suites"], results["suites"])
    if not lines:
        report.say(f"Nothing to compare with: {path} has none of these suites.")
        return 1
    rows = {line.name: [line.kept, line.found, line.verdict] for line in lines}
    columns = [("kept", ".3g"), ("now", ".3g"), ("", "")]
    report.say_tables([tables.table(f"Against {path.name}", columns, rows)])
    for what in ("processor", "cores", "versions"):
        if kept["about"][what] != results["about"][what]:
            report.say(f"The {what} are not the same as then.")
    for suite, result in results["suites"].items():
        then, now = (
            cache_line.state(taken["taken"].get("cache_line", []))
            for taken in (kept["suites"].get(suite, result), result)
        )
        if then and now and then != now:
            report.say(f"Suite {suite}: cores were {then} then, and are {now} now.")
    failed = sum(line.failed for line in lines)
    report.say(f"{len(lines)} ratios compared, {failed} worse or missing.")
    return 1 if failed else 0

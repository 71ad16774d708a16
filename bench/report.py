"""Results on the console, as a page, and as a file that is compared with later."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import targets
from bench.suites import SUITES

WIDTH = 150
"""Columns of a console that is no terminal."""


def say(line: str) -> None:
    """Print a line."""
    Console(highlight=False).print(escape(line), soft_wrap=True)


def heading(about: dict[str, Any]) -> str:
    """Return a line about machine and versions."""
    versions = about["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    device = about["device"]
    named_device = " ".join(dict.fromkeys(device.values()))
    return (
        f"{named_device}, {about['cores']} cores, "
        f"{about['processor']}, {about['system']}\n{named}"
    )


def say_tables(tables: Iterable[dict[str, Any]]) -> None:
    """Print tables, and below each what is absent from it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    for table in tables:
        console.print(f"\n[bold]{escape(table['title'])}[/bold]", soft_wrap=True)
        shown = Table(box=box.SIMPLE_HEAD)
        shown.add_column("", no_wrap=True)
        used = columns_used(table)
        for number in used:
            name, form = table["columns"][number]
            shown.add_column(
                escape(name), justify="right" if form else "left", no_wrap=not form
            )
        for name, *cells in table["rows"]:
            texts = [cell(cells[n], table["columns"][n][1]) for n in used]
            shown.add_row(*map(escape, (name, *texts)))
        console.print(shown)
        for line in lines_below(table):
            say(line)


def columns_used(table: dict[str, Any]) -> list[int]:
    """Return which columns hold anything."""
    return [
        number
        for number in range(len(table["columns"]))
        if any(row[number + 1] not in (None, "") for row in table["rows"])
    ]


def lines_below(table: dict[str, Any]) -> list[str]:
    """Return what is absent and why, and the note."""
    reasons: dict[str, list[str]] = {}
    for name, reason in table["absent"].items():
        reasons.setdefault(reason, []).append(name)
    lines = [f"{'; '.join(names)}: {reason}." for reason, names in reasons.items()]
    return [*lines, *filter(None, [table["note"]])]


def cell(value: Any, form: str) -> str:
    """Return the text of a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else format(value, form)


def markdown(table: dict[str, Any], titled: bool = True) -> str:
    """Return a table as Markdown, its title above it."""
    used = columns_used(table)
    columns = [table["columns"][number] for number in used]
    names = " | ".join(["", *(name for name, _ in columns)])
    rules = " | ".join(["---", *("--:" if form else "---" for _, form in columns)])
    lines = [f"**{table['title']}**", ""] if titled else []
    lines += [f"| {names.strip()} |", f"| {rules} |"]
    for name, *cells in table["rows"]:
        texts = [cell(cells[n], table["columns"][n][1]) for n in used]
        lines.append(f"| {' | '.join([name, *texts])} |")
    below = [f"- {line}" for line in lines_below(table)]
    return "\n".join([*lines, "", *below, ""] if below else [*lines, ""])


def page(results: dict[str, Any], pictures: dict[str, str], name: str) -> str:
    """Return the whole page."""
    machine, versions = heading(results["about"]).split("\n")
    parts = [
        f"# {name}",
        f"Printed by `python -m bench` on {machine}.\n\n{versions}.",
        "What the suites measure and how to repeat them: [README.md](README.md).",
        "## Targets",
        markdown(targets.table(results), titled=False),
    ]
    for suite in SUITES:
        if suite not in results["suites"]:
            continue
        result = results["suites"][suite]
        taken = result["taken"]
        parts += [
            f"## `{suite}`",
            f"{taken['when']}, {taken['seconds']} s, {taken['rounds']} rounds"
            f"{', --quick' if taken['quick'] else ''}.{distance(taken)}",
            *(markdown(table) for table in result["tables"]),
        ]
        if suite in pictures:
            parts.append(f"![{suite}]({pictures[suite]})\n")
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def distance(taken: dict[str, Any]) -> str:
    """Return a sentence about how far the cores were from each other, if known."""
    known = [line for line in taken.get("cache_line", []) if line is not None]
    if not known:
        return ""
    told = " and ".join(f"{line:.0f}" for line in known)
    return (
        f" A cache line went between two cores and back in {told} ns before and after."
    )


def merged(path: Path, results: dict[str, Any]) -> dict[str, Any]:
    """Return results with those suites of a file at ``path`` that were not run now.

    They are kept only where all versions and the machine are the same.
    """
    if not path.exists():
        return results
    kept = json.loads(path.read_text("utf-8"))
    others = kept["suites"].keys() - results["suites"].keys()
    if not others:
        return results
    if kept["about"] != results["about"]:
        say(
            f"{', '.join(sorted(others))} in {path.name} are dropped: they were taken "
            "with other versions or on another machine."
        )
        return results
    return results | {"suites": kept["suites"] | results["suites"]}


def rounded(value: Any) -> Any:
    """Return the data with floats of six digits, which is more than they mean."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def write(path: Path, results: dict[str, Any], pictures: dict[str, str]) -> None:
    """Write the file of results and the page beside it."""
    keep(path, results, page(results, pictures, path.stem))


def keep(path: Path, results: dict[str, Any], text: str) -> None:
    """Write a file of results, and what its page says beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(rounded(results), indent=1, ensure_ascii=False)
    path.write_text(data + "\n", "utf-8")
    path.with_suffix(".md").write_text(text, "utf-8")

"""Tables as plain data: what the suites return and `bench.report` prints."""

from collections.abc import Mapping
from typing import Any

from bench.peers import OURS


def table(
    title: str,
    columns: list[tuple[str, str]],
    rows: Mapping[str, list[Any]],
    absent: Mapping[str, str] | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return a table.

    Args:
        title: what stands above it.
        columns: name and number format of each.
        rows: the cells by the name of the row; None is an empty cell, and text stays.
        absent: why other rows are not there.
        note: what stands below it.
    """
    return {
        "title": title,
        "columns": [list(column) for column in columns],
        "rows": [[name, *cells] for name, cells in rows.items()],
        "absent": dict(absent or {}),
        "note": note,
    }


def timings(
    title: str,
    spreads: Mapping[str, dict[str, Any]],
    absent: Mapping[str, str],
    rows: int | None = None,
    scale: float = 1.0,
    unit: str = "s",
    form: str = ".3f",
    remarks: Mapping[str, str] | None = None,
    ratios: Mapping[str, float] | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return a table of median, min and max with the time as a multiple of ours.

    Args:
        title: what stands above it.
        spreads: seconds by name.
        absent: why other rows are not there.
        rows: where given, the figures are rows per second instead of seconds.
        scale: what seconds are multiplied with for ``unit``.
        unit: of the figures.
        form: their format.
        remarks: by name, such as the best setting.
        ratios: those that are not the ratio of two medians.
        note: what stands below it.
    """
    cells = {}
    unit, form = ("samples/s", ",.0f") if rows else (unit, form)
    for name, value in spreads.items():
        figures = [value[what] * scale for what in ("median", "min", "max")]
        if rows:
            figures = [rows / value[what] for what in ("median", "max", "min")]
        ours = spreads[OURS]["median"] if OURS in spreads else None
        ratio = value["median"] / ours if ours else None
        ratio = (ratios or {}).get(name, ratio)
        remark = (remarks or {}).get(name, "")
        cells[name] = [*figures, ratio, value["turns"], remark]
    columns = [(f"{what} {unit}", form) for what in ("median", "min", "max")]
    columns += [("time / ours", ".2f"), ("turns", "d"), ("setting", "")]
    return table(title, columns, cells, absent, note)

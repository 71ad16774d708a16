"""The table that shows what a sweep has found."""

import html
from collections.abc import Sequence
from typing import Any

MOST_LINES = 12
"""How many lines of a picture are named."""


NOTE, WIDEST = "note", 10_000


class Table:
    """Rows of members: ``print`` shows them, and so do rich and notebooks.

    Args:
        columns: names.
        rows: texts, one for each column.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.columns = list(columns)
        self.rows = [list(row) for row in rows]

    def __rich__(self) -> Any:
        from rich.table import Table as Drawn
        from rich.text import Text

        drawn = Drawn(header_style="bold")
        for name in self.columns:
            justify: Any = "left" if name == NOTE else "right"
            drawn.add_column(Text(name), justify=justify, overflow="fold")
        for row in self.rows:
            drawn.add_row(*map(Text, row))
        return drawn

    def __repr__(self) -> str:
        from rich.console import Console

        # As wide as it is: figures in pieces cannot be read.
        console = Console(highlight=False, color_system=None, width=WIDEST)
        with console.capture() as captured:
            console.print(self)
        return captured.get().rstrip("\n")

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""

        def line(kind: str, cells: Sequence[str]) -> str:
            inside = "".join(f"<{kind}>{html.escape(c)}</{kind}>" for c in cells)
            return f"<tr>{inside}</tr>"

        body = "".join(line("td", row) for row in self.rows)
        head = line("th", self.columns)
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"

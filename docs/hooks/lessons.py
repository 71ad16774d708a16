"""Lessons as pages: cells of the notebook, with what they printed and drew.

A line ``{{ lessons: 1 to 11 }}`` stands for these lessons.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "lessons.ipynb"

_MARK = re.compile(r"^\{\{ lessons: (\d+) to (\d+) \}\}$", re.M)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for each page, before it is rendered."""
    return expand(markdown)


def expand(markdown: str) -> str:
    """Return a page with the lessons that it asks for."""

    def asked(match: re.Match[str]) -> str:
        numbers = range(int(match[1]), int(match[2]) + 1)
        names = {f"lesson_{number:02}" for number in numbers}
        notebook = json.loads(NOTEBOOK.read_text("utf-8"))
        cells = [c for c in notebook["cells"] if c["id"].split("-")[0] in names]
        return "\n\n".join(part for cell in cells for part in shown(cell))

    return _MARK.sub(asked, markdown)


def shown(cell: Any) -> Iterator[str]:
    """Yield what Markdown shows a cell, and what came of it."""
    source = "".join(cell["source"])
    yield source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        printed = "".join(output.get("text", "")).strip("\n")
        if printed:
            yield f"```text\n{printed}\n```"
        if "image/png" in data:
            yield image("png", "".join(data["image/png"]).replace("\n", ""))
        if "image/svg+xml" in data:
            drawing = "".join(data["image/svg+xml"]).encode()
            yield image("svg+xml", base64.b64encode(drawing).decode())


def image(kind: str, content: str) -> str:
    """Return a picture that lies in the page itself."""
    return (
        f'<img alt="Picture of this lesson" src="data:image/{kind};base64,{content}">'
    )

"""Make one executed notebook of all lessons.

    python examples/lessons/make_notebook.py

writes ``examples/lessons.ipynb``; with a file's name it writes that file instead. Of a
lesson's script the notebook takes the docstring and each `tell` as text, and as code
the imports, the definitions, and the lines of ``main`` between two `tell`.
"""

import ast
import inspect
import itertools
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import nbclient
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

FOLDER = Path(__file__).resolve().parent
NOTEBOOK = FOLDER.with_suffix(".ipynb")

DEFINITION = (ast.FunctionDef, ast.ClassDef)

INTRODUCTION = """\
# First lessons

Small networks learn to name pictures, and later to answer other questions, with a
library that speaks Keras's words. Read from top to bottom, or take one lesson alone:
each starts anew.

Each lesson is also a script in the folder `lessons`. This notebook is made of the
scripts by `python examples/lessons/make_notebook.py`: change them, not it."""

SETUP = """\
import sys

sys.path.insert(0, "lessons")  # where the lessons' shared file classroom.py lies

# Other data: ["--dataset", "fashion_mnist"], and "--data" with a folder if need be.
arguments = []"""


def title_and_text(text: str) -> tuple[str, str]:
    """Split an explanation as `classroom.tell` does."""
    title, _, rest = inspect.cleandoc(text).partition("\n")
    return title.rstrip("."), rest.strip()


def told(statement: ast.stmt) -> str | None:
    """Return the text of a `tell`, its argument's source; None for other statements."""
    if (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == "tell"
    ):
        return ast.unparse(statement.value.args[0])
    return None


def cells_of(script: Path) -> list[tuple[str, str]]:
    """Return the cells of a lesson, each ``("markdown" or "code", source)``."""
    source = script.read_text("utf-8")
    lines = source.splitlines()
    docstring, *statements = ast.parse(source).body
    title, text = title_and_text(ast.literal_eval(docstring.value))
    cells = [("markdown", f"## {title}\n\n{text}")]

    def add_code(first: int, last: int) -> None:
        """Add the lines ``first + 1`` to ``last``, where there is anything in them."""
        code = textwrap.dedent("\n".join(lines[first:last])).strip("\n")
        # What `tell` prints stands in text cells.
        code = re.sub(r"^(from classroom import .*), tell$", r"\1", code, flags=re.M)
        if code:
            cells.append(("code", code))

    place = docstring.end_lineno
    *definitions, main, _ = statements  # the last one calls main
    for before, after in itertools.pairwise(definitions):
        # Imports and constants stand together; a function or class stands alone.
        if isinstance(before, DEFINITION) or isinstance(after, DEFINITION):
            add_code(place, before.end_lineno)
            place = before.end_lineno
    add_code(place, definitions[-1].end_lineno)

    place = main.body[0].lineno - 1
    for statement in main.body:
        argument = told(statement)
        if argument is None:
            continue
        add_code(place, statement.lineno - 1)
        place = statement.end_lineno
        if argument != "__doc__":
            title, text = title_and_text(ast.literal_eval(argument))
            cells.append(("markdown", f"### {title}\n\n{text}"))
    add_code(place, main.body[-1].end_lineno)
    return cells


def build() -> Any:
    """Return the notebook of all lessons, not yet executed."""
    notebook = new_notebook(
        metadata={
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    lessons = {"lessons": [("markdown", INTRODUCTION), ("code", SETUP)]}
    for script in sorted(FOLDER.glob("lesson_*.py")):
        lessons[script.stem[: len("lesson_01")]] = cells_of(script)
    for name, cells in lessons.items():
        for number, (kind, source) in enumerate(cells):
            new_cell = {"markdown": new_markdown_cell, "code": new_code_cell}[kind]
            # Names of cells that stay, so that a change shows where it is.
            notebook.cells.append(new_cell(source, id=f"{name}-{number:02}"))
    return notebook


def plain(outputs: list[Any]) -> list[Any]:
    """Return the outputs of a cell with rich's tables and lines as printed text."""
    kept: list[Any] = []
    for output in outputs:
        if "<pre " in output.get("data", {}).get("text/html", ""):
            text = re.sub(r"\x1b\[[\d;]*m", "", output.data["text/plain"])
            output = new_output("stream", name="stdout", text=f"{text.rstrip()}\n")
        if kept and kept[-1].get("name") == output.get("name", "no stream"):
            kept[-1].text += output.text
            continue
        kept.append(output)
    return kept


def execute(notebook: Any) -> None:
    """Run all cells and keep what they show.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    nbclient.NotebookClient(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(FOLDER.parent)}},
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = plain(cell.outputs)
    notebook.metadata.language_info = {"name": "python"}  # without the version


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK
    notebook = build()
    execute(notebook)
    nbformat.write(notebook, file)


if __name__ == "__main__":
    main()

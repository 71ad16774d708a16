"""The house as it stands: read from the sources each time the pages are built.

``{{ house: picture }}`` is a drawing of the parts and of who imports whom, ``{{ house:
rooms }}`` one line a room, its docstring's first, ``{{ house: core }}`` the rooms of
the core, each after those that it imports, and ``{{ house: afternoon }}`` those of them
that every fit runs through. A room that a page names in backticks, such as
``loops.epochs``, is a link to its line, and a full name, such as
``jaxnet_mini.layers.Base``, one to where the reference has it.
"""

import ast
import functools
import io
import re
import token as tokens
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = Path(__file__).resolve().parents[2] / "jaxnet_mini"
NAME = PACKAGE.name

_MARK = re.compile(r"^\{\{ house: (\w+) \}\}$", re.M)
_FENCE = re.compile(r"^(```.*?^```)$", re.M | re.S)
_NAMED = re.compile(r"(?<![`\[])`([a-z_]+(?:\.\w+)+)`(?![`\]])")

AFTERNOON = (
    *("types", "fields", "values", "activations", "initializers.base"),
    *("layers.base", "layers.dense", "networks.protocol", "networks.serial"),
    *("networks.composed", "losses.base", "losses.functions", "metrics.base"),
    *("metrics.means", "metrics.accuracy", "transformations", "optimizers.settings"),
    *("optimizers.base", "optimizers.adam", "training.state", "training.goals"),
    *("training.totals", "training.sums", "training.update", "training.trainer"),
)
"""The core's rooms that a fit of dense layers runs through, but for its by-ways."""

NO_CODE = {
    *(tokens.COMMENT, tokens.NL, tokens.NEWLINE, tokens.INDENT, tokens.DEDENT),
    tokens.ENDMARKER,
}


class Room(NamedTuple):
    """A module, or a folder of them.

    Args:
        file: its path from the package.
        line: the first of its docstring.
        lines: of code, without docstrings, comments and blanks.
        imports: the modules of the package that it imports.
    """

    file: str
    line: str
    lines: int
    imports: frozenset[str]


@functools.cache
def rooms() -> dict[str, Room]:
    """Return all rooms by their names from the package: ``core.layers.dense``."""
    files = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    read = {}
    for name, path in files.items():
        source = path.read_text("utf-8")
        tree = ast.parse(source)
        line = (ast.get_docstring(tree) or "").partition("\n")[0]
        imports = frozenset(imports_of(tree, files)) - {name}
        file = path.relative_to(PACKAGE).as_posix()
        read[name] = Room(file, line, lines_of_code(source, tree), imports)
    return read


def name_of(path: Path) -> str:
    """Return the module's name from the package, "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(tree: ast.Module, names: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a module imports of the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                for path in (full, node.module):
                    own = path.removeprefix(NAME).removeprefix(".")
                    if path.split(".")[0] == NAME and own in names:
                        yield own
                        break


def lines_of_code(source: str, tree: ast.Module) -> int:
    """Count the lines that hold code."""
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - docstrings)


def part_of(name: str) -> str:
    """Return the part of the house in which a room lies; faces are one part."""
    if name in ("errors", "utils"):
        return "base" if name == "errors" else name
    part, _, inner = name.partition(".")
    return part if inner or (PACKAGE / part).is_dir() else "faces"


def arrows(house: Mapping[str, Room]) -> dict[str, set[str]]:
    """Return which parts each part imports.

    But for the package that gathers all, and for command lines, which are of it.
    """
    found: dict[str, set[str]] = {part_of(name): set() for name in house if name}
    for name, room in house.items():
        if name and not name.endswith(".__main__"):
            found[part_of(name)] |= {part_of(imported) for imported in room.imports}
    return {part: imported - {part} for part, imported in found.items()}


def floors(found: Mapping[str, set[str]]) -> dict[str, int]:
    """Return on which floor each part stands: as low as what it imports lets it."""
    known: dict[str, int] = {}

    def floor(part: str) -> int:
        if part not in known:
            known[part] = 1 + max(map(floor, found[part]), default=-1)
        return known[part]

    for part in found:
        floor(part)
    return known


def nearest(found: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Leave out the arrows to what other arrows lead to as well."""

    def reached(part: str) -> set[str]:
        return found[part].union(*map(reached, found[part]))

    return {
        part: direct - set().union(*map(reached, direct))
        for part, direct in found.items()
    }


WIDTH, HEIGHT, GAP, STOREY = 92, 30, 12, 78
"""Of a box, between boxes, and from floor to floor."""


def picture(house: Mapping[str, Room]) -> str:
    """Return the drawing, in the colours of the page: the ground is at its foot."""
    found = nearest(arrows(house))
    where = floors(found)
    top = max(where.values())
    most = max(list(where.values()).count(floor) for floor in range(top + 1))
    width = most * (WIDTH + GAP) + GAP
    corner: dict[str, tuple[float, float]] = {}
    for floor in range(top, -1, -1):
        parts = [part for part in where if where[part] == floor]
        above = {p: [corner[q][0] for q in corner if p in found[q]] for p in parts}
        # Near those who import it, so that few lines cross.
        parts.sort(key=lambda p: (sum(above[p]) / (len(above[p]) or 1) or width, p))
        left = (width - len(parts) * (WIDTH + GAP) + GAP) / 2
        for number, part in enumerate(parts):
            corner[part] = (left + number * (WIDTH + GAP), (top - floor) * STOREY + 2)
    lines = []
    for part, direct in found.items():
        x, y = corner[part][0] + WIDTH / 2, corner[part][1] + HEIGHT
        for imported in sorted(direct):
            to_x, to_y = corner[imported][0] + WIDTH / 2, corner[imported][1]
            bend = (y + to_y) / 2
            lines.append(f'<path d="M{x} {y}C{x} {bend} {to_x} {bend} {to_x} {to_y}"/>')
    for part, (x, y) in corner.items():
        box = f'<rect x="{x}" y="{y}" rx="5" width="{WIDTH}" height="{HEIGHT}"/>'
        words = f'<text x="{x + WIDTH / 2}" y="{y + 19.5}">{part}</text>'
        lines.append(f'<a href="#{part}">{box}{words}</a>')
    height = top * STOREY + HEIGHT + 4
    return (
        f'<svg class="house" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="The parts of the house and who imports whom">'
        f"{''.join(lines)}</svg>"
    )


def list_of_rooms(house: Mapping[str, Room]) -> str:
    """Return each part with its rooms, from the ground up."""
    where = floors(arrows(house))
    lines = []
    for part in sorted(where, key=lambda part: (where[part], part)):
        own = {
            name: room for name, room in house.items() if name and part_of(name) == part
        }
        lines += [f"### {part} {{ #{part} }}", ""]
        lines += [item(name, room) for name, room in own.items()]
        lines.append("")
    return "\n".join(lines)


def item(name: str, room: Room) -> str:
    """Return a room's line; other pages find it by the module's name."""
    line = room.line.replace("``", "`")
    # A face has a page of its own.
    anchor = "" if is_face(name) else f"[](){{ #{NAME}.{name} }}"
    return f"- {anchor}`{room.file}`: {line}"


def is_face(name: str) -> bool:
    """Tell whether a module stands on a page of the reference."""
    pages = (PACKAGE.parent / "docs" / "reference").glob("*.md")
    wanted = f"::: {NAME}.{name}"
    return any(wanted in page.read_text("utf-8").splitlines() for page in pages)


def order_of_the_core(house: Mapping[str, Room]) -> dict[str, Room]:
    """Return the core's rooms by name, what is imported first."""
    core = {n: room for n, room in house.items() if part_of(n) == "core" and room.lines}
    done: list[str] = []

    def visit(name: str) -> None:
        if name in core and name not in done:
            for imported in sorted(core[name].imports):
                visit(imported)
            done.append(name)

    # A folder's own file gathers what stands beside it, and comes where it is needed.
    for name in sorted(core, key=lambda name: (name.count("."), name)):
        visit(name)
    return {name: core[name] for name in done}


def numbered(core: Iterable[Room]) -> str:
    """Return rooms of the core as a numbered list with their lines, and the sum."""
    core = list(core)
    lines = [
        f"{number}. `{room.file.removeprefix('core/')}` ({room.lines}): "
        + room.line.replace("``", "`")
        for number, room in enumerate(core, 1)
    ]
    total = sum(room.lines for room in core)
    return "\n".join([*lines, "", f"Together {total:,} lines."])


def afternoon(house: Mapping[str, Room]) -> dict[str, Room]:
    """Return the rooms of `AFTERNOON`, what is imported first."""
    names = {f"core.{name}" for name in AFTERNOON}
    return {n: room for n, room in order_of_the_core(house).items() if n in names}


PIECES: dict[str, Callable[[Mapping[str, Room]], str]] = {
    "picture": picture,
    "rooms": list_of_rooms,
    "core": lambda house: numbered(order_of_the_core(house).values()),
    "afternoon": lambda house: numbered(afternoon(house).values()),
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for each page, before it is rendered."""
    return expand(markdown, rooms())


def expand(markdown: str, house: Mapping[str, Room]) -> str:
    """Return a page with the pieces that it asks for, and links to rooms."""

    def link(match: re.Match[str]) -> str:
        name = match[1].removeprefix(f"{NAME}.")
        if name not in house and not match[1].startswith(f"{NAME}."):
            return match[0]
        return f"[{match[0]}][{NAME}.{name}]"

    pieces = _FENCE.split(markdown)
    linked = [p if p.startswith("```") else _NAMED.sub(link, p) for p in pieces]
    return _MARK.sub(lambda match: PIECES[match[1]](house), "".join(linked))

"""What docstrings mean here, told to the reader of the sources.

A name in single backticks is a reference, and lines of ``>>>`` are an example wherever
they stand. A face that takes all from a room of the core lists and says what it does.
"""

import re
from collections.abc import Iterator
from typing import Any

import griffe

_REFERENCE = re.compile(r"(?<!`)`(?P<name>[A-Za-z_][\w.]*)`(?!`)")
_EXAMPLE = re.compile(r"^>>> .*\n?(?:.+\n?)*", re.M)


class Docstrings(griffe.Extension):
    """Makes links and examples of what is written in docstrings."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called once all modules are read."""
        for member in pkg.modules.values():
            if not member.is_alias:
                list_as_source(member)
        for item in objects(pkg):
            if item.docstring is not None:
                item.docstring.value = readable(item.docstring.value, item)


def list_as_source(face: griffe.Module) -> None:
    """Let ``from room import __all__`` list and say what the room does."""
    listed = face.members.get("__all__")
    if listed is not None and listed.is_alias:
        source = listed.target_path.rpartition(".")[0]
        room = face.modules_collection[source]
        if room.docstring is not None:
            face.docstring = griffe.Docstring(room.docstring.value, parent=face)
        if room.exports is not None:
            face.exports = list(room.exports)


def objects(item: Any) -> Iterator[Any]:
    """Yield an object of the package and all that stands in it."""
    yield item
    for member in item.members.values():
        if not member.is_alias:
            yield from objects(member)


def readable(text: str, item: Any) -> str:
    """Return a docstring as Markdown, with links and marked examples."""

    def reference(match: re.Match[str]) -> str:
        name = match["name"]
        path = path_of(name, item)
        if path is None:
            return match[0]
        return f'<autoref identifier="{path}" optional>`{name}`</autoref>'

    def example(match: re.Match[str]) -> str:
        return f"```pycon\n{match[0].rstrip()}\n```\n"

    text = re.sub(r"::$", ":", text, flags=re.M)
    # By default they are titled parameters, which are what a network learns.
    text = re.sub(r"^Args:$", "Args: Arguments:", text, flags=re.M)
    return _EXAMPLE.sub(example, _REFERENCE.sub(reference, text))


def path_of(name: str, item: Any) -> str | None:
    """Return where an object of the package is at home that a docstring names.

    Args:
        name: full, or as it is known in the class or module where it stands.
        item: what the docstring is of.
    """
    collection = item.modules_collection
    scope = item
    while scope is not None and not name.startswith("jaxnet_mini."):
        try:
            return str(scope[tuple(name.split("."))].canonical_path)
        except (KeyError, griffe.GriffeError):
            scope = scope.parent
    try:
        return str(collection[name].canonical_path)
    except (KeyError, griffe.GriffeError):
        return None

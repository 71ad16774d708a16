"""Take into a page what stands elsewhere, so that nothing is said twice.

A line ``{{ README.md: Quick start }}`` stands for the section under that heading, and
``{{ tests/RELIABILITY.md }}`` for a whole file without its title. Links are turned from
that file's folder to the site; what has no page here is named by its path.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs"

_INCLUDED = re.compile(
    r"^\{\{ (?P<file>[\w./-]+\.md)(?:: (?P<heading>.+))? \}\}$", re.M
)
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by MkDocs for each page, before it is rendered."""
    return expand(markdown, page.file.src_uri)


def expand(markdown: str, page: str) -> str:
    """Return a page with all that it takes from elsewhere.

    Args:
        markdown: the page.
        page: its path from the folder of the pages.
    """

    def included(match: re.Match[str]) -> str:
        file, heading = match.groups()
        text = (ROOT / file).read_text("utf-8")
        return relinked(section(text, heading), file, page)

    return _INCLUDED.sub(included, markdown)


def section(text: str, heading: str | None) -> str:
    """Return what stands under a heading, up to the next one of the first two levels.

    Args:
        text: a file of Markdown.
        heading: None for all that stands under the title.

    Raises:
        KeyError: there is no such heading.
    """
    lines, code = text.splitlines(), False
    headings = []
    for number, line in enumerate(lines):
        code ^= line.startswith("```")
        if not code and re.match(r"##? ", line):
            headings.append((number, line.lstrip("# ")))
    if heading is None:
        return "\n".join(lines[headings[0][0] + 1 :]).strip()
    start = next((n for n, words in headings if words == heading), None)
    if start is None:
        raise KeyError(
            f"no heading {heading!r} among {[words for _, words in headings]}"
        )
    end = next((n for n, _ in headings if n > start), len(lines))
    return "\n".join(lines[start + 1 : end]).strip()


def relinked(text: str, file: str, page: str) -> str:
    """Return Markdown of a file with links that lead on from a page.

    Args:
        text: the Markdown.
        file: the path from which its links go.
        page: the page's path from the folder of the pages.
    """

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        if ":" in target or not target:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        to = page_of(path)
        if to is None:
            named = f"`{path}`"
            return named if path in match["text"] else f"{match['text']} ({named})"
        to = posixpath.relpath(to, posixpath.dirname(page) or ".")
        return f"[{match['text']}]({to}{'#' * bool(anchor)}{anchor})"

    return _LINK.sub(link, text)


def page_of(path: str) -> str | None:
    """Return the page that is a file of the project, or that takes it in whole."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    for page in sorted(PAGES.rglob("*.md")):
        if f"{{{{ {path} }}}}" in page.read_text("utf-8"):
            return page.relative_to(PAGES).as_posix()
    return None

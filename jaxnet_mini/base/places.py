"""Which line of a user's own code an error comes from."""

import linecache
import traceback
from pathlib import Path
from types import ModuleType

from jaxnet_mini.errors import MOST_LETTERS

_PACKAGE = Path(__file__).parents[1]


def asking_line(error: BaseException, *asked: ModuleType) -> str | None:
    """Return whose code asked a library for what it has refused, and where.

    Args:
        error: that was raised.
        asked: the libraries, whose own lines are passed over.

    Returns:
        The function and its line; None where this library has asked.
    """
    folders = tuple(Path(library.__file__ or "").parent for library in asked)
    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        code = frame.f_code
        path = Path(code.co_filename)
        if any(path.is_relative_to(folder) for folder in folders):
            continue
        if path.is_relative_to(_PACKAGE):
            return None
        text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        if len(text) > MOST_LETTERS:
            text = f"{text[:MOST_LETTERS]}..."
        where = f"line {line} of {path}" + (f": {text}" if text else "")
        return f"{code.co_qualname.rpartition('<locals>.')[2]} ({where})"
    return None

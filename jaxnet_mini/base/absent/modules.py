"""What is answered where a name is asked for that is not here.

Keras has many names that a library for dense networks lacks. Each is answered by one
sentence that says what to write instead, any other by the nearest name.
"""

import difflib
import sys
from collections.abc import Mapping
from types import FrameType, ModuleType
from typing import NoReturn

from jaxnet_mini.base.absent.names import advice
from jaxnet_mini.errors import MOST_LETTERS, AbsentImportError, AbsentNameError


def answer_names(faces: Mapping[str, ModuleType]) -> None:
    """Let modules answer for the names that they have not.

    Args:
        faces: the modules, by the name that `keras_names` has for each.
    """
    for room, module in faces.items():
        # A lambda, as nothing stands between it and who asks.
        answer = lambda name, room=room: _refuse(  # noqa: E731
            faces, room, name, sys._getframe(1)
        )
        setattr(module, "__getattr__", answer)  # noqa: B010


def _refuse(
    faces: Mapping[str, ModuleType], room: str, name: str, asking: FrameType
) -> NoReturn:
    """Say that a module has no such name, and what to do.

    Raises:
        AbsentImportError: to an import.
        AbsentNameError: to all others.
    """
    module = faces[room]
    if name.startswith("_"):
        # Asked for by tools, which want to know and not to read.
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    message = f"{module.__name__} has no {name}: {_way_on(faces, room, name)}"
    if _is_import(asking, f"{module.__name__}.{name}"):
        raise AbsentImportError(message, name=module.__name__)
    raise AbsentNameError(message, name=name)


def _way_on(faces: Mapping[str, ModuleType], room: str, name: str) -> str:
    """Return what to do instead, as the end of a sentence."""
    known = advice(room, name)
    if known is not None:
        return f"{known}."
    for module in faces.values():
        if name in offered(module):
            return f"it is {module.__name__}.{name}."
    for known in filter(None, (advice(place, name) for place in faces)):
        return f"{known}."
    if len(name) <= MOST_LETTERS:
        names = {offered.lower(): offered for offered in offered(faces[room])}
        nearest = difflib.get_close_matches(name.lower(), names, n=1)
        if nearest:
            return f"did you mean {names[nearest[0]]}?"
    return f"dir({faces[room].__name__}) lists what there is."


def offered(module: ModuleType) -> list[str]:
    """Return the names that a module is there for, and not those that it uses."""
    listed: list[str] | None = getattr(module, "__all__", None)
    if listed is not None:
        return listed
    return [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and name[0] != "_"
    ]


def _is_import(frame: FrameType, full_name: str) -> bool:
    """Tell whether ``from module import name`` asks.

    Python replaces an AttributeError there by a sentence of its own, and takes an
    ImportError as it is. Modules that are being imported it finds itself.
    """
    import opcode  # only where something is wrong

    operation = frame.f_code.co_code[frame.f_lasti]
    asks = opcode.opname[operation] == "IMPORT_FROM"
    return asks and full_name not in sys.modules

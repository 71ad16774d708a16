"""The library's exceptions, and the one way of looking a name up.

Every exception is also the builtin that a caller would expect, so
``except ValueError`` keeps working. A message names the argument, says what was
expected and what came, and ends with what to do next.
"""

import difflib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Value = TypeVar("Value")

MOST_LETTERS, MOST_DIFFERENCES = 80, 5
"""How much a message shows of one value, and of what differs."""


class JaxnetError(Exception):
    """The base of every exception that this library raises on purpose."""


class ArgumentError(JaxnetError, ValueError):
    """An argument has a value outside what is allowed."""


class CallError(ArgumentError, TypeError):
    """Arguments that are not taken, too many or too few."""


class ShapeError(JaxnetError, ValueError):
    """Two shapes that must agree do not."""


class DataError(JaxnetError, ValueError):
    """Data that cannot be trained on: labels out of range, NaN, empty, complex."""


class UnknownNameError(JaxnetError, ValueError):
    """A name that stands in no table."""


class AbsentNameError(JaxnetError, AttributeError):
    """A module or a model has no such name, to read or to set."""


class AbsentImportError(JaxnetError, ImportError):
    """A module has no such name to import."""


class LayerError(JaxnetError, TypeError):
    """An object that is no layer stands where a layer is needed."""


class TracingError(JaxnetError, TypeError):
    """Code asks for the values of an array while a program is made of shapes alone."""


class StateError(JaxnetError, RuntimeError):
    """A call before its time, such as ``fit`` before ``compile``."""


class NonFiniteError(JaxnetError, FloatingPointError):
    """The loss or a weight turned NaN or infinite during training."""

    batch: int = 0
    """The step within its epoch, from 0."""


class DownloadError(JaxnetError, OSError):
    """A data set could be found nowhere and not be downloaded whole."""


class FileError(JaxnetError, OSError):
    """A file that cannot be written or read, or does not hold what it should."""


class ProcessError(JaxnetError, RuntimeError):
    """Another of the processes that train together has ended."""


class MissingExtraError(JaxnetError, ImportError):
    """An optional dependency is needed and not installed."""


class TrainingWarning(UserWarning):
    """What is about to be trained surely cannot learn what was meant."""


def find(
    table: Mapping[str, Value], name: str, kind: str, written: str | None = None
) -> Value:
    """Look ``name`` up in ``table``; an unknown name is answered with the nearest.

    Args:
        table: names and what they stand for.
        name: the name to look for.
        kind: what is looked for, as the message calls it, e.g. ``"activation"``.
        written: the name as the user wrote it, where that is another.

    Raises:
        UnknownNameError: the name stands not in the table.

    >>> find({"relu": 1, "tanh": 2}, "rleu", "activation")
    Traceback (most recent call last):
    ...
    jaxnet_mini.errors.UnknownNameError: unknown activation 'rleu': did you mean \
'relu'? Known: relu, tanh.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    shown, nearest = short(name if written is None else written), []
    # From a file, a name may have millions of letters.
    if isinstance(name, str) and len(name) <= MOST_LETTERS:
        nearest = difflib.get_close_matches(name.lower(), table, n=1, cutoff=0.5)
    guess = f"did you mean {nearest[0]!r}? " if nearest else ""
    known = ", ".join(sorted(table))
    raise UnknownNameError(f"unknown {kind} {shown}: {guess}Known: {known}.")


def short(value: Any) -> str:
    """Return what a message shows of a value, one line at most."""
    text = " ".join(repr(value).split())
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 3]}..."


def shortened(differences: Sequence[str]) -> str:
    """Return the first of several differences, and how many more there are.

    >>> shortened(list("abcdefg"))
    'a; b; c; d; e; and 2 more'
    """
    shown, more = differences[:MOST_DIFFERENCES], len(differences) - MOST_DIFFERENCES
    return "; ".join([*shown, f"and {more} more"] if more > 0 else shown)


def import_extra(module: str, extra: str) -> Any:
    """Import a module of an optional dependency when it is used.

    Args:
        module: the module's full name, e.g. ``"matplotlib.figure"``.
        extra: the extra of this package that installs it, e.g. ``"plot"``.

    Raises:
        MissingExtraError: it is not installed.

    >>> import_extra("no_such_plotter.figure", "plot")
    Traceback (most recent call last):
    ...
    jaxnet_mini.errors.MissingExtraError: no_such_plotter is not installed: run \
python -m pip install "jaxnet-mini[plot]".
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.split(".")[0]
        if error.name is None or error.name.split(".")[0] != package:
            raise  # it is there, and something that it needs itself is not
        raise MissingExtraError(
            f"{package} is not installed: run python -m pip install "
            f'"jaxnet-mini[{extra}]".'
        ) from None

"""Functions and classes of anybody's, looked into: their code, names and versions."""

import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxnet_mini.base.absent.attributes import is_ours
from jaxnet_mini.core import inspection

PYTHON: str = sys.implementation.cache_tag or sys.implementation.name
"""The version of Python that bytecode is of, such as ``cpython-311``."""

INSTALLED = {"site-packages", "dist-packages"}


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", None) or "").partition(".")[0]


@functools.cache
def _version(package: str) -> str:
    module = sys.modules.get(package)
    number = getattr(module, "__version__", None)
    place = Path(str(getattr(module, "__file__", None) or ""))
    if isinstance(number, str) and not INSTALLED.isdisjoint(place.parts):
        return f"{package} {number}"
    return PYTHON if package in sys.stdlib_module_names else ""


def version(value: Any) -> str:
    """Return the installed package that a function or class is of, with its version.

    An empty string where it is the user's own, who changes it without a new version.
    """
    return _version(_package(value))


def is_installed(value: Any) -> bool:
    """Tell whether its name and the version of its package say what a function is."""
    found: Any = sys.modules.get(getattr(value, "__module__", None) or "")
    for part in str(getattr(value, "__qualname__", "")).split("."):
        found = getattr(found, part, None)
    return found is value and bool(version(value))


def versions(value: Any) -> str:
    """Return all that the digest of a function's code depends on beside itself."""
    return " ".join(dict.fromkeys((PYTHON, version(value)))).strip()


def digest(function: types.FunctionType) -> str:
    """Return a digest of a function's code, the same in every process.

    Where its lines stand and what its own variables are called changes nothing.
    """
    parts = _parts(function.__code__, function.__doc__)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _parts(code: types.CodeType, doc: str | None = None) -> list[Any]:
    constants = list(code.co_consts)
    if doc is not None and constants and constants[0] == doc:
        del constants[0]
    arguments = code.co_argcount + code.co_kwonlyargcount
    return [
        code.co_code,
        getattr(code, "co_exceptiontable", b""),
        code.co_names,
        code.co_varnames[:arguments],
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        (code.co_flags, len(code.co_freevars), len(code.co_cellvars)),
        [_constant(constant) for constant in constants],
    ]


def _constant(value: Any) -> Any:
    if isinstance(value, types.CodeType):
        return _parts(value)
    if isinstance(value, tuple):
        return [_constant(item) for item in value]
    if isinstance(value, frozenset):  # in another order in each process
        return sorted(repr(_constant(item)) for item in value)
    return type(value).__name__, repr(value)


def read_by(kind: type, read: frozenset[str]) -> frozenset[str]:
    """Return these names and those in the methods of a class that they name."""
    found, done = read | {"__call__"}, set[str]()
    while left := found - done:
        done |= left
        for name in left:
            method = _function(inspect.getattr_static(kind, name, None))
            found |= inspection.names(getattr(method, "__code__", None))
    return found


def _function(member: Any) -> Any:
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    if isinstance(member, property):
        return member.fget
    return member.func if isinstance(member, functools.cached_property) else member


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield what a user's class computes with: methods and attributes, by name.

    Those of classes of this library and of installed packages are left out.
    """
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if not (is_ours(base) or version(base)):
            found |= vars(base)
    for name, member in found.items():
        special = name.startswith("__") and name != "__call__"
        slot = inspect.ismemberdescriptor(member) or inspect.isgetsetdescriptor(member)
        if not (special or slot or name == "_abc_impl"):
            yield name, _function(member)


def closure(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function holds of the functions around it, by name."""
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not yet filled
            continue

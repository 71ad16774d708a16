"""A user's own classes and functions that files may name, registered once."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from jaxnet_mini.errors import ArgumentError

Own = TypeVar("Own")

_REGISTERED: dict[str, Any] = {}
_PACKAGES: dict[str, str] = {}


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Own], Own]:
    """Let a class or function be found by its name when a file is read.

    Without it, it is given to each call by ``custom_objects=``, which goes first.

    Args:
        package: goes with the name into files of Keras; others have the name alone.
        name: in place of ``__name__``.

    >>> @register_keras_serializable()
    ... def cubed(x):
    ...     return x**3
    >>> with_registered({})["cubed"] is cubed
    True
    """
    if not isinstance(package, str):
        raise ArgumentError(
            f"package must be a word, not {package!r}: write the decorator with "
            "brackets, @register_keras_serializable()."
        )

    def register(own: Own) -> Own:
        known: str = name or own.__name__  # type: ignore[attr-defined]
        _REGISTERED[known], _PACKAGES[known] = own, package
        return own

    return register


def with_registered(custom_objects: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is given by name, and all that is registered besides."""
    return _REGISTERED | dict(custom_objects or {})


def name_of(own: Any) -> str | None:
    """Return the name under which something is registered, None where it is not."""
    return next((name for name, known in _REGISTERED.items() if known is own), None)


def in_package(name: str) -> str:
    """Return a name as Keras's files have it of what is registered."""
    return f"{_PACKAGES[name]}>{name}" if name in _PACKAGES else name

"""Checks of arguments, declared with the fields of a frozen value.

A field names its check where it is declared, and `Value.__post_init__` runs all of
them in the order of the fields::

    rate: float = field(default=0.5, metadata=checked(check_number, least=0.0))

A check is a function of the argument, as messages call it, and of what was given; it
returns what the field is to hold, or raises an `ArgumentError`. Those of
`jaxnet_mini.base.arguments` are such functions.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from jaxnet_mini.errors import find

Check: TypeAlias = Callable[[str, Any], Any]
"""``(argument, value) -> what to hold``."""

_CHECK = "jaxnet_mini: check"


def checked(
    check: Callable[..., Any], *, optional: bool = False, **arguments: Any
) -> dict[str, Check]:
    """Return the metadata of a field that is to be checked.

    Args:
        check: takes the argument's name and the value, see above.
        optional: whether None is as good, and is not checked.
        **arguments: what ``check`` is called with besides.

    >>> from jaxnet_mini.base.arguments import check_count
    >>> @dataclasses.dataclass(frozen=True)
    ... class Top:
    ...     k: int = dataclasses.field(default=5, metadata=checked(check_count))
    ...     def __post_init__(self):
    ...         check_fields(self, "Top: ")
    >>> Top(3.0)
    Top(k=3)
    >>> Top(0)
    Traceback (most recent call last):
    jaxnet_mini.errors.ArgumentError: Top: k must be an integer of at least 1, not 0.
    """
    known: Check = functools.partial(check, **arguments) if arguments else check

    def unless_none(argument: str, value: Any) -> Any:
        return None if value is None else known(argument, value)

    return {_CHECK: unless_none if optional else known}


NEWER: dict[str, Any] = {"jaxnet_mini: newer": True}
"""Metadata of a field that was added to a class later: files and kept runs name it only
where it is not its default, and so agree with those written before it was there."""


def written(value: Any) -> list[str]:
    """Return the names of the fields by which a dataclass is written and told apart."""
    return [
        field.name
        for field in dataclasses.fields(value)
        if field.init
        and not (
            NEWER.items() <= field.metadata.items()
            and getattr(value, field.name) == field.default
        )
    ]


def accepted(_: str, value: Any, by: Callable[[Any], Any]) -> Any:
    """Return what a function takes without an error; what it makes of it is dropped.

    Args:
        value: what was given.
        by: raises an error that names the argument itself.
    """
    by(value)
    return value


def one_of(
    kind: str, names: Iterable[str], *, optional: bool = False
) -> dict[str, Check]:
    """Return the metadata of a field that holds one of a few names.

    Args:
        kind: what they are names of, as messages call it.
        names: those that are known.
        optional: whether None is as good.
    """
    known = functools.partial(find, dict.fromkeys(names), kind=kind)
    return checked(accepted, by=known, optional=optional)


def check_fields(
    value: Any,
    prefix: str = "",
    otherwise: Callable[[Any], Check | None] | None = None,
) -> None:
    """Check the fields of a dataclass, and let each hold what its check returns.

    Args:
        value: the dataclass, frozen or not; of all else there is nothing to check.
        prefix: what messages say before the name of a field.
        otherwise: gives the check of a field that declares none, None for no check.
    """
    for field in dataclasses.fields(value) if dataclasses.is_dataclass(value) else ():
        check = field.metadata.get(_CHECK)
        if check is None and otherwise is not None:
            check = otherwise(field)
        if check is not None:
            given = getattr(value, field.name)
            held = check(f"{prefix}{field.name}", given)
            if held is not given:
                object.__setattr__(value, field.name, held)

"""Checks of arguments, declared with the types of the fields of a frozen value.

What a field may hold is said once, by its type, and `Value.__post_init__` checks all
fields in their order::

    Rate: TypeAlias = Annotated[float, Checked(check_number, least=0.0)]
    rate: Rate = 0.5
    momentum: Rate | None = None  # None passes where the type says so

A check is a function of the argument, as messages call it, and of what was given; it
returns what the field is to hold, or raises an `ArgumentError`. Those of
`jaxnet_mini.base.arguments` are such functions.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from jaxnet_mini.base.arguments import (
    check_count,
    check_fits,
    check_flag,
    check_float,
    check_number,
    check_positive,
    check_word,
)
from jaxnet_mini.base.text import held as held_by
from jaxnet_mini.errors import find

Check: TypeAlias = Callable[[str, Any], Any]
"""``(argument, value) -> what to hold``."""

T = TypeVar("T")
Made = TypeVar("Made")


class Checked(functools.partial[Any]):
    """A check that stands with a type, with what it is called with besides."""

    def __repr__(self) -> str:
        return self.func.__name__


NEWER, _OPTIONAL = "newer", "optional"

Newer: TypeAlias = Annotated[T, NEWER]
"""The type of a field that was added to a class later: files and kept runs name it only
where it is not its default, and so agree with those written before it was there."""

# What many fields hold. A number stays as it is given, but for the two that become
# floats: `Strength`, at least 0, and `AsFloat`.
Word: TypeAlias = Annotated[str, Checked(check_word)]
Flag: TypeAlias = Annotated[bool, Checked(check_flag)]
Positive: TypeAlias = Annotated[int, Checked(check_positive)]
Seed: TypeAlias = Annotated[int, Checked(check_count, least=0)] | None
Strength: TypeAlias = Annotated[float, Checked(check_float, least=0.0)]
AsFloat: TypeAlias = Annotated[float, Checked(check_float)]
Number: TypeAlias = Annotated[float | int, Checked(check_number)]
NotNegative: TypeAlias = Annotated[float | int, Checked(check_number, least=0.0)]


def above_0(words: str = "above 0") -> Checked:
    """Return the check of a finite number above 0, of which messages say ``words``."""
    return Checked(check_fits, words=words, fits=lambda v: 0.0 < v < math.inf)


Above0: TypeAlias = Annotated[float, above_0()]


def _said(kind: Any) -> tuple[Any, ...]:
    """Return what a type says besides, with what the types of a union say."""
    if hasattr(kind, "__metadata__"):
        return (*_said(kind.__origin__), *kind.__metadata__)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return tuple(fact for part in typing.get_args(kind) for fact in _said(part))
    return (_OPTIONAL,) if kind is types.NoneType else ()


@functools.lru_cache(maxsize=1024)
def facts(kind: Any) -> dict[str, tuple[Any, ...]]:
    """Return what the fields of a dataclass declare, by name; ``{}`` of another."""
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    return {f.name: _said(f.type) for f in fields}


def written(value: Any) -> dict[str, Any]:
    """Return the fields by which a dataclass is written and told apart, by name."""
    kind: Any = type(value)
    newer = {name for name, said in facts(kind).items() if NEWER in said}
    return {
        f.name: held_by(value, f.name)
        for f in dataclasses.fields(value)
        if f.init and not (f.name in newer and getattr(value, f.name) == f.default)
    }


class WithConfig:
    """What is made of its fields, and says them by Keras's word."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make such an object again, by name."""
        return written(self)

    @classmethod
    def from_config(cls: type[Made], config: Mapping[str, Any]) -> Made:
        """Return an object made of what `get_config` returned."""
        return cls(**config)


def accepted(_: str, value: Any, by: Callable[[Any], Any]) -> Any:
    """Return what a function takes without an error; what it makes of it is dropped.

    Args:
        value: what was given.
        by: raises an error that names the argument itself.
    """
    by(value)
    return value


def one_of(kind: str, names: Iterable[str]) -> Checked:
    """Return the check of a field that holds one of a few names.

    Args:
        kind: what they are names of, as messages call it.
        names: those that are known.
    """
    return Checked(
        accepted, by=functools.partial(find, dict.fromkeys(names), kind=kind)
    )


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

    >>> @dataclasses.dataclass(frozen=True)
    ... class Top:
    ...     k: Positive = 5
    ...     def __post_init__(self):
    ...         check_fields(self, "Top: ")
    >>> Top(3.0)
    Top(k=3)
    >>> Top(0)
    Traceback (most recent call last):
    jaxnet_mini.errors.ArgumentError: Top: k must be a positive integer, not 0.
    """
    kind: Any = type(value)
    for name, said in facts(kind).items():
        check: Check | None
        check = next((fact for fact in said if isinstance(fact, Checked)), None)
        if check is None and otherwise is not None:
            check = otherwise(kind.__dataclass_fields__[name])
        given = held_by(value, name)
        if check is None or (given is None and _OPTIONAL in said):
            continue
        held = check(f"{prefix}{name}", given)
        if held is not given:
            object.__setattr__(value, name, held)

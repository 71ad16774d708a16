"""Plain JSON: how it is read, and how its values are checked."""

import collections.abc
import contextlib
import functools
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from jaxnet_mini.errors import ArgumentError, JaxnetError, find

Json: TypeAlias = Any
"""What ``json.dumps`` writes: None, booleans, numbers, strings, lists, dictionaries."""


def parse(text: str | bytes) -> dict[str, Json]:
    """Return the JSON object in a text, in which every key stands once.

    Raises:
        ArgumentError: there is none.

    >>> parse('{"units": 3}')
    {'units': 3}
    """

    def once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return found

    try:
        parsed = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"its JSON cannot be read: {error}.") from None
    if not isinstance(parsed, dict):
        raise ArgumentError(f"its JSON must be an object, not {short(parsed)}.")
    return parsed


def check_keys(config: Json, keys: Mapping[str, Any], where: str) -> None:
    """Check that a dictionary has certain keys, and values of certain types, alone.

    Raises:
        ArgumentError, UnknownNameError: it has not.
    """
    if not isinstance(config, dict):
        raise ArgumentError(f"{where} must be a dictionary, not {short(config)}.")
    for key in config:
        find(keys, key, f"entry of {where}")
    for key, expected in keys.items():
        if key not in config:
            raise ArgumentError(f"{where} needs the entry {key!r}.")
        if not fits(config[key], expected):
            raise ArgumentError(f"{where}: {key!r} cannot be {short(config[key])}.")


@functools.cache
def hints(kind: type) -> dict[str, Any]:
    """Return the annotations of a class, evaluated."""
    return typing.get_type_hints(kind)


def fits(value: Any, expected: Any) -> bool:
    """Tell whether a value is of an annotated type, as far as JSON can hold one."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, choice) for choice in arguments)
    if origin is typing.Literal:
        return any(type(value) is type(c) and value == c for c in arguments)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if arguments[1:] == (...,):
            arguments = arguments[:1] * len(value)
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    if origin is collections.abc.Callable:
        return callable(value)
    if origin is collections.abc.Sequence:
        items = isinstance(value, tuple)
        return items and all(fits(item, arguments[0]) for item in value)
    if expected in (int, float):
        kinds = int if expected is int else int | float
        return isinstance(value, kinds) and not isinstance(value, bool)
    # Others, such as arrays, stand in no JSON, and not all of them are types.
    kind = origin or expected
    return isinstance(kind, type) and isinstance(value, kind)


def short(config: Json) -> str:
    """Return what a message shows of a value, one line at most."""
    text = repr(config)
    return text if len(text) <= 80 else f"{text[:77]}..."


@contextlib.contextmanager
def locating(where: object) -> Iterator[None]:
    """Put a place before the message of any of this library's own errors.

    >>> with locating("model.safetensors"):
    ...     raise ArgumentError("rate is too large.")
    Traceback (most recent call last):
    ...
    jaxnet_mini.errors.ArgumentError: model.safetensors: rate is too large.
    """
    try:
        yield
    except JaxnetError as error:
        raise type(error)(f"{where}: {error}") from None

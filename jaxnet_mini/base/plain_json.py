"""Plain JSON: how it is read, and how its values are checked."""

import collections.abc
import contextlib
import functools
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from jaxnet_mini.errors import ArgumentError, JaxnetError, find, short

Json: TypeAlias = Any
"""What ``json.dumps`` writes: None, booleans, numbers, strings, lists, dictionaries."""

MOST_BYTES = 2**22
"""Of a text from a file: far more layers than anyone stacks."""

MOST_VALUES = 2**17
"""In a text from a file: each takes some 300 bytes of memory, whatever it is."""


def check_size(text: str | bytes) -> None:
    """Check that a text can be parsed in little memory and time.

    Raises:
        ArgumentError: it cannot.
    """
    data = text.encode(errors="replace") if isinstance(text, str) else text
    # Before each value stands one of these.
    values = sum(map(data.count, (b",", b"[", b"{")))
    if len(data) > MOST_BYTES or values > MOST_VALUES:
        raise ArgumentError(
            f"its JSON is too large: {len(data)} bytes with up to {values} values, and "
            f"at most {MOST_BYTES} and {MOST_VALUES} are read."
        )


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

    if not isinstance(text, str | bytes):
        raise ArgumentError(f"JSON must be a string, not {short(text)}.")
    try:
        # Bytes might be of another encoding, for which Python imports a module.
        decoded = text if isinstance(text, str) else text.decode()
        parsed = json.loads(decoded, object_pairs_hook=once)
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
        # More than 64 bits are no size of an array, nor a float for certain.
        number = isinstance(value, kinds) and not isinstance(value, bool)
        return number and (isinstance(value, float) or abs(value) < 2**63)
    # Others, such as arrays, stand in no JSON, and not all of them are types.
    kind = origin or expected
    return isinstance(kind, type) and isinstance(value, kind)


@contextlib.contextmanager
def locating(where: object) -> Iterator[None]:
    """Put a place before the message of any of this library's own errors.

    Raises:
        ArgumentError: what is read is nested too deeply.

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
    except RecursionError:
        raise ArgumentError(f"{where}: it is nested too deeply.") from None

"""Values of any nesting as plain JSON with their arrays beside it, and back."""

import math
from typing import Any

import jax
import numpy as np

from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.errors import ArgumentError, short

FEW = 8
"""Longer lists of floats become an array."""


def packed(value: Any, name: str, arrays: dict[str, Any]) -> Json:
    """Return JSON for a value; arrays in it go to ``arrays``, under names within it.

    Tuples become lists, and numbers of NumPy arrays.

    Raises:
        ArgumentError: the value holds what cannot be kept.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"/float": repr(value)}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {
            _escaped(key): packed(v, f"{name}/{_part(key)}", arrays)
            for key, v in value.items()
        }
    if isinstance(value, list | tuple):
        if len(value) > FEW and all(type(number) is float for number in value):
            arrays[name] = np.array(value)
            return {"/floats": name}
        return [packed(v, f"{name}/{i}", arrays) for i, v in enumerate(value)]
    if isinstance(value, np.ndarray | np.generic):
        arrays[name] = np.array(value)  # its owner may write into it meanwhile
        return {"/array": name}
    if isinstance(value, jax.Array):
        arrays[name] = value
        return {"/array": name}
    raise ArgumentError(
        f"a callback's state_dict holds {short(value)} at {name!r}, which cannot "
        "be kept: give None, booleans, numbers, strings, arrays, or lists and "
        "dictionaries, with strings for keys, of these."
    )


def unpacked(value: Json, arrays: dict[str, Any]) -> Any:
    """Return the value that `packed` was given, and take its arrays out."""
    if isinstance(value, list):
        return [unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"/float": text}:
            return float(text)
        case {"/floats": name}:
            return arrays.pop(name).tolist()
        case {"/array": name}:
            # A copy: what the file holds cannot be written into.
            return np.array(arrays.pop(name))
    return {
        key.removeprefix("/"): unpacked(item, arrays) for key, item in value.items()
    }


def _escaped(key: str) -> str:
    """Return what stands for a key: one slash at the front is ours."""
    return f"/{key}" if key.startswith("/") else key


def _part(key: str) -> str:
    """Return a key as a part of a name, as RFC 6901 has it: a slash is no part."""
    return key.replace("~", "~0").replace("/", "~1")

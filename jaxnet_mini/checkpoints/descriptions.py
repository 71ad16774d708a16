"""Values as plain JSON that tells them apart, a user's functions and classes too.

Unlike a configuration (`jaxnet_mini.files.config`) a description is for comparing
alone, and everything has one. What is of this library stands in it by its public name.
Of a function of anybody else's there is what it holds (closure, defaults, the object
that it is bound to), and a digest of its code, the same in every process.
"""

import dataclasses
import enum
import functools
import hashlib
import json
import numbers
import os
import types
import zlib
from collections.abc import Iterable
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.absent.attributes import is_ours
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.checkpoints import bytecode
from jaxnet_mini.core import inspection, values
from jaxnet_mini.core.fields import written
from jaxnet_mini.core.types import without_key
from jaxnet_mini.files import config

OF = "code of"
"""The entry that names the versions of Python and of the package that code is of."""

CODE = "code"

CRC = "CRC-32"
"""It tells data apart that differ by mistake, in a quarter of the time of a SHA-256:
0.03 s for Fashion-MNIST."""

BLOCK_ROWS = 4096

MOST_VALUES, MOST_LEVELS = 10_000, 50
"""Of one description: what a function holds may hold anything."""

PLAIN = (type(None), bool, np.bool_, str, numbers.Real)
BY_REPR = (bytes, complex, slice, range, np.dtype, type(...), os.PathLike)

Read: TypeAlias = frozenset[str] | None
"""The names of the attributes that are read of an object; None where all count."""


class Description:
    """What is known of a value.

    Args:
        value: anything.
        name: what messages call it.

    Attributes:
        json: the description.
        foreign: whether something in it is not of this library.
        opaque: the names of what could not be looked into.
    """

    def __init__(self, value: Any, name: str) -> None:
        self.foreign = False
        self.opaque: list[str] = []
        self._within: list[int] = []
        self._count = 0
        self.json = self._value(value, name)

    def _value(self, value: Any, name: str, read: Read = None) -> Json:
        if isinstance(value, PLAIN) and not isinstance(value, enum.Enum):
            return config.to_config(value)
        if id(value) in self._within:
            return {"levels up": len(self._within) - self._within.index(id(value))}
        self._count += 1
        self._within.append(id(value))
        if len(self._within) <= MOST_LEVELS and self._count <= MOST_VALUES:
            for describe in (self._ours, self._data, self._callable, self._object):
                found = describe(value, name, read)
                if found is not None:
                    self._within.pop()
                    return found
        self._within.pop()
        return self._unknown(value, name)

    def _unknown(self, value: Any, name: str) -> Json:
        self.foreign = True
        self.opaque.append(name)
        return {"class": type(value).__name__}

    def _entries(
        self, entries: Iterable[tuple[str, Any]], name: str, read: Read = None
    ) -> Json:
        return {key: self._value(v, f"{name}.{key}", read) for key, v in entries}

    def _ours(self, value: Any, name: str, read: Read) -> Json:
        """Describe what has a public name here."""
        known = config.public_name(value)
        if known is not None:
            return {"type" if isinstance(value, type) else "function": known}
        known = config.public_name(type(value))
        if known is None:
            return None
        return {"class": known, "config": self._entries(_fields(value), name)}

    def _data(self, value: Any, name: str, read: Read) -> Json:
        """Describe what holds values and has no code."""
        if isinstance(value, enum.Enum):
            return {"enum": str(value)}
        if isinstance(value, BY_REPR):
            return {"value": hashlib.sha256(repr(value).encode()).hexdigest()}
        if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
            return [self._value(v, f"{name}[{i}]", read) for i, v in enumerate(value)]
        if isinstance(value, set | frozenset):
            members = [self._value(member, name, read) for member in value]
            return {"set": sorted(members, key=json.dumps)}
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {"dict": self._entries(value.items(), name, read)}
        if isinstance(value, dict):
            return {"items": self._value([*value.items()], name, read)}
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        if isinstance(value, type):
            return {"type": value.__qualname__}
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            self.foreign = True
            traced = isinstance(value, jax.core.Tracer)
            if traced or not getattr(value, "is_fully_addressable", True):
                return self._unknown(value, name)
            if getattr(value.dtype, "hasobject", False):  # JAX's keys have none
                return self._value(value.tolist(), name, read)
            return digest(value)
        return None

    def _callable(self, value: Any, name: str, read: Read) -> Json:
        """Describe a function, or what is called like one."""
        if isinstance(value, types.FunctionType):
            return self._function(value, name)
        if isinstance(value, types.MethodType):
            function, bound = value.__func__, value.__self__
            used = inspection.names(getattr(function, "__code__", None))
            used = bytecode.read_by(type(bound), used)
            found: dict[str, Json] = self._value(function, name)
            return found | {"self": self._value(bound, f"{name}.__self__", used)}
        if isinstance(value, functools.partial):
            parts = ("func", "args", "keywords")
            return {
                "partial": self._entries(((p, getattr(value, p)) for p in parts), name)
            }
        known = getattr(value, "__name__", None)
        if not callable(value) or not isinstance(known, str):
            return None
        self.foreign = True
        if bytecode.is_installed(value):
            return {"function": known, OF: bytecode.version(value)}
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is None:
            return None
        # What jax.jit and jax.custom_vjp return, or functools.cache.
        rules = [
            (key, rule)
            for key, rule in vars(value).items()
            if isinstance(rule, types.FunctionType) and rule is not wrapped
        ]
        inner: dict[str, Json] = self._value(wrapped, name)
        return inner | {"rules": self._entries(rules, name)}

    def _function(self, function: types.FunctionType, name: str) -> Json:
        known = {"function": function.__name__}
        if is_ours(function):
            return known
        self.foreign = True
        if bytecode.is_installed(function):
            return known | {OF: bytecode.version(function)}
        read = inspection.names(function.__code__)
        return known | {
            OF: bytecode.versions(function),
            CODE: bytecode.digest(function),
            "defaults": self._value(function.__defaults__ or (), name),
            "kwdefaults": self._entries((function.__kwdefaults__ or {}).items(), name),
            "closure": self._entries(bytecode.closure(function), name, read),
        }

    def _object(self, value: Any, name: str, read: Read) -> Json:
        """Describe an object of a class that is not public here."""
        kind: type = type(value)
        fields, held = dict(_fields(value)), values.held(value)
        if not (fields or held or hasattr(value, "__dict__")):
            return None  # written in C
        self.foreign = True
        if read is not None and not fields:
            read = bytecode.read_by(kind, read)

        declared = {*fields, *getattr(value, "__dataclass_fields__", ())}

        def counts(key: str) -> bool:
            special = key.startswith("__") and key != "__call__"
            return not special and key not in declared and (read is None or key in read)

        held = {key: inner for key, inner in held.items() if counts(key)}
        members = [
            (key, member) for key, member in bytecode.members(kind) if counts(key)
        ]
        return {
            "class": kind.__name__,
            "config": self._entries(fields.items(), name),
            OF: bytecode.versions(kind),
            "held": self._entries(held.items(), name, read),
            "members": self._entries(members, name),
        }


def _fields(value: Any) -> list[tuple[str, Any]]:
    """Return the fields of a dataclass or a named tuple, with what they hold."""
    if dataclasses.is_dataclass(value):
        return [*written(value).items()]
    return [(name, getattr(value, name)) for name in getattr(value, "_fields", ())]


def digest(array: Any) -> Json:
    """Return shape, dtype and checksum of an array."""
    whole: NDArray[Any] = np.asarray(without_key(array))
    checksum, rows = 0, np.atleast_1d(whole)
    for first in range(0, len(rows), BLOCK_ROWS):
        block = np.ascontiguousarray(rows[first : first + BLOCK_ROWS])
        checksum = zlib.crc32(block.reshape(-1).view(np.uint8).data, checksum)
    return {"shape": list(whole.shape), "dtype": str(whole.dtype), CRC: checksum}

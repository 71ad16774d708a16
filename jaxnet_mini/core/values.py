"""Values: objects that are equal where they hold the same, to the letter.

Losses, layers, regularizers, optimizers and metrics are such values. Compiled programs
are found by them, so that two that compute otherwise must never be equal: what counts
is all that an object holds, whether it is a field of a dataclass or was set by a user's
own ``__init__``. Numbers count with type and sign: ``1``, ``1.0`` and ``True``, ``0.0``
and ``-0.0`` may give other results.
"""

import dataclasses
import functools
import hashlib
import inspect
import types
import typing
from collections.abc import Callable, Hashable
from typing import Any, ClassVar

import jax
import numpy as np
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.text import held as held_by
from jaxnet_mini.core.fields import check_fields
from jaxnet_mini.core.types import is_key
from jaxnet_mini.errors import ArgumentError

_KEY = "_value_key"
"""Where a value keeps its key with the key's hash: a hash is asked for at each call of
a program."""

MADE_OF = "_arguments"
"""Where an object of a user's class keeps the arguments that it was made of, for files:
what it holds says what it is."""


class _Signature:
    """The signature of a class as ``help`` shows it: types without their checks."""

    def __get__(self, instance: Any, kind: Any) -> inspect.Signature:
        if instance is not None:  # which may be callable
            raise AttributeError("__signature__")
        signature = inspect.signature(kind.__init__)
        try:
            hints = typing.get_type_hints(kind.__init__)
        except (NameError, TypeError):  # a user's, of what is not there at run time
            hints = {}
        _, *parameters = signature.parameters.values()
        return signature.replace(
            parameters=[
                own.replace(annotation=hints.get(own.name, own.annotation))
                for own in parameters
            ]
        )


class Value:
    """The base of frozen values: equal where class and all that is held are the same.

    A subclass needs no more than its own ``__init__`` or fields. Lists, dictionaries
    and arrays that it holds are compared by content, functions by identity, and what
    Python cannot hash by identity too; so is a value that leads back to itself. What
    they are is looked at once, when the value is first hashed or compared: a value is
    not to be changed afterwards. Properties that `functools.cached_property` keeps do
    not count.
    """

    _what: ClassVar[str] = ""
    """Of which kind it is, see `jaxnet_mini.base.absent.methods`."""

    __signature__ = _Signature()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if cls._what:
            attributes.check_methods(cls, cls._what)
        own = vars(cls)
        if "__eq__" in own and own.get("__hash__") is None:
            raise ArgumentError(
                f"{cls.__name__} defines __eq__ and no __hash__, and no program could "
                "be found by it: leave __eq__ out, as values are compared by all that "
                "they hold, or define __hash__ too."
            )
        # In the class itself, so that @dataclass writes none of its own: that would
        # look at the fields alone, and a plain subclass would inherit it.
        for method in ("__hash__", "__eq__"):
            if "__eq__" not in own and method not in own:
                setattr(cls, method, getattr(Value, method))

    def __post_init__(self) -> None:
        """Check the fields as they declare it, see `fields`."""
        check_fields(self, f"{type(self).__name__}: ")

    def __setattr__(self, name: str, value: Any) -> None:
        # Fields are frozen; what else a class sets makes it another value.
        object.__setattr__(self, name, value)
        vars(self).pop(_KEY, None)

    def __getstate__(self) -> Any:
        """Return what to copy: all but what is kept for speed."""
        kind: Any = type(self)
        kept, slots = _names(kind)
        passed_over = kept - {MADE_OF}
        held = {n: v for n, v in vars(self).items() if n not in passed_over}
        filled = {n: getattr(self, n) for n in slots if hasattr(self, n)}
        return (held, filled) if filled else held

    def _keyed(self) -> tuple[int, Hashable]:
        """Return the hash of the key and the key."""
        found: tuple[int, Hashable] | None = vars(self).get(_KEY)
        if found is None:
            # Meanwhile, what leads back here finds this object and no endless circle.
            alone = _Same(self)
            vars(self)[_KEY] = (hash(alone), alone)
            try:
                contents = (type(self), _held(self))
                found = vars(self)[_KEY] = (hash(contents), contents)
            except BaseException:
                del vars(self)[_KEY]
                raise
        return found

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Value):
            return NotImplemented
        return self._keyed() == other._keyed()

    def __hash__(self) -> int:
        return self._keyed()[0]


def refuse_fields(layer: Any, name: str, value: Any) -> None:
    """Refuse to change a layer; plain classes that derive from it have more names."""
    kind, own = type(layer), {field.name for field in dataclasses.fields(layer)}
    if "__dataclass_fields__" not in vars(kind) and name not in own:
        Value.__setattr__(layer, name, value)
        return
    raise dataclasses.FrozenInstanceError(
        f"cannot assign to field {name!r} of {layer!r}, which is a value: write it "
        f"where that is made, {kind.__name__}(..., {name}=...). What it is in a model "
        "changes there: model.layers[0].trainable = False, layer.set_weights([...])."
    )


@dataclasses.dataclass(frozen=True)
class Settings(Value):
    """Names with what they are set to, compared as what values hold."""

    pairs: tuple[tuple[str, Any], ...]


def is_in_use(value: Value) -> bool:
    """Tell whether a value was hashed or compared: it is not to be changed then."""
    return _KEY in vars(value)


class _Same:
    """Stands in a key for an object that is equal to itself alone."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


def key(value: Any) -> Hashable:
    """Return what a setting is compared as: equal for what is the same to the letter.

    >>> key(1) == key(1.0), key(0.0) == key(-0.0), key([1, 2]) == key([1, 2])
    (False, False, True)
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return kind, value
    if kind is float or kind is complex:
        # Every bit of it: equality tells neither the sign of zero nor NaN apart.
        return kind, repr(value)
    if isinstance(value, Value) and vars(kind)["__eq__"] is vars(Value)["__eq__"]:
        return value._keyed()[1]
    if isinstance(value, tuple | list):
        return kind, tuple(map(key, value))
    if isinstance(value, dict):
        return kind, tuple((key(name), key(entry)) for name, entry in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(key, value))
    if isinstance(value, np.ndarray | np.generic | Array):
        return _key_of_array(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return kind, _held(value)
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    # A class's own equality is its author's; one that it inherits knows nothing of what
    # it holds beyond its base.
    if isinstance(kind.__eq__, types.FunctionType) and "__eq__" not in vars(kind):
        return _Same(value)
    return kind, value


@functools.lru_cache(maxsize=1024)
def _names(kind: Any) -> tuple[frozenset[str], frozenset[str]]:
    """Return what objects keep for speed, and what they hold outside of ``vars``."""
    attributes = [pair for base in kind.__mro__ for pair in vars(base).items()]
    kept = [n for n, a in attributes if isinstance(a, functools.cached_property)]
    slots = [
        name
        for name, attribute in attributes
        if inspect.ismemberdescriptor(attribute) and not name.startswith("__")
    ]
    # No tuples: a checker of annotations draws the items that it looks at with
    # Python's random, whose state is none of a comparison's business.
    return frozenset([_KEY, MADE_OF, *kept]), frozenset(slots)


def held(value: Any) -> dict[str, Any]:
    """Return all that an object holds, by name, but what it keeps for speed."""
    kind: Any = type(value)
    kept, slots = _names(kind)
    names = {*getattr(value, "__dict__", ()), *slots} - kept
    return {
        name: held_by(value, name) for name in sorted(names) if hasattr(value, name)
    }


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """Return what a function makes of a value, or of all in a list, tuple or dict."""
    if type(value) in (list, tuple):
        return type(value)(mapped(entry, function) for entry in value)
    if type(value) is dict:
        return {name: mapped(entry, function) for name, entry in value.items()}
    return function(value)


def _held(value: Any) -> Hashable:
    return tuple((name, key(inner)) for name, inner in held(value).items())


def _key_of_array(array: Any) -> Hashable:
    weak = False
    if isinstance(array, Array):
        if isinstance(array, jax.core.Tracer) or not array.is_fully_addressable:
            return _Same(array)
        if is_key(array):
            return str(array.dtype), _key_of_array(jax.random.key_data(array))
        weak = bool(getattr(array, "weak_type", False))
    kind, numbers = type(array), np.asarray(array)
    if numbers.dtype.hasobject:
        return kind, numbers.shape, tuple(map(key, numbers.ravel().tolist()))
    digest = hashlib.sha256(numbers.tobytes()).digest()
    return kind, weak, numbers.dtype, numbers.shape, digest

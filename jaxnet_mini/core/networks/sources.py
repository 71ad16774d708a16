"""What a call of a layer takes, as plain values: the names of arrays in a structure.

One array is its name, and several are a tuple of names. What is nested, a dictionary,
several arguments or a number begins with a word that says so.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

from jaxnet_mini.core.types import Layer, is_shape
from jaxnet_mini.errors import ArgumentError, LayerError

Sources: TypeAlias = str | tuple[Any, ...]

TUPLE, DICT, CALL, VALUE = "{tuple}", "{dict}", "{call}", "{value}"
"""What begins with one: entries; pairs of a key and an entry; a tuple and a dictionary
of arguments; what is no array."""


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Plain:
    """An argument that is no array: a number, a word, or None."""

    value: Any


class Arguments(NamedTuple):
    """What a layer takes where that is more than one argument."""

    given: tuple[Any, ...]
    named: dict[str, Any]


def encoded(x: Any, name: Callable[[Any], str], inside: bool = False) -> Sources:
    """Return what stands for what a layer is called with.

    Args:
        x: a structure.
        name: gives the name of each array in it.
        inside: whether it stands within another.

    >>> encoded(["a", {"b": "c"}], str)
    ('{tuple}', 'a', ('{dict}', ('b', 'c')))
    """
    if isinstance(x, Mapping):
        return (DICT, *((key, encoded(own, name, True)) for key, own in x.items()))
    if isinstance(x, tuple | list):
        entries = tuple(encoded(entry, name, True) for entry in x)
        if isinstance(x, Arguments):
            return (CALL, *entries)
        flat = not inside and all(isinstance(entry, str) for entry in entries)
        return entries if flat else (TUPLE, *entries)
    if x is None or isinstance(x, Plain):
        return VALUE, getattr(x, "value", None)
    return name(x)


def filled(sources: Any, value: Callable[[str], Any]) -> Any:
    """Return what a layer is called with.

    Args:
        sources: what `encoded` returned.
        value: gives what stands for each name.

    >>> filled(("{tuple}", "a", ("{dict}", ("b", "c"))), str.upper)
    ('A', {'b': 'C'})
    """
    if isinstance(sources, str):
        return value(sources)
    mark, *entries = sources
    if mark == VALUE:
        return Plain(*entries)
    if mark == DICT:
        return {key: filled(entry, value) for key, entry in entries}
    marked = mark in (TUPLE, CALL)
    several = [filled(entry, value) for entry in (entries if marked else sources)]
    return Arguments(*several) if mark == CALL else tuple(several)


def check_sources(argument: str, given: Any) -> Sources:
    """Return what a layer takes, given as a structure of names or encoded already.

    Raises:
        ArgumentError: it is neither.
    """
    marks = (TUPLE, DICT, CALL, VALUE)
    marked = isinstance(given, tuple | list) and given[:1] and given[0] in marks
    found: list[Any] = []
    try:
        sources = given if marked else encoded(given, lambda entry: entry)
        filled(sources, found.append)
        good = found and isinstance(hash(sources), int)
    except (TypeError, ValueError, RecursionError):
        good = False
    if not good:
        raise ArgumentError(f"{argument} must be a name or several, not {given!r}.")
    return sources


def results(name: str, given: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a call gives, and each array in it by number, with names.

    >>> dict(results("pair", ((3,), (2,))))
    {'pair': ((3,), (2,)), 'pair/0': (3,), 'pair/1': (2,)}
    """
    yield name, given
    for place, own in enumerate(jax.tree.leaves(given, is_leaf=is_shape)):
        yield f"{name}/{place}", own


def giver(name: str) -> tuple[str, int]:
    """Return which call gives an array, and its number among those that it gives.

    >>> giver("pair/1"), giver("dense")
    (('pair', 1), ('dense', 0))
    """
    call, _, place = name.rpartition("/")
    return (call, int(place)) if call and place.isdigit() else (name, 0)


def as_inputs(x: Any) -> Any:
    """Return what a layer is called with, as layers here take it."""
    return tuple(x) if isinstance(x, list) else x


def called_with(
    layer: Layer, given: tuple[Any, ...], named: dict[str, Any], training: Any = None
) -> tuple[Any, Any]:
    """Return what a layer takes, of the arguments of a call, and ``training``.

    Raises:
        LayerError: its ``call`` takes others.
    """
    if len(given) == 1 and not named:
        return as_inputs(given[0]), training
    call = getattr(type(getattr(layer, "_written", layer)), "call", None)
    try:
        bound = inspect.signature(call).bind(layer, *given, **named)  # type: ignore[arg-type]
    except TypeError as error:
        raise LayerError(
            f"{layer!r} is called with other arguments than it takes: {error}."
        ) from None
    training = bound.arguments.pop("training", training)
    (_, *args), kwargs = bound.args, bound.kwargs
    if all(
        own.kind is not own.VAR_POSITIONAL
        for own in bound.signature.parameters.values()
    ):
        # Which is all that Keras takes by place.
        kwargs |= dict(zip([*bound.arguments][2:], args[1:], strict=False))
        args = args[:1]
    if len(args) == 1 and not kwargs:
        return as_inputs(args[0]), training

    def leaf(value: Any) -> Any:
        plain = isinstance(value, bool | int | float | str)
        return Plain(value) if plain else value

    found = jax.tree.map(leaf, (tuple(map(as_inputs, args)), kwargs))
    return Arguments(*found), training


def arguments(x: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return by place and by name what ``call`` is called with."""

    def is_constant(value: Any) -> bool:
        return isinstance(value, Plain)

    def plain(value: Any) -> Any:
        return value.value if is_constant(value) else value

    both = tuple(x) if isinstance(x, Arguments) else ((x,), {})
    given, named = jax.tree.map(plain, both, is_leaf=is_constant)
    return given, named

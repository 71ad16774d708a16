"""Layers within layers: what a wrapper holds, found wherever it keeps it."""

from collections.abc import Iterator
from typing import Any

from jaxnet_mini import values
from jaxnet_mini.types import Layer


def held(layer: Any) -> Iterator[tuple[str, Layer]]:
    """Yield the layers that a layer holds, each with where: ``".inner"``.

    They are looked for in all its attributes, and in tuples, lists and dictionaries
    there, but not within the layers that are found.

    >>> import types
    >>> from jaxnet_mini.layers import Dense
    >>> list(held(types.SimpleNamespace(rate=0.5, inner=[Dense(3)])))
    [('.inner[0]', Dense(3))]
    """
    kind: Any = type(layer)
    kept, slots = values._names(kind)
    for name in {**getattr(layer, "__dict__", {}), **dict.fromkeys(slots)}:
        if name not in kept:
            yield from _within(getattr(layer, name, None), f".{name}")
    if isinstance(layer, tuple):
        for place, entry in enumerate(layer):
            yield from _within(entry, f"[{place}]")


def within(layer: Layer) -> Iterator[Layer]:
    """Yield a layer and all that it holds, at whatever depth."""
    yield layer
    for _, inner in held(layer):
        yield from within(inner)


def _within(value: Any, where: str) -> Iterator[tuple[str, Layer]]:
    if isinstance(value, type):
        return
    if callable(getattr(value, "init", None)) and callable(
        getattr(value, "apply", None)
    ):
        yield where, value
    elif isinstance(value, tuple | list):
        for place, entry in enumerate(value):
            yield from _within(entry, f"{where}[{place}]")
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from _within(entry, f"{where}[{name!r}]")

"""Layers within layers: what a wrapper holds, found wherever it keeps it.

A penalty that a layer would add to the loss by itself must not be lost where another
layer is put around it, nor what it remembers, nor that it is frozen.
"""

from collections.abc import Iterator
from typing import Any

from jaxnet_mini.core import values
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.types import Layer
from jaxnet_mini.errors import LayerError


def held(layer: Any) -> Iterator[tuple[str, Layer]]:
    """Yield the layers that a layer holds, each with where: ``".inner"``.

    They are looked for in all its attributes, and in tuples, lists and dictionaries
    there, but not within the layers that are found.

    >>> import types
    >>> from jaxnet_mini.layers import Dense
    >>> list(held(types.SimpleNamespace(rate=0.5, inner=[Dense(3)])))
    [('.inner[0]', Dense(3))]
    """
    for name, value in values.held(layer).items():
        yield from _within(value, f".{name}")
    if isinstance(layer, tuple):
        for place, entry in enumerate(layer):
            yield from _within(entry, f"[{place}]")


def within(layer: Layer) -> Iterator[Layer]:
    """Yield a layer and all that it holds, at whatever depth."""
    yield layer
    for _, inner in held(layer):
        yield from within(inner)


def check(layer: Any) -> None:
    """Check that nothing of what a layer holds is left out of the training.

    Raises:
        LayerError: a penalty, a state or a frozen part is, since the layer has no
            method of its own that asks for it.
    """
    _check_penalty(layer)
    updates = protocol.knows_update(layer)
    masks = callable(getattr(layer, "trainable_mask", None))
    kind = type(layer).__name__
    for where, inner in held(layer):
        if not updates and any(map(protocol.has_state, within(inner))):
            raise LayerError(
                f"{layer!r} holds {inner!r}, which remembers more than its parameters, "
                f"and that would be lost: give {kind} the methods init_state(self, "
                "input_shape) and update(self, params, state, x, *, key=None, "
                "training=False, mask=None), which returns the outputs and the next "
                f"state, and let them ask those of self{where}."
            )
        frozen = (not getattr(part, "trainable", True) for part in within(inner))
        if not masks and getattr(layer, "trainable", True) and any(frozen):
            raise LayerError(
                f"{layer!r} holds {inner!r}, which is not to be trained, and would be: "
                f"give {kind} a method trainable_mask(self, params) that returns a "
                "tree like params with False for what is frozen, or freeze all of it "
                "by trainable=False."
            )


def _check_penalty(layer: Any) -> None:
    """Check that no penalty of what a layer holds is left out of the loss."""
    if _has_penalty(layer):
        return
    kind = type(layer).__name__
    for name in _regularizers(layer):
        raise LayerError(
            f"{layer!r} has a {name} that nothing adds to the loss: give {kind} a "
            "method penalty(self, params) that returns what it adds, such as "
            f"jn.regularizers.get(self.{name})(params['kernel'])."
        )
    for where, inner in held(layer):
        if _penalizes(inner):
            raise LayerError(
                f"{layer!r} holds {inner!r}, whose penalty would be missing from the "
                f"loss: give {kind} a method penalty(self, params) that returns "
                f"self{where}.penalty(params), or of those of several the sum, each "
                "with its own part of params."
            )


def _has_penalty(layer: Any) -> bool:
    """Tell whether a layer has a method ``penalty`` other than that of no penalty."""
    own = getattr(layer, "penalty", None)
    return own is not None and getattr(own, "__func__", own) is not Base.penalty


def _regularizers(layer: Any) -> list[str]:
    """Return the names of what a layer holds to regularize its parameters."""
    kind: Any = type(layer)
    names = [*getattr(layer, "__dict__", ()), *values._names(kind)[1]]
    return [
        name
        for name in names
        if name.endswith("_regularizer") and getattr(layer, name, None) is not None
    ]


def _penalizes(layer: Any) -> bool:
    """Tell whether a layer may add to the loss."""
    if _has_penalty(layer):
        written = getattr(type(layer), "penalty", None)
        if not getattr(written, "__module__", "").startswith("jaxnet_mini."):
            return True
    inner = (other for _, other in held(layer))
    return bool(_regularizers(layer)) or any(map(_penalizes, inner))


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

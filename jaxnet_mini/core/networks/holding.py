"""Layers within layers: what a wrapper holds, found wherever it keeps it.

A penalty that a layer would add to the loss by itself must not be lost where another
layer is put around it, nor a constraint, what it remembers, or that it is frozen.
"""

from collections.abc import Iterator
from typing import Any

from jaxnet_mini.base.absent import attributes
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


def within(layer: Any) -> Iterator[Any]:
    """Yield a layer and all that it holds, at whatever depth.

    Any: what a model of a user's class holds may have no functions yet.
    """
    yield layer
    for _, inner in held(layer):
        yield from within(inner)


def check(layer: Any) -> None:
    """Check that nothing of what a layer holds is left out of the training.

    Raises:
        LayerError: a penalty, a constraint, a state or a frozen part is, since the
            layer has no method of its own that asks for it.
    """
    _check_penalty(layer)
    _check_constraint(layer)
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
    if _has(layer, "penalty"):
        return
    kind = type(layer).__name__
    for name in _arguments(layer, "_regularizer") - _declared(layer):
        raise LayerError(
            f"{layer!r} has a {name} that nothing adds to the loss: give {kind} a "
            "method penalty(self, params) that returns what it adds, such as "
            f"jn.regularizers.get(self.{name})(params['kernel'])."
        )
    for where, inner in held(layer):
        if _uses(inner, "penalty", "_regularizer"):
            raise LayerError(
                f"{layer!r} holds {inner!r}, whose penalty would be missing from the "
                f"loss: give {kind} a method penalty(self, params) that returns "
                f"self{where}.penalty(params), or of those of several the sum, each "
                "with its own part of params."
            )


def _check_constraint(layer: Any) -> None:
    """Check that no constraint of what a layer holds is left out of the updates."""
    if _has(layer, "constrain"):
        return
    kind = type(layer).__name__
    for name in _arguments(layer, "_constraint") - _declared(layer):
        raise LayerError(
            f"{layer!r} has a {name} that nothing brings weights back to: give {kind} "
            "a method constrain(self, params) that returns params after an update, "
            "such as params | {'kernel': "
            f"jn.constraints.get(self.{name})(params['kernel'])}}."
        )
    for where, inner in held(layer):
        if _uses(inner, "constrain", "_constraint"):
            raise LayerError(
                f"{layer!r} holds {inner!r}, whose constraint would be missing from "
                f"the updates: give {kind} a method constrain(self, params) that "
                f"returns self{where}.constrain(params), or params with those of "
                "several, each made of its own part."
            )


def _has(layer: Any, method: str) -> bool:
    """Tell whether a layer has another method than the base's."""
    own = getattr(layer, method, None)
    return own is not None and getattr(own, "__func__", own) is not vars(Base)[method]


def _declared(layer: Any) -> set[str]:
    """Return the fields that classes of this library declare, and the base asks."""
    ours = (kind for kind in type(layer).__mro__ if attributes.is_ours(kind))
    return {n for kind in ours for n in getattr(kind, "__dataclass_fields__", ())}


def _arguments(layer: Any, end: str) -> set[str]:
    """Return the names with an end of what a layer holds for its parameters."""
    kind: Any = type(layer)
    names = {*getattr(layer, "__dict__", ()), *values._names(kind)[1]}
    names.discard("activity_regularizer")  # of outputs, see `activity`
    return {n for n in names if n.endswith(end) and getattr(layer, n, None) is not None}


def _uses(layer: Any, method: str, end: str) -> bool:
    """Tell whether a method of a layer, or of one that it holds, may do something."""
    if _has(layer, method):
        written = getattr(type(layer), method, None)
        if not getattr(written, "__module__", "").startswith("jaxnet_mini."):
            return True
    inner = (other for _, other in held(layer))
    return bool(_arguments(layer, end)) or any(_uses(o, method, end) for o in inner)


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
    elif isinstance(value, values.Value):
        for name, entry in values.held(value).items():
            yield from _within(entry, f"{where}.{name}")

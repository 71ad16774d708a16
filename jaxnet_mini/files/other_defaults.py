"""Where layers of the same shapes compute other numbers in other libraries.

A file of weights holds no epsilon, no slope and no function. What a layer has that was
given none is the default of its library, and these differ.

Sources: https://docs.pytorch.org/docs/stable/nn.html, https://flax.readthedocs.io.
"""

from collections.abc import Iterator
from typing import Any

from jaxnet_mini.core import activations
from jaxnet_mini.core.layers import (
    BatchNormalization,
    LayerNormalization,
    LeakyReLU,
    RMSNormalization,
)
from jaxnet_mini.core.networks import holding, protocol

DEFAULTS: dict[str, dict[type, tuple[str, float]]] = {
    "torch": {
        BatchNormalization: ("epsilon", 1e-5),
        LayerNormalization: ("epsilon", 1e-5),
        RMSNormalization: ("epsilon", 2.0**-23),  # of float32
        LeakyReLU: ("negative_slope", 0.01),
    },
    "flax": {
        BatchNormalization: ("epsilon", 1e-5),
        LayerNormalization: ("epsilon", 1e-6),
        LeakyReLU: ("negative_slope", 0.01),
    },
    "keras": {},
}
"""Fields of ours that have another default elsewhere."""

FUNCTIONS: dict[str, dict[activations.Activation, str]] = {
    "torch": {activations.leaky_relu: "LeakyReLU(0.01)"},
    "flax": {
        activations.leaky_relu: "LeakyReLU(0.01)",
        activations.gelu: "jax.nn.gelu, an approximation by tanh",
    },
    "keras": {},
}
"""Activations that are others elsewhere, and what those are here."""


def differing(net: Any, source: str) -> list[str]:
    """Return what computes other numbers here, unless it was given elsewhere too.

    What has another value than our default was surely chosen.

    Args:
        net: the layers.
        source: the other library, one of `DEFAULTS`.

    >>> import jaxnet_mini as jn
    >>> differing(jn.serial(jn.Dense(3), jn.LayerNormalization()), "torch")
    ['LayerNormalization has epsilon=0.001, there the default is another: write \
LayerNormalization(epsilon=1e-05)']
    """
    layers = holding.within(net)
    return [*dict.fromkeys(text for layer in layers for text in _of(layer, source))]


def _of(layer: Any, source: str) -> Iterator[str]:
    """Yield what differs of one layer of this library."""
    kind: Any = type(layer)
    if kind not in protocol.OWN_LAYERS:
        return
    name, (field, theirs) = kind.__name__, DEFAULTS[source].get(kind, (None, None))
    if field is not None:
        ours = kind.__dataclass_fields__[field].default
        if getattr(layer, field) == ours:
            mend = f"write {name}({field}={theirs:g})"
            yield f"{name} has {field}={ours:g}, there the default is another: {mend}"
    given = getattr(layer, "activation", None)
    other = given and FUNCTIONS[source].get(activations.get(given))
    if other:
        yield f"{name} has the activation {given!r}, there another: write {other}"

"""Penalties on what layers give, added to the loss beside those on parameters.

A layer says by its attribute ``activity_regularizer`` that its outputs are penalized,
and does nothing for it: the network around it is called as ever, and gives the outputs
of such layers besides its own. Where there is none, its program is what it was.
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import precision, regularizers
from jaxnet_mini.core.networks import added, holding, protocol
from jaxnet_mini.core.networks.composed import Call, Composed
from jaxnet_mini.core.types import Layer, Params, RandomKey, State
from jaxnet_mini.errors import LayerError


@dataclasses.dataclass(frozen=True, repr=False)
class _Observed(Composed):
    """A network that returns what some of its calls give besides its outputs."""

    net: Composed
    seen: tuple[str, ...]

    @functools.cached_property
    def calls(self) -> tuple[Call, ...]:
        return self.net.calls

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        return self.net.names

    @functools.cached_property
    def layers(self) -> tuple[Layer, ...]:  # type: ignore[override]
        return self.net.layers

    def named_inputs(self, x: Any) -> dict[str, Any]:
        return self.net.named_inputs(x)

    def outputs_of(self, values: dict[str, Any]) -> Any:
        seen = tuple(values[name] for name in self.seen)
        return self.net.outputs_of(values), seen


def run(
    net: Layer,
    params: Params,
    state: State,
    x: Any,
    *,
    key: RandomKey | None = None,
    training: bool = False,
    mask: Array | None = None,
    within: str | None = None,
) -> tuple[Any, State, Array | float, Array | float]:
    """Return what `protocol.run` returns, and what is added to the loss.

    First come the penalties of outputs, a sum over the rows, of which padding counts as
    zeros; then what layers add to the loss of a batch as it is. Both are 0.0, a number
    that is no array, where there is none.

    Args:
        net: the network.
        params: this and the following as `protocol.run` takes them.
        state: likewise.
        x: likewise.
        key: likewise.
        training: likewise.
        mask: likewise.
        within: likewise.
    """
    wanted = _wanted(net)
    observed = wanted and _is_open(net)
    called: Any = net
    if observed:
        trainable = getattr(net, "trainable", True)
        called = _Observed(
            called, tuple(wanted), trainable=trainable, dtype=called.dtype
        )
    how: dict[str, Any] = {"training": training, "mask": mask, "within": within}
    outputs, after = protocol.run(called, params, state, x, key=key, **how)
    outputs, seen = outputs if observed else (outputs, (outputs,) * len(wanted))
    total: Array | float = 0.0
    for regularizer, given in zip(wanted.values(), seen, strict=True):
        given = precision.widened(given) if regularizer is not None else ()
        for leaf in jax.tree.leaves(given):
            total = total + regularizers.penalty(
                regularizer, without_padding(leaf, mask)
            )
    after, more = added.without_added(after)
    return outputs, after, total, more


def check(net: Any) -> None:
    """Check that all layers whose outputs are penalized are seen.

    Raises:
        LayerError: one is inside of another layer, whose outputs alone are seen.
    """
    layers = [call.layer for call in net.calls] if _is_open(net) else [net]
    for layer in layers:
        for inner in _unseen(layer) if type(layer) not in protocol.OWN_LAYERS else ():
            raise LayerError(
                f"{layer!r} holds {inner!r}, whose activity_regularizer would "
                "be missing from the loss: outputs are penalized of the layers "
                "of the network itself, so put the layer there."
            )


def _unseen(layer: Any) -> Iterator[Any]:
    """Yield the layers within one whose outputs are penalized, and nobody sees."""
    for _, inner in holding.held(layer):
        if getattr(layer, "sees_outputs", False):
            check(inner)
            continue
        if getattr(inner, "activity_regularizer", None) is not None:
            yield inner
        yield from _unseen(inner)


def _is_open(net: Any) -> bool:
    """Tell whether what the layers of a network give can be seen from outside."""
    ours = type(net).__module__.startswith("jaxnet_mini.core.")
    return isinstance(net, Composed) and ours


def _wanted(net: Any) -> dict[str, regularizers.Named]:
    """Return the regularizers of outputs, by what the outputs are called."""
    calls = net.calls if _is_open(net) else [Call("", "", net, "")]
    found = (
        (call.name, getattr(call.layer, "activity_regularizer", None)) for call in calls
    )
    return {name: own for name, own in found if own is not None}


def without_padding(y: Array, mask: Array | None) -> Array:
    """Return an array with zeros in the rows that are padding."""
    if mask is None:
        return y
    rows = mask.astype(bool).reshape(-1, *(1,) * (y.ndim - 1))
    return jnp.where(rows, y, jnp.zeros_like(y))

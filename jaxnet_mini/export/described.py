"""What is exported: a network with its numbers, and what its inputs and outputs are."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxnet_mini.core.layers import Input
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.composed import Composed, indexed
from jaxnet_mini.core.networks.graph import graph, names_in, output_names
from jaxnet_mini.core.networks.serial import INPUT, Serial, serial
from jaxnet_mini.core.networks.symbolic import INPUT as UNNAMED
from jaxnet_mini.core.types import Layer, Params, State, Variables, is_shape
from jaxnet_mini.errors import ArgumentError


class Described(NamedTuple):
    """A network as it is when it predicts.

    Args:
        net: the layers.
        variables: their parameters, and what they remember.
        inputs: shape, without the batch axis, and dtype of each input, by name.
        name: of the whole.
    """

    net: Composed
    variables: Variables
    inputs: dict[str, jax.ShapeDtypeStruct]
    name: str

    def batch(self, rows: Any) -> Any:
        """Return what stands for a batch of inputs, as the network takes it.

        Args:
            rows: how many, which may be a symbol of `jax.export`.
        """
        given = [
            jax.ShapeDtypeStruct((rows, *own.shape), own.dtype)
            for own in self.inputs.values()
        ]
        several = isinstance(getattr(self.net, "inputs", ""), tuple)
        return tuple(given) if several else given[0]

    def predict(self, x: Any) -> Any:
        """Return the outputs for a batch."""
        return protocol.run(self.net, *self.variables, x)[0]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs: of keys, or of the layers that give them.

        They stand in the order in which `jax.tree.leaves` has the outputs.
        """
        own: Any = self.net
        names = output_names(own)
        if not names:
            return names_in(getattr(own, "outputs", own.names[-1:]))
        return tuple(sorted(names)) if isinstance(self._shapes(), dict) else names

    def _shapes(self) -> Any:
        return jax.eval_shape(self.predict, self.batch(1))


def describe(
    net: Layer,
    params: Params,
    input_shape: Any,
    state: State,
    declared: Mapping[str, Input] = {},
    name: str | None = None,
) -> Described:
    """Return what `Described` holds.

    Args:
        net: any layer; one that is no network is put into one.
        params: its parameters.
        input_shape: of one example, of several inputs a tuple or a dictionary.
        state: what it remembers.
        declared: what says the dtype of an input, by the name of the network for it,
            and another name where it has none; by default it is int32 of those that
            layers of categories take, and else the float of JAX.
        name: of the whole; by default that of the network.
    """
    if not isinstance(net, Composed):
        net = _network_of(net, input_shape)
        (own,) = net.names
        params, state = {own: params}, {own: state} if state else {}
    first = next(iter(net.layers), None) if isinstance(net, Serial) else None
    if isinstance(first, Input):
        declared = {INPUT: first}
    shapes = net.named_inputs(
        input_shape if isinstance(input_shape, dict) else tuple(input_shape)
    )
    names = {own: own for own in shapes}
    categories = {given for _, given in indexed(net, names) if isinstance(given, str)}
    inputs = {}
    for own, shape in shapes.items():
        layer = declared.get(own, Input(shape))
        dtype = layer.dtype or ("int32" if own in categories else "float")
        called = layer.name or UNNAMED if own == INPUT else own
        inputs[called] = jax.ShapeDtypeStruct(
            tuple(shape), jax.dtypes.canonicalize_dtype(dtype)
        )
    variables = Variables(*jax.tree.map(jnp.asarray, (params, state)))
    return Described(net, variables, inputs, name or net.name or "net")


def class_names(classes: Sequence[str]) -> list[str]:
    """Return what outputs stand for, as files keep it.

    Raises:
        ArgumentError: it is one text.
    """
    if isinstance(classes, str):
        raise ArgumentError(f"classes must be a list of names, not {classes!r}.")
    return [str(own) for own in classes]


def _network_of(layer: Layer, input_shape: Any) -> Composed:
    """Return a network of one layer."""
    alone = serial(layer)
    if is_shape(tuple(input_shape)):
        return alone
    (own,) = alone.names
    names = tuple(f"input_{number}" for number in range(1, len(input_shape) + 1))
    return graph({own: (layer, names)}, inputs=names)

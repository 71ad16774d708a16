"""What is known of a network without its weights: names, shapes, numbers."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax

from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.networks.serial import Serial, naming
from jaxnet_mini.core.types import Layer, Params, Shape, Variables
from jaxnet_mini.errors import LayerError


@dataclasses.dataclass(frozen=True)
class LayerOutline:
    """What is known of a layer before it has parameters.

    ``params`` is the tree of its parameters with shapes and dtypes in their place, in
    the order in which the layer makes them, and ``state`` likewise what it remembers.
    """

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    params: Any
    state: Any = dataclasses.field(default_factory=dict)

    @property
    def variables(self) -> Variables:
        """Its parameters and what it remembers, as shapes and dtypes."""
        return Variables(self.params, self.state)


def outline(
    net: Serial, input_shape: Shape, known: tuple[LayerOutline, ...] = ()
) -> tuple[LayerOutline, ...]:
    """Return the outline of each layer without computing anything.

    Args:
        net: the layers.
        input_shape: of one example.
        known: outlines of the first layers, so that adding one layer to many does not
            look at all of them again.

    Raises:
        ShapeError: a layer cannot take what comes from the one before it.
        LayerError: a layer calls a parameter and what it remembers by one name.

    >>> import jaxnet_mini as jn
    >>> net = jn.serial(jn.Flatten(), jn.Dense(3))
    >>> [part.output_shape for part in outline(net, (2, 2))]
    [(4,), (3,)]
    """
    parts = [
        dataclasses.replace(part, name=name)
        for part, name in zip(known, net.names, strict=False)
    ]

    def trace() -> None:
        shape = parts[-1].output_shape if parts else input_shape
        key = jax.random.key(0)
        new = zip(net.names[len(parts) :], net.layers[len(parts) :], strict=True)
        for index, (name, layer) in enumerate(new):
            with naming(name):
                own_key = jax.random.fold_in(key, index)
                output_shape, params = layer.init(own_key, shape)
                state = _shapes(protocol.init_state(layer, shape))
            part = LayerOutline(
                name, layer, shape, output_shape, _shapes(params), state
            )
            _check_paths(part)
            parts.append(part)
            shape = output_shape

    net.check(input_shape)
    # Dictionaries that come out of a transformation are sorted by key; what is seen
    # while tracing still has the layer's own order, kernel before bias.
    jax.eval_shape(trace)
    return tuple(parts)


def unbuilt_outline(net: Serial) -> tuple[LayerOutline, ...]:
    """Return the outline of each layer where no shape is known: ``()``, no params."""
    pairs = zip(net.names, net.layers, strict=True)
    return tuple(LayerOutline(name, layer, (), (), {}) for name, layer in pairs)


def variables(outline: Iterable[LayerOutline]) -> Variables:
    """Return the shapes and dtypes of all parameters and of all that is remembered."""
    parts = tuple(outline)
    return Variables(
        {part.name: part.params for part in parts},
        {part.name: part.state for part in parts if protocol.has_state(part.layer)},
    )


def _check_paths(part: LayerOutline) -> None:
    both = by_path(part.params).keys() & by_path(part.state).keys()
    for path in sorted(both):
        raise LayerError(
            f"layer {part.name!r}: {part.layer!r} calls a parameter and what it "
            f"remembers {path!r}: give one another name, since files know both by it."
        )


def _shapes(params: Params) -> Any:
    if isinstance(params, dict):
        return {name: _shapes(value) for name, value in params.items()}
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), params
    )

"""What is known of a network without its weights: names, shapes, numbers."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax

from jaxnet_mini.core import tracing
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.composed import (
    Composed,
    check_same_shapes,
    naming,
    shapes_of,
)
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.networks.sources import Sources, results
from jaxnet_mini.core.types import Layer, Shape, Variables
from jaxnet_mini.errors import LayerError


class Again(NamedTuple):
    """A further call of a layer, with the same weights."""

    name: str
    output_shape: Shape
    sources: Sources


@dataclasses.dataclass(frozen=True)
class LayerOutline:
    """What is known of a layer before it has parameters.

    ``params`` is the tree of its parameters with shapes and dtypes in their place, in
    the order in which the layer makes them, and ``state`` likewise what it remembers.
    ``sources`` names what it takes, () where that is not known, and ``again`` has its
    further calls.
    """

    name: str
    layer: Layer
    input_shape: Any
    output_shape: Any
    params: Any
    state: Any = dataclasses.field(default_factory=dict)
    sources: Sources = ()
    again: tuple[Again, ...] = ()

    @property
    def class_name(self) -> str:
        """The class of the layer, as it is shown."""
        return protocol.class_name(self.layer)

    @property
    def variables(self) -> Variables:
        """Its parameters and what it remembers, as shapes and dtypes."""
        return Variables(self.params, self.state)


class NetOutline(NamedTuple):
    """What is known of a network as a whole.

    Args:
        net: the layers.
        input_shape: of one example; of several inputs a tuple.
        parts: the outline of each layer.
        input_name: of the only input, where layers in a row begin with a name for it.
    """

    net: Composed
    input_shape: Any
    parts: tuple[LayerOutline, ...]
    input_name: str | None = None

    @property
    def inputs(self) -> Any:
        """The shape of the inputs; of several a dictionary of them by name."""
        several = isinstance(getattr(self.net, "inputs", ""), tuple)
        return self.net.named_inputs(self.input_shape) if several else self.input_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the outputs; of several a tuple or a dictionary."""
        return output_shape(self.net, self.input_shape, self.parts)


def outline(
    net: Composed, input_shape: Any, known: tuple[LayerOutline, ...] = ()
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
    names = zip(known, net.names, strict=False)
    parts = {name: dataclasses.replace(part, name=name) for part, name in names}
    shapes = net.named_inputs(input_shape)
    for name, part in parts.items():
        shapes |= results(name, part.output_shape)

    def trace() -> None:
        key = jax.random.key(0)
        for index, call in enumerate(net.calls[len(parts) :]):
            shape = call.inputs(shapes)
            with naming(call.name):
                own_key = jax.random.fold_in(key, index)
                output_shape, params = call.layer.init(own_key, shape)
                shapes.update(results(call.name, output_shape))
                if not call.owns:
                    first = parts[call.weights]
                    check_same_shapes(call, first.params, params)
                    again = Again(call.name, output_shape, call.sources)
                    first = dataclasses.replace(first, again=(*first.again, again))
                    parts[call.weights] = first
                    continue
                state = shapes_of(protocol.init_state(call.layer, shape))
            kept = shapes_of(params)
            part = LayerOutline(
                call.name, call.layer, shape, output_shape, kept, state, call.sources
            )
            _check_paths(part)
            parts[call.name] = part

    net.check(input_shape)
    # Dictionaries that come out of a transformation are sorted by key; what is seen
    # while tracing still has the layer's own order, kernel before bias.
    tracing.eval_shape(trace)
    return tuple(parts.values())


def output_shape(net: Composed, input_shape: Any, parts: Iterable[LayerOutline]) -> Any:
    """Return the shape of a network's outputs; of several a tuple or a dictionary.

    Args:
        net: the layers.
        input_shape: of one example.
        parts: the outline of its layers.
    """
    shapes = net.named_inputs(input_shape)
    for part in parts:
        shapes |= results(part.name, part.output_shape)
        for again in part.again:
            shapes |= results(again.name, again.output_shape)
    return net.outputs_of(shapes)


def in_a_row(parts: Sequence[LayerOutline]) -> bool:
    """Return whether each layer takes what the one before it gives, and that alone.

    So it is not of layers that a user's ``call`` calls, of which nothing is known.
    """
    return not any(part.again for part in parts) and all(
        after.sources == before.name for before, after in itertools.pairwise(parts)
    )


def unbuilt_outline(net: Composed) -> tuple[LayerOutline, ...]:
    """Return the outline of each layer where no shape is known: ``()``, no params."""
    again: dict[str, tuple[Again, ...]] = dict.fromkeys(net.names, ())
    for call in net.calls:
        if not call.owns:
            again[call.weights] += (Again(call.name, (), call.sources),)
    return tuple(
        LayerOutline(
            *(call.name, call.layer, (), (), {}),
            sources=call.sources,
            again=again[call.name],
        )
        for call in net.calls
        if call.owns
    )


def inside(net: Composed, input_shape: Any) -> tuple[LayerOutline, ...]:
    """Return the outline of each layer of a network; None for a shape not known."""
    known = input_shape is not None
    return outline(net, input_shape) if known else unbuilt_outline(net)


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

"""The architecture of a model: its layers and their shapes, as one frozen value."""

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxnet_mini.base import policies
from jaxnet_mini.core import origins
from jaxnet_mini.core.layers import Base, Input
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import serial
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.graph import Graph, Node, call_name
from jaxnet_mini.core.networks.outline import (
    LayerOutline,
    NetOutline,
    unbuilt_outline,
)
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.networks.symbolic import INPUT
from jaxnet_mini.core.types import Layer, Shape, check_shape, is_shape
from jaxnet_mini.core.values import Value
from jaxnet_mini.data import arrays
from jaxnet_mini.errors import ArgumentError, ShapeError, StateError
from jaxnet_mini.models import places, standing

NONE = Serial(())


def _no_layers() -> Composed:
    return Serial((), dtype=policies.chosen())


@dataclasses.dataclass(frozen=True)
class Blueprint:
    """Layers and their shapes: all of a model but its weights and its training.

    Args:
        name: shown by `summary`.
        seed: of the initial weights.
        net: the layers as one, without an `Input`, by the global dtype policy.
        input_shape: of the inputs, without the batch axis, of several a tuple; None
            until it is known.
        traced: ``net`` as programs are found by it, see `jaxnet_mini.core.origins`.
        shapes: one outline a layer; none until the input shape is known.
        inputs: the outline of each `Input` that layers were called on; none where
            layers were given in a row, and of a class with ``call``.
        first: the `Input` before layers in a row; None where there is none.
        family: what a model shares with its copies, see `places`; None for a model of
            layers from several.
        is_copy: whether its layers have weights of their own, wherever else they stand.

    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> blueprint = Blueprint().with_layers([Flatten(input_shape=(2, 2)), Dense(3)])
    >>> blueprint.input_shape, blueprint.output_shape
    ((2, 2), (3,))
    """

    name: str = "sequential"
    seed: int = 0
    net: Composed = dataclasses.field(default_factory=_no_layers)
    input_shape: Any = None
    traced: Layer = dataclasses.field(default=NONE, compare=False, repr=False)
    shapes: tuple[LayerOutline, ...] = dataclasses.field(
        default=(), compare=False, repr=False
    )
    inputs: tuple[LayerOutline, ...] = dataclasses.field(
        default=(), compare=False, repr=False
    )
    first: Input | None = dataclasses.field(default=None, compare=False, repr=False)
    family: object = dataclasses.field(
        default_factory=object, compare=False, repr=False
    )
    is_copy: bool = dataclasses.field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if "/" in self.name:
            raise ArgumentError(
                f"the name of a model must be a word without '/', not {self.name!r}: "
                "it stands before those of its weights."
            )

    @property
    def built(self) -> bool:
        """Whether the input shape, and with it every weight's, is known."""
        return self.input_shape is not None and bool(self.net.layers)

    @property
    def outline(self) -> tuple[LayerOutline, ...]:
        """Name, shapes and parameters of each layer, as far as they are known."""
        return self.shapes if self.built else unbuilt_outline(self.net)

    @property
    def known_shape(self) -> Any:
        """The input shape.

        Raises:
            StateError: it is not known yet, or there are no layers.
        """
        self.check_layers()
        if self.input_shape is None:
            raise self.unknown_shape()
        return self.input_shape

    @staticmethod
    def unknown_shape() -> StateError:
        """Return the error of who needs an input shape that is not known yet."""
        return StateError(
            "the input shape is not known yet: give the first layer input_shape, "
            "put an Input first, call the model on data, model(x), or call fit."
        )

    def check_shape_known(self) -> Any:
        """Return `known_shape`, for who wants its error alone."""
        return self.known_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the outputs, without the batch axis; errors as `known_shape`."""
        return NetOutline(self.net, self.known_shape, self.shapes).output_shape

    @property
    def inputs_of_graph(self) -> dict[str, Shape] | None:
        """The shapes of a graph's inputs, by name; None where layers are a row."""
        net = self.net
        if not (isinstance(net, Graph) and self.built):
            return None
        in_row = net.inputs == net.calls[0].sources and outlines.in_a_row(self.shapes)
        return None if in_row else net.named_inputs(self.input_shape)

    @property
    def declared(self) -> dict[str, Any]:
        """Each `Input` that was given, by the name that the network has for it."""
        if self.first is not None:
            return dict.fromkeys(self.net.named_inputs(self.first.shape), self.first)
        return {part.name: part.layer for part in self.inputs}

    def shape_for(self, input_shape: Any) -> Any:
        """Return the shape of the outputs for inputs of a shape; nothing is built.

        Raises:
            ShapeError: a layer cannot take what comes to it.
        """
        parts = outlines.outline(self.net, input_shape)
        return NetOutline(self.net, input_shape, parts).output_shape

    # Others like it

    def with_layers(self, added: Iterable[Layer]) -> "Blueprint":
        """Return it with layers at its end, of which an `Input` may come first.

        Raises:
            LayerError: one is no layer, or has weights and stands in a model already.
            ArgumentError: an `Input` after the first place, or of a layer's name.
            ShapeError: a layer cannot take what comes to it.
        """
        # All at once: one by one, the time would grow as the square of their number.
        shape, layers = self.input_shape, [call.layer for call in self.net.calls]
        first = self.first
        for layer in added:
            if isinstance(layer, Input):
                if layers or shape:
                    raise ArgumentError(
                        f"{layer!r} stands after other layers: Input comes first, once."
                    )
                shape, first = layer.shape, layer
                continue
            serial.check_layer(layer)
            if not layers and shape is None:
                shape = getattr(layer, "input_shape", None)
            layers.append(layer)
        net = in_a_row(layers, self.net.dtype, first)
        if first is not None and first.name in net.names:
            raise ArgumentError(
                f"two layers have the name {first.name!r}: give each a name of its own."
            )
        own = dataclasses.replace(self, first=first)
        return own._changed(net, shape, len(self.net.layers))

    def with_net(
        self, net: Composed, shape: Any, given: Sequence[Any] | None
    ) -> "Blueprint":
        """Return it with other layers, as a network for inputs of a shape.

        Args:
            net: the layers.
            shape: of the inputs, of several a tuple.
            given: each `Input` in order, or another thing where a new one is made;
                None for all new ones, and () where layers were given in a row.

        Raises:
            LayerError: one has weights and stands in a model already.
            ShapeError: a layer cannot take what comes to it.
        """
        named = net.named_inputs(shape)
        given = [None] * len(named) if given is None else given
        inputs = tuple(
            _of_input(name, own, layer)
            for (name, own), layer in zip(named.items(), given, strict=False)
        )
        return dataclasses.replace(self, inputs=inputs)._changed(net, shape, 0)

    def without_last(self) -> "Blueprint":
        """Return it without its last layer.

        Raises:
            ArgumentError: there is none.
        """
        if not self.net.layers:
            raise ArgumentError("there is no layer to pop: the model has none.")
        layers = [call.layer for call in self.net.calls[:-1]]
        net = in_a_row(layers, self.net.dtype, self.first)
        return self._changed(net, self.input_shape, len(net.layers))

    def of_copied(
        self, net: Composed, shape: Any, family: "Blueprint | None"
    ) -> "Blueprint":
        """Return it with layers that stand in other models, for weights of its own.

        Args:
            net: these layers.
            shape: of the inputs; None where it is not known.
            family: what it is a copy of; None where it is one of several.
        """
        inputs = tuple(
            dataclasses.replace(part, layer=copy.copy(part.layer))
            for part in (family.inputs if family else ())
        )
        of = family and family.family
        first = getattr(family, "first", None)
        own = dataclasses.replace(
            self, inputs=inputs, first=first, family=of, is_copy=True
        )
        layers = places.within(net)
        # Of a user's own, which may be equal to themselves alone, all are the same.
        values = {
            id(own): copy.copy(own) for _, own in layers if isinstance(own, Value)
        }
        net = places.exchanged(net, values)
        return own._changed(net, shape, len(net.layers))

    def for_inputs(self, shape: Any, net: Composed | None = None) -> "Blueprint":
        """Return it for inputs of a shape, as another network of the same layers.

        Raises:
            ShapeError: a layer cannot take what comes to it, or another shape is known.
        """
        if self.input_shape not in (None, shape):
            raise ShapeError(
                f"the model takes inputs of shape {self.input_shape} and build was "
                f"given {shape}: make a new model for other inputs."
            )
        if net is not None and self.net.dtype is not None:
            net = dataclasses.replace(net, dtype=self.net.dtype)
        return self._changed(net or self.net, shape, len(self.net.layers))

    def with_outline(self, outline: NetOutline) -> "Blueprint":
        """Return it with the shapes of the first data seen, where none were known."""
        if self.built:
            return self
        shape = outline.input_shape
        return dataclasses.replace(self, shapes=outline.parts, input_shape=shape)

    def with_exchanged(self, new: Mapping[int, Layer]) -> "Blueprint":
        """Return it with layers in place of some, of the same weights.

        Args:
            new: by the identity of the old ones.
        """
        net = places.exchanged(self.net, new, places.move)
        shapes = tuple(
            dataclasses.replace(part, layer=layer)
            for part, layer in zip(self.shapes, net.layers, strict=bool(self.shapes))
        )
        inputs = tuple(
            dataclasses.replace(part, layer=new.get(id(part.layer), part.layer))
            for part in self.inputs
        )
        changed = dataclasses.replace(self, net=net, shapes=shapes, inputs=inputs)
        return changed.retraced()

    def retraced(self) -> "Blueprint":
        """Return it with what is a user's own looked at anew."""
        return dataclasses.replace(self, traced=origins.retraced(self.net))

    def _changed(self, net: Composed, shape: Any, own: int) -> "Blueprint":
        """Return it with other layers, of which the first ``own`` stand in it."""
        shapes: tuple[LayerOutline, ...] = ()
        known = self.shapes if shape == self.input_shape else ()
        if shape is not None:
            # Of calls that share a layer less is known than there are calls.
            once = len(net.calls) == len(net.layers)
            known = known[: len(net.layers)] if once else ()
            shapes = outlines.outline(net, shape, known)
        changed = dataclasses.replace(
            self, net=net, input_shape=shape, shapes=shapes, traced=net
        )
        standing.check(changed, own, own if known else 0)
        return changed.retraced()

    # What data and other models say

    def outline_for(self, x: Any, y: Any = None) -> NetOutline:
        """Return the outline, made for the rows of ``x`` where no shape was known.

        Raises:
            StateError: there are no layers.
            ArgumentError, DataError, ShapeError: they cannot take these rows.
        """
        self.check_layers()
        if self.shapes:
            name = getattr(self.first, "name", None)
            return NetOutline(self.net, self.input_shape, self.shapes, name)
        return self.outline_of(arrays.row_shape(x, y))

    def outline_of(self, shape: Shape) -> NetOutline:
        """Return the outline for a shape, where none was known; errors likewise."""
        parts = outlines.outline(self.net, shape)
        built = dataclasses.replace(self, shapes=parts, input_shape=shape)
        standing.check(built, len(parts))
        return NetOutline(self.net, shape, parts)

    def check_layers(self) -> None:
        """Raise a StateError where there are no layers."""
        if not self.net.layers:
            raise StateError("the model has no layers: add one first.")


def _of_input(name: str, shape: Shape, layer: Any) -> LayerOutline:
    if not isinstance(layer, Input) or layer.shape != shape:
        layer = Input(shape, name=name)
    return LayerOutline(name, layer, (), shape, {})


def in_a_row(
    layers: Sequence[Layer], dtype: str | None, first: Input | None
) -> Composed:
    """Return layers one after another; one that comes twice has its weights once.

    What surely has no weights, such as `ReLU`, is called by another name each time.

    Args:
        layers: in order.
        dtype: of those that say nothing else.
        first: the `Input` before them.
    """
    once: dict[int, Layer] = {}
    for layer in layers:
        free = getattr(type(layer), "init", None) is Base.init
        once[-len(once) - 1 if free else id(layer)] = layer
    if len(once) == len(layers):
        return Serial(tuple(layers), dtype=dtype)
    start = getattr(first, "name", None) or INPUT
    owners = serial.unique_names(once.values(), [start])
    names, new = dict(zip(once, owners, strict=True)), iter(owners)
    nodes: list[Node] = []
    numbers: dict[str, int] = {}
    for layer in layers:
        again = names.get(id(layer)) in numbers
        own = names[id(layer)] if again else next(new)
        numbers[own] = numbers.get(own, -1) + 1
        before = nodes[-1].name if nodes else start
        name = call_name(own, numbers[own])
        nodes.append(Node(name, own if again else layer, before))
    return Graph(tuple(nodes), start, nodes[-1].name, dtype=dtype)


def with_batch_axis(shape: Any, rows: int | None = None) -> Any:
    """Return a shape as Keras writes it, of several arrays a list.

    >>> with_batch_axis((28, 28)), with_batch_axis(((3,), (2,)))
    ((None, 28, 28), [(None, 3), (None, 2)])
    """
    if isinstance(shape, dict):
        shape = tuple(shape[key] for key in sorted(shape))
    if is_shape(shape):
        return (rows, *shape)
    return [(rows, *own) for own in shape]


def without_batch_axis(input_shape: Any) -> Any:
    """Return a shape as Keras writes it, ``(None, 28, 28)``, without its first axis.

    Of several in a list a tuple of them, of those in a dictionary one.

    Raises:
        ArgumentError: it is no such shape.
    """
    if isinstance(input_shape, dict) and input_shape:
        return {name: without_batch_axis(own) for name, own in input_shape.items()}
    if not isinstance(input_shape, tuple | list) or not input_shape:
        raise ArgumentError(
            "input_shape must be a tuple that starts with the batch axis, such as "
            f"(None, 28, 28), not {input_shape!r}."
        )
    if all(isinstance(shape, tuple | list) for shape in input_shape):
        return tuple(map(without_batch_axis, input_shape))
    return check_shape(input_shape[1:], "input_shape")

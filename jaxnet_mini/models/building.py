"""The part of a model that needs no data: its layers and their shapes."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from jaxnet_mini.base import seeds, turns
from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.core import origins
from jaxnet_mini.core.layers import Input, check_shape
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import serial
from jaxnet_mini.core.networks.outline import LayerOutline, unbuilt_outline
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.types import Layer, Shape
from jaxnet_mini.data import arrays
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError, StateError
from jaxnet_mini.models import places

Stack = TypeVar("Stack", bound="LayerStack")


class LayerStack:
    """Layers and their shapes: all of a model but its weights and its training.

    Args:
        layers: the layers, in order; an `Input` may stand first.
        name: shown by `summary`.
        seed: of the initial weights and, where ``fit`` is given none, of the order of
            examples and of dropout. None takes `utils.set_random_seed`'s, which is 0
            unless it was called: the same script gives the same model every time.

    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> model = LayerStack([Flatten(input_shape=(2, 2)), Dense(3)])
    >>> model.output_shape
    (None, 3)
    """

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        name: str = "sequential",
        seed: int | None = None,
    ) -> None:
        self.name = check_word("name", name)
        self.seed = seeds.default_seed() if seed is None else seeds.check_seed(seed)
        self._net = Serial(())
        self._traced_net: Layer = self._net  # what programs are found by
        self._shape: Shape | None = None
        self._outline: tuple[LayerOutline, ...] = ()
        self._turn = turns.Turn()
        self._family = object()
        if not isinstance(layers, Iterable | None):
            raise ArgumentError(
                f"layers must be a list of layers, not {layers!r}: put it in brackets, "
                "Sequential([...])."
            )
        self._add(layers or ())

    @classmethod
    def _of(
        cls: type[Stack],
        layers: Sequence[Layer],
        name: str,
        seed: int | None,
        like: "LayerStack | None",
    ) -> Stack:
        """Return a model of layers that stand in others, with weights of its own.

        Args:
            layers: without an `Input`.
            name: see the class.
            seed: likewise.
            like: the model that it is a copy of; None where it is a copy of several.
        """
        model = cls(name=name, seed=seed)
        model._family = None if like is None else like._family
        shape = getattr(layers[0], "input_shape", None) if layers else None
        model._rebuild(tuple(layers), shape, len(layers))
        return model

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        attributes.check_methods(cls, "model")

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            known = {"name", "seed", *vars(self)}
            attributes.check_set(self, name, known, _absent())
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Only asked where there is nothing; for a name of ours it says why.
        if not name.startswith("_") and name in _absent():
            raise attributes.missing(self, name, set(), _absent())
        return object.__getattribute__(self, name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._mark()  # the layers of a copy are copies

    # Building

    def add(self, layer: Layer) -> None:
        """Put a layer at the end; the weights of the others stay as they are.

        Raises:
            LayerError: it is no layer, or one with weights that stands in this model
                or another already.
            ArgumentError: an `Input` after the first place.
            ShapeError: it cannot take what comes from the layer before it.
        """
        self._add([layer])

    def _add(self, added: Iterable[Layer]) -> None:
        # All at once: one by one, the time would grow as the square of their number.
        shape, layers = self._shape, [*self._net.layers]
        for layer in added:
            if isinstance(layer, Input):
                if layers or shape:
                    raise ArgumentError(
                        f"{layer!r} stands after other layers: Input comes first, once."
                    )
                shape = layer.shape
                continue
            if isinstance(layer, LayerStack):
                raise LayerError(
                    f"{layer!r} is a model, and a model cannot stand within another. "
                    "Change a copy of it: new = jn.models.clone_model(model); "
                    "new.set_weights(model.get_weights()); then new.add(...)."
                )
            serial.check_layer(layer)
            if not layers and shape is None:
                shape = getattr(layer, "input_shape", None)
            layers.append(layer)
        self._rebuild(tuple(layers), shape, len(self._net.layers))

    def pop(self) -> None:
        """Take the last layer away.

        Raises:
            ArgumentError: there is none.
        """
        if not self._net.layers:
            raise ArgumentError("there is no layer to pop: the model has none.")
        self._rebuild(self._net.layers[:-1], self._shape)

    def _rebuild(
        self, layers: tuple[Layer, ...], shape: Shape | None, own: int | None = None
    ) -> None:
        """Take other layers, of which the first ``own`` need not be looked at."""
        self._turn.check("the layers")
        net = Serial(layers)
        outline: tuple[LayerOutline, ...] = ()
        known = self._outline if shape == self._shape else ()
        if shape is not None:
            outline = outlines.outline(net, shape, known[: len(layers)])
        own = len(layers) if own is None else own
        seen = own if known else 0
        parts = outline or unbuilt_outline(net)
        places.check(parts, shape is not None, self._place, added=own, seen=seen)
        self._put(net, shape, outline)

    def _put(
        self, net: Serial, shape: Shape | None, outline: tuple[LayerOutline, ...]
    ) -> None:
        """Take what has been checked."""
        self._net, self._shape, self._outline = net, shape, outline
        self._traced_net = origins.retraced(net)
        self._mark()

    @property
    def _place(self) -> places.Place:
        return places.Place(self._family, self.name)

    def _mark(self) -> None:
        places.mark(self.outline, self.built, self._place)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Fix the input shape, given with the batch axis as Keras does: (None, 28, 28).

        Raises:
            ArgumentError: it is no such shape.
            ShapeError: a layer cannot take what comes to it, or another shape is fixed.
        """
        shape = _without_batch_axis(input_shape)
        if self._shape not in (None, shape):
            raise ShapeError(
                f"the model takes inputs of shape {self._shape} and build was given "
                f"{shape}: make a new model for other inputs."
            )
        self._rebuild(self._net.layers, shape)

    def compute_output_shape(
        self, input_shape: Sequence[int | None]
    ) -> tuple[int | None, ...]:
        """Return the shape of the outputs; both shapes have the batch axis.

        Nothing is built, and weights need not exist.

        Raises:
            ArgumentError: ``input_shape`` is no such shape.
            ShapeError: a layer cannot take what comes to it.

        >>> from jaxnet_mini.layers import Dense
        >>> LayerStack([Dense(4), Dense(8)]).compute_output_shape((None, 2))
        (None, 8)
        """
        shape = _without_batch_axis(input_shape)
        for part in outlines.outline(self._net, shape):
            shape = part.output_shape
        return (input_shape[0], *shape)

    @property
    def net(self) -> Serial:
        """The layers as one pure layer, for ``net.init`` and ``net.apply``."""
        return self._net

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the `Input`."""
        return list(self._net.layers)

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "model.layers cannot be assigned. Use `add()` and `pop()`, or make a new "
            "model of these layers."
        )

    @property
    def built(self) -> bool:
        """Whether the input shape, and with it every weight's, is known."""
        return self._shape is not None and bool(self._net.layers)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """``(None, ...)``, None standing for the batch axis."""
        return (None, *self._known_shape())

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """``(None, ...)``, None standing for the batch axis."""
        self._known_shape()
        return (None, *self._outline[-1].output_shape)

    @property
    def outline(self) -> tuple[LayerOutline, ...]:
        """Name, shapes and parameters of each layer; shapes are ``()`` until `built`.

        ``params`` holds a ``jax.ShapeDtypeStruct`` in place of each array.
        """
        return self._outline if self.built else unbuilt_outline(self._net)

    def _known_shape(self) -> Shape:
        if not self._net.layers:
            raise StateError("the model has no layers: add one first.")
        if self._shape is None:
            raise StateError(
                "the input shape is not known yet: give the first layer input_shape, "
                "put an Input first, or call fit."
            )
        return self._shape

    def _outline_for(self, x: Any, y: Any = None) -> tuple[LayerOutline, ...]:
        """Return the outline, made for the shape of ``x`` where none was known."""
        if not self._net.layers:
            raise StateError("the model has no layers: add one first.")
        if self._outline:
            return self._outline
        return self._outlined(arrays.row_shape(x, y))

    def _outlined(self, shape: Shape) -> tuple[LayerOutline, ...]:
        """Return the outline for a shape, where none was known."""
        outline = outlines.outline(self._net, shape)
        places.check(outline, True, self._place, added=len(outline))
        return outline

    def _adopt(self, outline: tuple[LayerOutline, ...]) -> None:
        """Take the shapes of the first data seen, where none were known."""
        if not self.built:
            # Another thread may look meanwhile, at the shape first.
            self._outline = outline
            self._shape = outline[0].input_shape
            self._mark()


def _absent() -> dict[str, str]:
    """Return what a model of Keras has besides."""
    import jaxnet_mini.base.absent.methods as methods

    return methods.of_model()


def _without_batch_axis(input_shape: Any) -> Shape:
    if not isinstance(input_shape, tuple | list) or not input_shape:
        raise ArgumentError(
            "input_shape must be a tuple that starts with the batch axis, such as "
            f"(None, 28, 28), not {input_shape!r}."
        )
    return check_shape(input_shape[1:], "input_shape")

"""The part of a model that needs no data: its layers, their shapes, their weights."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini import (
    arrays,
    composition,
    drawing,
    programs,
    seeds,
    summary,
    turns,
    weights,
)
from jaxnet_mini.arguments import check_word
from jaxnet_mini.composition import LayerOutline, Serial
from jaxnet_mini.errors import ArgumentError, ShapeError, StateError, short
from jaxnet_mini.layers import Input, check_shape
from jaxnet_mini.states import TrainState
from jaxnet_mini.types import Layer, Params, RandomKey, Shape
from jaxnet_mini.weights import Weight


class LayerStack:
    """Layers, their shapes and their weights: all of a model but its training.

    Args:
        layers: the layers, in order; an `Input` may stand first.
        name: shown by `summary`.
        seed: of the initial weights and, where ``fit`` is given none, of the order of
            examples and of dropout. None takes `utils.set_random_seed`'s, which is 0
            unless it was called: the same script gives the same model every time.

    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> model = LayerStack([Flatten(input_shape=(2, 2)), Dense(3)])
    >>> model.output_shape, model.count_params()
    ((None, 3), 15)
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
        self._shape: Shape | None = None
        self._outline: tuple[LayerOutline, ...] = ()
        self._state: TrainState | None = None
        self._turn = turns.Turn()
        if not isinstance(layers, Iterable | None):
            raise ArgumentError(
                f"layers must be a list of layers, not {layers!r}: put it in brackets, "
                "Sequential([...])."
            )
        self._add(layers or ())

    # Building

    def add(self, layer: Layer) -> None:
        """Put a layer at the end; the weights of the others stay as they are.

        Raises:
            LayerError: it is no layer.
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
            composition.check_layer(layer)
            if not layers and shape is None:
                shape = getattr(layer, "input_shape", None)
            layers.append(layer)
        self._rebuild(tuple(layers), shape)

    def pop(self) -> None:
        """Take the last layer away.

        Raises:
            ArgumentError: there is none.
        """
        if not self._net.layers:
            raise ArgumentError("there is no layer to pop: the model has none.")
        self._rebuild(self._net.layers[:-1], self._shape)

    def _rebuild(self, layers: tuple[Layer, ...], shape: Shape | None) -> None:
        self._turn.check("the layers")
        net = Serial(layers)
        outline: tuple[LayerOutline, ...] = ()
        if shape is not None:
            known = self._outline if shape == self._shape else ()
            outline = composition.outline(net, shape, known[: len(layers)])
        state = None
        if self._state is not None and shape is not None and layers:
            # By place: a layer gives up its default name where a new one is given it.
            pairs = zip(self.net.names, net.names, strict=False)
            kept = {new: self._state.params[old] for old, new in pairs}
            expected = weights.shapes(outline)
            for path, value in weights.by_path(kept).items():
                weights.fitting(path, expected[path], value)
            state = programs.untrained(net, shape, np.uint32(self.seed))
            state = state._replace(params=state.params | kept)
        self._net, self._shape, self._outline = net, shape, outline
        self._state = state

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
        for part in composition.outline(self._net, shape):
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
        return self._outline if self.built else composition.unbuilt_outline(self._net)

    def _known_shape(self) -> Shape:
        if not self._net.layers:
            raise StateError("the model has no layers: add one first.")
        if self._shape is None:
            raise StateError(
                "the input shape is not known yet: give the first layer input_shape, "
                "put an Input first, or call fit."
            )
        return self._shape

    # Weights

    @property
    def params(self) -> Params:
        """The parameters, ``{"dense": {"kernel": ..., "bias": ...}, ...}``.

        Assigning a tree of the same structure and shapes replaces them.
        """
        return self._untrained().params

    @params.setter
    def params(self, params: Params) -> None:
        structure: Any = jax.tree.structure(self.params)
        if structure != jax.tree.structure(params):
            raise ShapeError(
                f"params must have the structure {structure}, not "
                f"{jax.tree.structure(params)}: start from model.params and change "
                "values only."
            )
        self._replace(weights.by_path(params))

    def _replace(self, values: Mapping[str, Any]) -> None:
        """Put in other weights, given by path."""
        structure = jax.tree.structure(self.params)
        expected = weights.shapes(self._outline)
        paths = weights.by_path(self.params)
        new = [weights.fitting(path, expected[path], values[path]) for path in paths]
        params = jax.tree.unflatten(structure, new)
        with self._turn.making:
            self._turn.check("the weights")
            self._state = self._untrained()._replace(params=params)

    def _untrained(self) -> TrainState:
        """Return the state, made when first asked for; its optimizer may be None."""
        shape = self._known_shape()
        state = self._state
        if state is None:
            with self._turn.making:
                # Meanwhile another thread may have made it.
                state = self._state
                if state is None:
                    seed = np.uint32(self.seed)
                    self._state = state = programs.untrained(self.net, shape, seed)
        return state

    @property
    def weights(self) -> list[Weight]:
        """All weights, in order of the layers, a kernel before its bias."""
        values = weights.by_path(self.params)
        return [Weight(path, values[path]) for path in weights.shapes(self._outline)]

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of all weights as NumPy arrays, in the order of `weights`."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, arrays: Sequence[Any]) -> None:
        """Replace all weights, given in the order of `weights`.

        Raises:
            ArgumentError: no list.
            ShapeError: another number of arrays, or an array of another shape.
        """
        self._known_shape()
        if not isinstance(arrays, list | tuple):
            raise ArgumentError(
                "set_weights takes a list of arrays, as get_weights returns it, not "
                f"{short(arrays)}."
            )
        paths = list(weights.shapes(self._outline))
        if len(arrays) != len(paths):
            raise ShapeError(
                f"set_weights was given {len(arrays)} arrays and the model has "
                f"{len(paths)}: {', '.join(paths)}."
            )
        self._replace(dict(zip(paths, arrays, strict=True)))

    def count_params(self) -> int:
        """Return the number of numbers in all weights."""
        self._known_shape()
        return summary.count([part.params for part in self._outline])

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print a table of layers, output shapes and parameters.

        Args:
            print_fn: called once with the whole text instead of printing it.
        """
        summary.print_summary(self.name, self.outline, self.built, print_fn)

    def __call__(
        self, x: Any, *, training: bool = False, key: RandomKey | None = None
    ) -> Array:
        """Return the outputs for a batch as a JAX array; composes with ``jax.grad``.

        Args:
            x: inputs, ``(batch, ...)``.
            training: whether layers such as `Dropout` act as in training.
            key: for these layers.
        """
        given = x
        if not isinstance(x, jax.Array):  # which may be what is being traced
            x = arrays.as_numeric(arrays.without_list(x, row=self._shape), "x")
        shape = np.shape(x)
        if self._net.layers and not self.built:
            self._adopt(composition.outline(self.net, tuple(shape[1:])))
        expected, name = self._known_shape(), self._outline[0].name
        arrays.check_features(given, shape, expected, name, "x")
        return self.net.apply(self.params, jnp.asarray(x), key=key, training=training)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows of a model at the end of a cell."""
        return drawing.to_html(self)

    def _outline_for(self, x: Any, y: Any = None) -> tuple[LayerOutline, ...]:
        """Return the outline, made for the shape of ``x`` where none was known."""
        if not self._net.layers:
            raise StateError("the model has no layers: add one first.")
        if self._outline:
            return self._outline
        return composition.outline(self._net, arrays.row_shape(x, y))

    def _adopt(self, outline: tuple[LayerOutline, ...]) -> None:
        """Take the shapes of the first data seen, where none were known."""
        if not self.built:
            # Another thread may look meanwhile, at the shape first.
            self._outline = outline
            self._shape = outline[0].input_shape

    def _inputs(self, x: Any) -> NDArray[Any]:
        """Return inputs that the first layer takes, as an array on the host."""
        expected = self._known_shape()
        return arrays.as_inputs(x, expected, self._outline[0].name, "x")


def _without_batch_axis(input_shape: Any) -> Shape:
    if not isinstance(input_shape, tuple | list) or not input_shape:
        raise ArgumentError(
            "input_shape must be a tuple that starts with the batch axis, such as "
            f"(None, 28, 28), not {input_shape!r}."
        )
    return check_shape(input_shape[1:], "input_shape")

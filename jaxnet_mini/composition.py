"""Composition: layers one after another, which is a layer again.

Names of layers follow Keras: the class in snake case, numbered from the second on.
"""

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini import activations, holding, layers
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError
from jaxnet_mini.layers import Activation, Base, Dense, Identity, Softmax
from jaxnet_mini.types import Layer, Params, RandomKey, Shape

OWN_LAYERS = frozenset(kind for kind in vars(layers).values() if isinstance(kind, type))


@dataclasses.dataclass(frozen=True, repr=False)
class Serial(Base):
    """Layers one after another, itself a layer; see `serial`."""

    layers: tuple[Layer, ...]

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        for layer in self.layers:
            check_layer(layer)
        self.names  # noqa: B018  (two layers of one name are an error now, not later)

    def __repr__(self) -> str:
        shown = [repr(layer) for layer in self.layers]
        if self.name is not None:
            shown.append(f"name={self.name!r}")
        return f"serial({', '.join(shown)})"

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """One name per layer: its own, or its class's in snake case, numbered."""
        return unique_names(self.layers)

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        shape, params = tuple(input_shape), {}
        for index, (name, layer) in enumerate(
            zip(self.names, self.layers, strict=True)
        ):
            layer_key = jax.random.fold_in(key, index)
            with _naming(name):
                shape, params[name] = layer.init(layer_key, shape)
        return shape, params

    def apply(
        self,
        params: Params,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Array:
        for index, (name, layer) in enumerate(
            zip(self.names, self.layers, strict=True)
        ):
            layer_key = None if key is None else jax.random.fold_in(key, index)
            with _naming(name):
                x = layer.apply(params[name], x, key=layer_key, training=training)
        return x

    @functools.cached_property
    def acts_by_row(self) -> bool:
        """See `acts_by_row`."""
        return type(self) is Serial and all(map(acts_by_row, self.layers))

    def penalty(self, params: Params) -> Array | float:
        pairs = zip(self.names, self.layers, strict=True)
        return sum((penalty(layer, params[name]) for name, layer in pairs), 0.0)


def penalty(layer: Layer, params: Params) -> Array | float:
    """Return what a layer adds to the loss; a layer without the method adds 0.0."""
    own = getattr(layer, "penalty", None)
    return 0.0 if own is None else own(params)


def stacked_penalty(layer: Layer, params: Params, n: int) -> Array | float:
    """Return the sum of what a layer adds to the loss with each of ``n`` parameters.

    Args:
        layer: the layer.
        params: its parameters, each with another first axis of length ``n``.
        n: how many.
    """
    regularized = []

    def of_one(own: Params) -> Array | float:
        value = penalty(layer, own)
        regularized.append(isinstance(value, Array))
        return value

    values = jax.vmap(of_one, axis_size=n)(params)
    # A number that is no array says that nothing is regularized.
    return jnp.sum(values) if any(regularized) else 0.0


def in_order_of(like: Any, params: Params) -> Params:
    """Return the tree with its dictionaries in the layer's own order, kernel first.

    A loop hands them back sorted by key.
    """
    if isinstance(like, dict):
        return {name: in_order_of(like[name], params[name]) for name in like}
    return params


def acts_by_row(layer: Layer) -> bool:
    """Return whether each output is known to depend on its own example alone.

    So it is for the layers of this library, unless they call a user's function. Of a
    user's own layer nothing is known, unless it says so with ``acts_by_row = True``.

    >>> from jaxnet_mini.layers import Dense
    >>> acts_by_row(serial(Dense(8, activation="relu"), Dense(3)))
    True
    >>> acts_by_row(Dense(8, activation=lambda x: x / jax.numpy.max(x)))
    False
    """
    own = getattr(layer, "acts_by_row", None)
    if own is not None:
        return bool(own)
    activation = getattr(layer, "activation", None)
    known = (None, *activations.ACTIVATIONS, *activations.ACTIVATIONS.values())
    return type(layer) in OWN_LAYERS and activation in known


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Put a layer's name before the message of a ShapeError."""
    try:
        yield
    except ShapeError as error:
        raise ShapeError(f"layer {name!r}: {error}") from None


def serial(*layers: Layer, name: str | None = None) -> Serial:
    """Compose layers into one that applies them in order.

    Parameters are a dictionary with one entry per layer, under Keras's names:
    ``dense``, ``dense_1``, or the layer's own ``name``.

    Raises:
        LayerError: an argument is no layer.
        ArgumentError: two layers have the same name.

    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> net = serial(Flatten(), Dense(8, activation="relu"), Dense(3))
    >>> output_shape, params = net.init(jax.random.key(0), (2, 2))
    >>> params["dense_1"]["kernel"].shape
    (8, 3)
    >>> net.apply(params, jax.numpy.zeros((5, 2, 2))).shape
    (5, 3)
    """
    return Serial(tuple(layers), name=name)


def check_layer(layer: Any) -> None:
    """Raise a LayerError that says what is missing where ``layer`` is no layer.

    So it is where a penalty of what the layer holds would be left out of the loss.
    """
    hint = ""
    if isinstance(layer, type):
        hint = f" (the class itself: write {layer.__name__}(...))"
    elif isinstance(layer, Layer):
        accepted = inspect.signature(layer.apply).parameters.values()
        names = {parameter.name for parameter in accepted}
        open_ended = any(p.kind is p.VAR_KEYWORD for p in accepted)
        if not open_ended and not {"key", "training"} <= names:
            raise LayerError(
                f"{layer!r}: apply must be apply(params, x, *, key=None, "
                "training=False); add the missing arguments, or **_ for those that "
                "you do not need."
            )
        try:
            hash(layer)
        except TypeError as error:
            hint = f" ({error}: keep tuples in it, not lists or arrays)"
        else:
            if type(layer) not in OWN_LAYERS:
                holding.check_penalty(layer)
            return
    elif isinstance(layer, str):
        hint = f" (a name: write Activation({layer!r}) for an activation)"
    elif hasattr(layer, "init") and hasattr(layer, "apply"):
        hint = " (it is not hashable: make it a frozen dataclass)"
    raise LayerError(
        f"{layer!r} is no layer{hint}: a layer is a hashable object with "
        "init(key, input_shape) and apply(params, x, *, key=None, training=False)."
    )


def unique_names(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    """Name layers as Keras does: ``dense``, ``dense_1``; own names stay as they are.

    Raises:
        ArgumentError: two layers were given the same name.
    """
    taken: set[str] = set()
    for layer in layers:
        name = getattr(layer, "name", None)
        if name and name in taken:
            raise ArgumentError(
                f"two layers have the name {name!r}: give each a name of its own."
            )
        taken |= {name} if name else set()
    names: list[str] = []
    numbers: dict[str, int] = {}
    for layer in layers:
        name = getattr(layer, "name", None)
        if not name:
            base = name = snake_case(type(layer).__name__)
            # From the last one on, for names are never given back.
            number = numbers.get(base, 0)
            while name in taken:
                number += 1
                name = f"{base}_{number}"
            numbers[base] = number
            taken.add(name)
        names.append(name)
    return tuple(names)


def without_last_activation(layer: Layer) -> tuple[Layer, activations.Activation]:
    """Split off the activation that a network ends with.

    Returns:
        The network up to it, with the same parameters, and the function; ``linear``
        where it ends with none.

    >>> import jaxnet_mini as jn
    >>> without_last_activation(jn.serial(jn.Dense(3, activation="softmax")))[0]
    serial(Dense(3))
    """
    if type(layer) is Serial and layer.layers:
        *first, last = layer.layers
        bare, activation = without_last_activation(last)
        if isinstance(bare, Identity) and bare is not last:
            # Parameters go by the names of layers, and this one's came from its class.
            bare = dataclasses.replace(bare, name=layer.names[-1])
        return dataclasses.replace(layer, layers=(*first, bare)), activation
    # A subclass may do more after the activation, and so keeps it.
    if type(layer) is Dense or type(layer) is Activation:
        activation = activations.get(layer.activation)
        return dataclasses.replace(layer, activation=None), activation
    if type(layer) is Softmax:
        place = Identity(input_shape=layer.input_shape, name=layer.name)
        return place, activations.softmax
    return layer, activations.linear


@dataclasses.dataclass(frozen=True)
class LayerOutline:
    """What is known of a layer before it has parameters.

    ``params`` is the tree of its parameters with shapes and dtypes in their place, in
    the order in which the layer makes them.
    """

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    params: Any


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
            with _naming(name):
                own_key = jax.random.fold_in(key, index)
                output_shape, params = layer.init(own_key, shape)
            part = LayerOutline(name, layer, shape, output_shape, _shapes(params))
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


def _shapes(params: Params) -> Any:
    if isinstance(params, dict):
        return {name: _shapes(value) for name, value in params.items()}
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), params
    )

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

from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import activations, layers
from jaxnet_mini.core.fields import accepted, checked
from jaxnet_mini.core.layers import Base
from jaxnet_mini.core.networks import holding
from jaxnet_mini.core.types import Layer, Params, RandomKey, Shape
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError

OWN_LAYERS: frozenset[Any] = frozenset(
    kind for kind in vars(layers).values() if isinstance(kind, type)
)


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


def check_layers(layers: Any) -> None:
    """Check each of several layers, see `check_layer`."""
    for layer in layers:
        check_layer(layer)


@dataclasses.dataclass(frozen=True, repr=False)
class Serial(Base):
    """Layers one after another, itself a layer; see `serial`.

    Args:
        layers: each takes what the one before it gives.
    """

    layers: tuple[Layer, ...] = dataclasses.field(
        metadata=checked(accepted, by=check_layers)
    )

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
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

    def _parts(self, key: Any) -> Iterator[tuple[str, Layer, Any]]:
        """Yield each layer with its name and a key of its own, None of no key."""
        pairs = zip(self.names, self.layers, strict=True)
        for index, (name, layer) in enumerate(pairs):
            yield name, layer, None if key is None else jax.random.fold_in(key, index)

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        shape, params = tuple(input_shape), {}
        for name, layer, layer_key in self._parts(key):
            with naming(name):
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
        for name, layer, layer_key in self._parts(key):
            with naming(name):
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
def naming(name: str) -> Iterator[None]:
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

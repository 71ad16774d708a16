"""Composition: layers one after another, which is a layer again.

Names of layers follow Keras: the class in snake case, numbered from the second on.
"""

import dataclasses
import functools
import inspect
from collections.abc import Iterable
from typing import Annotated, Any

from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core.fields import Checked, accepted
from jaxnet_mini.core.networks import holding, protocol
from jaxnet_mini.core.networks.composed import Call, Composed
from jaxnet_mini.core.types import Layer, Params
from jaxnet_mini.errors import ArgumentError, LayerError

INPUT = ""
"""What goes into the first layer, which has no name."""

UNNAMED = ("sequential", "functional")
"""The names of models that were given none; within another one they are numbered."""


def check_layer(layer: Any) -> None:
    """Raise a LayerError that says what is missing where ``layer`` is no layer.

    So it is where something of what the layer holds would be left out: a penalty, a
    state, or that it is frozen.
    """
    hint = ""
    if isinstance(layer, type):
        hint = f" (the class itself: write {layer.__name__}(...))"
    elif isinstance(layer, Layer):
        _check_arguments(layer, "apply", "params, x", "key=None, training=False")
        if protocol.knows_update(layer):
            wanted = "key=None, training=False, mask=None"
            _check_arguments(layer, "update", "params, state, x", wanted)
            if not callable(getattr(layer, "init_state", None)):
                raise LayerError(
                    f"{layer!r} has update and no init_state: add "
                    "init_state(input_shape), which returns what it remembers first."
                )
        try:
            hash(layer)
        except TypeError as error:
            hint = f" ({error}: keep tuples in it, not lists or arrays)"
        else:
            if type(layer) not in protocol.OWN_LAYERS:
                holding.check(layer)
            return
    elif isinstance(layer, str):
        hint = f" (a name: write Activation({layer!r}) for an activation)"
    elif hasattr(layer, "init") and hasattr(layer, "apply"):
        hint = " (it is not hashable: make it a frozen dataclass)"
    raise LayerError(
        f"{layer!r} is no layer{hint}: a layer is a hashable object with "
        "init(key, input_shape) and apply(params, x, *, key=None, training=False)."
    )


def _check_arguments(layer: Any, method: str, arguments: str, named: str) -> None:
    accepted = inspect.signature(getattr(layer, method)).parameters.values()
    names = {parameter.name for parameter in accepted}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in accepted)
    wanted = {argument.partition("=")[0] for argument in named.split(", ")}
    if not open_ended and not wanted <= names:
        raise LayerError(
            f"{layer!r}: {method} must be {method}({arguments}, *, {named}); add the "
            "missing arguments, or **_ for those that you do not need."
        )


def pure(layer: Any) -> Any:
    """Return a layer itself, of what a model gives for one of its layers."""
    return getattr(layer, "pure", layer)


def check_layers(layers: Any) -> None:
    """Check each of several layers, see `check_layer`."""
    for layer in layers:
        check_layer(layer)


def check_some(function: str, layers: tuple[Layer, ...]) -> None:
    """Raise an ArgumentError where a function is given no layers."""
    if not layers:
        raise ArgumentError(
            f"{function} takes one layer or more and got none: give them one by one, "
            f"as in {function}(Dense(8), Dense(8))."
        )


@dataclasses.dataclass(frozen=True, repr=False)
class Serial(Composed):
    """Layers one after another, itself a layer; see `serial`.

    Args:
        layers: each takes what the one before it gives.
    """

    layers: Annotated[tuple[Layer, ...], Checked(accepted, by=check_layers)]

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        self.names  # noqa: B018  (two layers of one name are an error now, not later)

    def __repr__(self) -> str:
        shown = [repr(layer) for layer in self.layers]
        given = {n: getattr(self, n) for n in ("name", "dtype")}
        shown += [f"{n}={v!r}" for n, v in given.items() if v is not None]
        return f"serial({', '.join(shown)})"

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """One name per layer: its own, or its class's in snake case, numbered."""
        return unique_names(self.layers)

    @functools.cached_property
    def calls(self) -> tuple[Call, ...]:
        """See `Composed`."""
        sources = (INPUT, *self.names)
        triples = zip(self.names, self.layers, sources, strict=False)
        return tuple(Call(name, name, layer, of) for name, layer, of in triples)

    def named_inputs(self, x: Any) -> dict[str, Any]:
        """See `Composed`."""
        return {INPUT: x}

    def outputs_of(self, values: dict[str, Any]) -> Any:
        """See `Composed`."""
        return values[self.names[-1] if self.names else INPUT]


def in_order_of(like: Any, params: Params) -> Params:
    """Return the tree with its dictionaries in the layer's own order, kernel first.

    A loop hands them back sorted by key.
    """
    if isinstance(like, dict):
        return {name: in_order_of(like[name], params[name]) for name in like}
    return params


def serial(*layers: Layer, name: str | None = None, dtype: str | None = None) -> Serial:
    """Compose layers into one that applies them in order.

    Parameters are a dictionary with one entry per layer, under Keras's names:
    ``dense``, ``dense_1``, or the layer's own ``name``.

    Args:
        layers: in order.
        name: by which its parameters go in another network.
        dtype: ``"mixed_bfloat16"`` for layers that say nothing else by theirs: they
            compute in bfloat16, and parameters stay in float32.

    Raises:
        LayerError: an argument is no layer.
        ArgumentError: two layers have the same name.

    >>> import jax
    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> net = serial(Flatten(), Dense(8, activation="relu"), Dense(3))
    >>> output_shape, params = net.init(jax.random.key(0), (2, 2))
    >>> params["dense_1"]["kernel"].shape
    (8, 3)
    >>> net.apply(params, jax.numpy.zeros((5, 2, 2))).shape
    (5, 3)
    """
    return Serial(tuple(map(pure, layers)), name=name, dtype=dtype)


def unique_names(
    layers: Iterable[Layer], others: Iterable[str] = ()
) -> tuple[str, ...]:
    """Name layers as Keras does: ``dense``, ``dense_1``; own names stay as they are.

    Args:
        layers: which.
        others: names of something else, which no layer gets.

    Raises:
        ArgumentError: two layers were given the same name.
    """
    layers, taken = tuple(layers), {*others}
    for own in filter(None, map(_own_name, layers)):
        if own in taken:
            raise ArgumentError(
                f"two layers have the name {own!r}: give each a name of its own."
            )
        taken.add(own)
    names: list[str] = []
    numbers: dict[str, int] = {}
    for layer in layers:
        name = _own_name(layer)
        if not name:
            base = getattr(layer, "name", None)
            base = base or snake_case(protocol.class_name(layer))
            # From the last one on, for names are never given back.
            number, name = numbers.get(base, 0), base
            while name in taken:
                number += 1
                name = f"{base}_{number}"
            numbers[base] = number
            taken.add(name)
        names.append(name)
    return tuple(names)


def _own_name(layer: Layer) -> str | None:
    """Return the name that a layer was given; not that of a model without one."""
    name: str | None = getattr(layer, "name", None)
    if not isinstance(layer, Composed):
        return name
    only: Any = layer.layers[0] if len(layer.layers) == 1 else None
    written = getattr(only, "written_as", None)  # the class of a model with call
    unnamed = *UNNAMED, written and snake_case(written.__name__)
    return None if name in unnamed else name

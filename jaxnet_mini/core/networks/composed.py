"""What networks of several layers share: each asks its layers, one call after another.

`serial` and `graph` say in which order layers are called and with what; how one call
after another is initialised, applied and updated is written here, once.
"""

import abc
import contextlib
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import tracing
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.sources import Sources, filled, results
from jaxnet_mini.core.types import Layer, Params, RandomKey, State
from jaxnet_mini.errors import LayerError, ShapeError


class Call(NamedTuple):
    """One layer that is called.

    Attributes:
        name: what its outputs are called.
        weights: under which name its parameters and its state are; two calls with one
            share them.
        layer: which.
        sources: the names of what it takes, see `jaxnet_mini.core.networks.sources`.
        training: whether it acts as in training; None for what its network does.
    """

    name: str
    weights: str
    layer: Layer
    sources: Sources
    training: bool | None = None

    @property
    def owns(self) -> bool:
        """Whether it is the first with these weights."""
        return self.name == self.weights

    def trains(self, training: bool) -> bool:
        """Return whether it acts as in training, where its network does or not."""
        return training if self.training is None else self.training

    def inputs(self, values: dict[str, Any]) -> Any:
        """Return what it takes, of all that there is by name."""

        def value(name: str) -> Any:
            if name not in values:
                raise ShapeError(f"no array is {name!r}: fewer are given there.")
            return values[name]

        return filled(self.sources, value)


class Composed(protocol._ByUpdate, abc.ABC):
    """The base of networks; a subclass gives ``calls``, and what goes in and out."""

    layers: tuple[Layer, ...]

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """One name per layer."""

    @property
    @abc.abstractmethod
    def calls(self) -> tuple[Call, ...]:
        """All calls, each after those that it takes something of.

        The layers, in order, are those of the calls that own their weights.
        """

    @abc.abstractmethod
    def named_inputs(self, x: Any) -> dict[str, Any]:
        """Return inputs, or their shapes, by name."""

    @abc.abstractmethod
    def outputs_of(self, values: dict[str, Any]) -> Any:
        """Return the outputs, or their shapes, of all that there is by name."""

    def _keys(self, key: Any) -> Iterator[tuple[Call, Any]]:
        """Yield each call with a key of its own, None of no key."""
        for index, call in enumerate(self.calls):
            yield call, None if key is None else jax.random.fold_in(key, index)

    def init(self, key: RandomKey, input_shape: Any) -> tuple[Any, Params]:
        self.check(input_shape)
        shapes, params = self.named_inputs(_as_shape(input_shape)), {}
        for call, own_key in self._keys(key):
            init = call.layer.init if call.owns else functools.partial(shaped, call)
            with naming(call.name):
                shape, own = init(own_key, call.inputs(shapes))
                shapes |= results(call.name, shape)
                if call.owns:
                    params[call.name] = own
                else:
                    check_same_shapes(call, params[call.weights], own)
        return self.outputs_of(shapes), params

    @functools.cached_property
    def has_state(self) -> bool:
        """Whether one of the layers remembers something."""
        return any(map(protocol.has_state, self.layers))

    def init_state(self, input_shape: Any) -> State:
        """Return what the layers remember, by name, of those that do."""
        shapes, states = self.named_inputs(_as_shape(input_shape)), {}
        for call, key in self._keys(jax.random.key(0)):
            shape = call.inputs(shapes)
            if call.owns and protocol.has_state(call.layer):
                states[call.name] = protocol.init_state(call.layer, shape)
            shapes |= results(call.name, shaped(call, key, shape)[0])
        return states

    def update(
        self,
        params: Params,
        state: State,
        x: Any,
        *,
        key: RandomKey | None = None,
        training: bool = False,
        mask: Array | None = None,
    ) -> tuple[Any, State]:
        """Return the outputs, and what the layers remember afterwards.

        A layer that is called twice goes on from what its first call remembers.

        Raises:
            LayerError: ``state`` is not that of these layers.
        """
        values, after = self.named_inputs(x), dict(state)
        for call, own_key in self._keys(key):
            has_state = protocol.has_state(call.layer)
            if has_state and call.weights not in state:
                raise LayerError(
                    f"the state has no entry {call.weights!r}, and that layer "
                    "remembers something: begin with net.init_state(input_shape)."
                )
            with naming(call.name):
                y, own = protocol.run(
                    call.layer if self.trainable else protocol.frozen(call.layer),
                    params[call.weights],
                    after[call.weights] if has_state else {},
                    call.inputs(values),
                    key=own_key,
                    training=call.trains(training),
                    mask=mask,
                    within=self.dtype,
                )
            values |= results(call.name, y)
            if has_state:
                after[call.weights] = own
        return self.outputs_of(values), after

    @functools.cached_property
    def acts_by_row(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.acts_by_row`."""
        known = type(self).__module__.startswith("jaxnet_mini.core.")
        return known and all(
            protocol.acts_by_row(call.layer, call.trains(False)) for call in self.calls
        )

    @functools.cached_property
    def always_training(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.always_training`."""
        return any(
            call.trains(protocol.always_training(call.layer)) for call in self.calls
        )

    def _each(self, params: Params) -> Iterator[tuple[str, Layer, Params]]:
        """Yield the name of each layer, the layer, and its parameters."""
        for name, layer in zip(self.names, self.layers, strict=True):
            yield name, layer, params[name]

    def penalty(self, params: Params) -> Array | float:
        each = self._each(params)
        return sum((protocol.penalty(layer, own) for _, layer, own in each), 0.0)

    def constrain(self, params: Params) -> Params:
        each = self._each(params)
        return {name: protocol.constrain(layer, own) for name, layer, own in each}

    def trainable_mask(self, params: Params) -> Any:
        """See `jaxnet_mini.core.networks.protocol.trainable_mask`."""
        each = self._each(params)
        return {name: protocol.trainable_mask(layer, own) for name, layer, own in each}


def indexed(net: Composed, inputs: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield layers of categories that take inputs as they are given, with these.

    Args:
        net: the layers, of which some may be networks.
        inputs: what stands for each input, by name.
    """
    for call in net.calls:
        names: list[str] = []
        filled(call.sources, names.append)
        if not {*names} <= inputs.keys():
            continue
        given = call.inputs(inputs)
        if isinstance(call.layer, Composed):
            yield from indexed(call.layer, call.layer.named_inputs(given))
        elif hasattr(call.layer, "categories"):
            yield call.layer, given


def shaped(call: Call, key: RandomKey, input_shape: Any) -> tuple[Any, Params]:
    """Return what ``init`` does, with shapes for the parameters; nothing is computed.

    Shapes and dtypes stand in the order in which the layer makes the parameters, which
    what comes out of a transformation does not.
    """
    found = []

    def trace() -> None:
        shape, params = call.layer.init(key, input_shape)
        found.append((shape, shapes_of(params)))

    tracing.eval_shape(trace)
    return found[0]


def shapes_of(params: Params) -> Any:
    """Return shapes and dtypes of a tree of arrays, dictionaries in their own order."""
    if isinstance(params, dict):
        return {name: shapes_of(value) for name, value in params.items()}
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), params
    )


def check_same_shapes(call: Call, first: Params, own: Params) -> None:
    """Check that a layer which is called again takes inputs as in its first call.

    Raises:
        ShapeError: its parameters would be of other shapes.
    """
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (first, own)]
    if shapes[0] != shapes[1]:
        raise ShapeError(
            f"it shares the weights of {call.weights!r}, of the shapes {shapes[0]}, "
            f"and would need {shapes[1]} here: give it inputs of the same shape."
        )


def _as_shape(input_shape: Any) -> Any:
    return input_shape if isinstance(input_shape, dict) else tuple(input_shape)


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Put a layer's name before the message of a ShapeError."""
    try:
        yield
    except ShapeError as error:
        raise ShapeError(f"layer {name!r}: {error}") from None

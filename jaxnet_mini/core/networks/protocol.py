"""What a layer may have besides ``init`` and ``apply``, asked for in this one place.

Only ``init`` and ``apply`` make a layer, see `jaxnet_mini.core.types.Layer`. What else
one has, a penalty, a constraint, a state, parameters that stay as they are, is found
here, and so a layer that has none of it costs nothing: its programs are those of
``apply`` alone.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import activations, layers, precision, values
from jaxnet_mini.core.layers.base import remembers
from jaxnet_mini.core.types import Layer, Params, RandomKey, State, Variables

OWN_LAYERS: frozenset[Any] = frozenset(
    kind for kind in map(vars(layers).get, layers.__all__) if isinstance(kind, type)
)


def run(
    layer: Layer,
    params: Params,
    state: State,
    x: Any,
    *,
    key: RandomKey | None = None,
    training: bool = False,
    mask: Array | None = None,
    within: str | None = None,
) -> tuple[Any, State]:
    """Return a layer's outputs and its next state, by ``apply`` or by ``update``.

    Here is the one cast of mixed precision.

    Args:
        layer: any.
        params: its parameters.
        state: what it remembers, see `init_state`.
        x: a batch.
        key: of the random numbers it draws.
        training: whether it learns from the batch.
        mask: ``(batch,)``, 0 or False for rows that are padding; None where none is.
        within: the policy of the network around it, for a layer that has none, see
            `jaxnet_mini.core.precision`.
    """
    own: Any = layer
    policy = getattr(layer, "_policy", None) or within
    casts = getattr(layer, "_casts", "inputs") if policy else None
    if casts == "inner":
        own = _under(layer, policy)
    elif casts == "inputs" or policy == "float32":
        params, x = precision.cast((params, x), policy)
    if not has_state(layer):
        y, after = own.apply(params, x, key=key, training=training), state
    else:
        y, after = own.update(params, state, x, key=key, training=training, mask=mask)
    return precision.cast(y, policy) if casts == "outputs" else y, after


def _under(net: Any, policy: str | None) -> Any:
    """Return a network, for one call, with the policy of the one around it."""
    if net._policy == policy:
        return net
    return _with(net, dtype=policy)


def _with(layer: Any, **changed: Any) -> Any:
    """Return a layer, for one call, with other attributes."""
    own = object.__new__(type(layer))
    vars(own).update(vars(layer) | changed)
    vars(own).pop(values._KEY, None)
    return own


def class_name(layer: Layer) -> str:
    """Return the class of a layer as models show it and name it by."""
    return str(getattr(layer, "_class_name", type(layer).__name__))


def init(layer: Layer, key: RandomKey, input_shape: Any) -> Variables:
    """Return fresh parameters, and what is remembered before the first batch."""
    _, params = layer.init(key, input_shape)
    return Variables(params, init_state(layer, input_shape))


def init_state(layer: Layer, input_shape: Any) -> State:
    """Return what a layer remembers before its first batch; ``{}`` if nothing."""
    own: Any = layer
    return own.init_state(input_shape) if has_state(layer) else {}


def has_state(layer: Layer) -> bool:
    """Return whether a layer remembers something, and is to be asked by ``update``.

    A layer that holds others says by its attribute ``has_state`` whether one does.

    >>> from jaxnet_mini.layers import Dense
    >>> has_state(Dense(3))
    False
    """
    return knows_update(layer) and bool(getattr(layer, "has_state", True))


def knows_update(layer: Any) -> bool:
    """Return whether a layer's ``update`` is what it computes.

    It is not where a subclass overrides ``apply`` alone: that would be passed over.
    """
    if not callable(getattr(layer, "update", None)):
        return False
    for kind in type(layer).__mro__:
        if "update" in vars(kind):
            return True
        if "apply" in vars(kind):
            return False
    return True


def check_stateless(layer: Layer) -> None:
    """Check that ``apply`` is all that a layer computes.

    Raises:
        LayerError: it remembers something, of which ``apply`` is not told.
    """
    if has_state(layer):
        raise remembers(layer)


class _ByUpdate(layers.Base):
    """The base of layers that hold others, and compute by ``update`` alone."""

    _casts, _takes_several = "inner", True

    def apply(
        self,
        params: Params,
        x: Any,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Any:
        check_stateless(self)
        own: Any = self
        return own.update(params, {}, x, key=key, training=training)[0]


def penalty(layer: Layer, params: Params) -> Array | float:
    """Return what a layer adds to the loss; 0.0 without the method, or if frozen.

    As in Keras only what is trained is regularized.
    """
    own = getattr(layer, "penalty", None)
    if own is None or not getattr(layer, "trainable", True):
        return 0.0
    value: Array | float = own(params)
    return value


def constrain(layer: Layer, params: Params) -> Params:
    """Return what a layer makes of its parameters after an update.

    Without the method, or if it is frozen, they are what they were.
    """
    own = getattr(layer, "constrain", None)
    if own is None or not getattr(layer, "trainable", True):
        return params
    return own(params)


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


def acts_by_row(layer: Layer, training: bool = False) -> bool:
    """Return whether each output is known to depend on its own example alone.

    So it is for the layers of this library, unless they call a user's function. Of a
    user's own layer nothing is known, unless it says so with ``acts_by_row = True``.

    Args:
        layer: any.
        training: whether the question is asked of training, where a layer with a state
            learns from all rows of a batch.

    >>> from jaxnet_mini.core.networks.serial import serial
    >>> from jaxnet_mini.layers import Dense
    >>> acts_by_row(serial(Dense(8, activation="relu"), Dense(3)))
    True
    >>> acts_by_row(Dense(8, activation=lambda x: x / jax.numpy.max(x)))
    False
    """
    if training and has_state(layer):
        return False
    if getattr(layer, "activity_regularizer", None) is not None:
        return False  # a penalty may be of all rows at once
    own = getattr(layer, "acts_by_row", None)
    if own is not None:
        return bool(own)
    activation: Any = getattr(layer, "activation", None)
    if type(activation) in OWN_LAYERS:
        return type(layer) in OWN_LAYERS and acts_by_row(activation)
    known = (None, *activations.ACTIVATIONS, *activations.ACTIVATIONS.values())
    return type(layer) in OWN_LAYERS and activation in known


def always_training(layer: Layer) -> bool:
    """Return whether a part of a layer acts as in training whatever is asked of all.

    So does what draws random numbers there. It then wants a ``key`` and a ``mask``
    where nothing is trained, too.
    """
    return bool(getattr(layer, "always_training", False))


def known_key(layer: Layer, number: Array | int) -> RandomKey | None:
    """Return a key for a batch of an evaluation, whose results are to be compared.

    The same for each number; None where nothing is drawn, see `always_training`.
    """
    if not always_training(layer):
        return None
    return jax.random.fold_in(jax.random.key(0), number)


def frozen(layer: Layer) -> Layer:
    """Return a layer that remembers as it is where all around it is frozen.

    As in Keras, freezing a layer freezes what is in it: batch normalization then goes
    by what it remembers. A layer that remembers nothing has no use for it.
    """
    if not (has_state(layer) and getattr(layer, "trainable", False)):
        return layer
    if isinstance(layer, layers.Base):
        return dataclasses.replace(layer, trainable=False)
    # One in Keras's form has looked at its weights, which a new one would not have.
    return _with(layer, trainable=False) if hasattr(layer, "__dict__") else layer


def trainable_mask(layer: Layer, params: Params) -> Any:
    """Return a tree like ``params``, with True for what is trained and False else.

    >>> from jaxnet_mini.layers import Dense
    >>> frozen = Dense(3, use_bias=False, trainable=False)
    >>> trainable_mask(frozen, {"kernel": jnp.zeros((2, 3))})
    {'kernel': False}
    """
    trainable = bool(getattr(layer, "trainable", True))
    own = getattr(layer, "trainable_mask", None)
    if own is None or not trainable:
        return jax.tree.map(lambda _: trainable, params)
    return own(params)

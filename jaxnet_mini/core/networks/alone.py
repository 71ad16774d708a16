"""Layers in Keras's form that are called by themselves, outside of any model.

Then alone an object has weights of its own: they are drawn at the first call, and are
the first ones of the model in which the layer stands afterwards. From then on it
answers for the weights there, as the layers of this library do.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.core import random, symbols
from jaxnet_mini.core.layers import by_itself
from jaxnet_mini.core.networks import added, protocol, sources
from jaxnet_mini.core.networks.weights import cast_to
from jaxnet_mini.core.types import Layer, Variables
from jaxnet_mini.errors import ArgumentError, LayerError, StateError

ALONE, LOSS = "_alone", "_alone_loss"
"""Where such an object has its weights, and what its last call added to the loss."""


class Alone:
    """What lets a layer be called by itself."""

    @functools.cached_property
    def _alone_loss(self) -> Array | float:  # likewise
        return 0.0

    @functools.cached_property
    def _alone(self) -> Variables | None:  # passed over by what compares layers
        return None

    def __call__(self, *given: Any, training: bool | None = None, **named: Any) -> Any:
        """Return the outputs for a batch, by the weights of the layer's model.

        One that stands in no model has weights of its own. They are drawn at the first
        call, others for each layer, and stay as they are; what the layer remembers goes
        on from call to call. A model in which the layer stands later begins with them.

        Args:
            *given: what ``call`` takes: inputs, ``(batch, ...)``, in any structure; or
                what stands for them in a model that is being written, see
                `jaxnet_mini.Model`.
            training: whether it acts as in training, without random numbers; None for
                what the model does that is being written.
            **named: what ``call`` takes by name.

        Raises:
            LayerError: ``call`` takes other arguments; or the weights are those of a
                model that is gone, or that has the layer within another one.
        """
        layer: Any = self
        x, training = sources.called_with(layer, given, named, training)
        if symbols.is_symbolic(x):
            return symbols.called(layer, x, training)
        in_model = self._in_model()
        if in_model is not None:
            return in_model(*given, training=training, **named)
        x = jax.tree.map(jnp.asarray, x)
        weights = self._alone
        if weights is None:
            shape = jax.tree.map(lambda leaf: leaf.shape[1:], x)
            with jax.ensure_compile_time_eval():
                weights = protocol.init(layer, random.next_key(), shape)
            vars(self)[ALONE] = weights
        params, state = weights
        own = random.next_key() if protocol.always_training(layer) else None
        y, after = protocol.run(
            layer, params, state, x, key=own, training=bool(training)
        )
        after, loss = added.without_added(after)
        leaves = jax.tree.leaves((after, loss))
        if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            vars(self)[ALONE] = Variables(params, after)
            vars(self)[LOSS] = loss
        return y

    def _in_model(self) -> Any:
        """Return the layer as it stands in a model with weights; None in none.

        Raises:
            LayerError: the weights are not to be had there.
        """
        layer: Any = self
        try:
            found = by_itself.HANDLE[0](layer)
        except StateError:
            return None
        return found if found.has_weights else None

    @property
    def weights(self) -> list[Any]:
        """Those of its model in the order of that, or else its own, trained ones first.

        None before the first call and out of any model, as in Keras.
        """
        in_model = self._in_model()
        if in_model is None:
            return [*self.trainable_weights, *self.non_trainable_weights]
        found: list[Any] = in_model.weights
        return found

    @property
    def trainable_weights(self) -> list[Any]:
        """Those that gradients would change."""
        in_model = self._in_model()
        return self._own(True) if in_model is None else in_model.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The others, and what the layer remembers."""
        in_model = self._in_model()
        if in_model is None:
            state = {} if self._alone is None else self._alone.state
            return [*self._own(False), *jax.tree.leaves(state)]
        found: list[Any] = in_model.non_trainable_weights
        return found

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of `weights` as NumPy arrays."""
        return [np.array(weight) for weight in self.weights]

    def set_weights(self, arrays: Sequence[Any]) -> None:
        """Replace its `weights`, given in their order.

        Raises:
            ArgumentError: there are more or fewer.
            ShapeError: one is of another shape.
            DataError: one is no real number, or one that the weight cannot hold.
        """
        in_model = self._in_model()
        if in_model is not None:
            in_model.set_weights(arrays)
            return
        here = self.weights
        if len(arrays) != len(here):
            raise ArgumentError(
                f"{self!r} has {len(here)} weights, and set_weights was given "
                f"{len(arrays)}: give as many as get_weights() returns."
            )
        new = {
            id(weight): jnp.asarray(cast_to(str(place), weight, array))
            for place, (weight, array) in enumerate(zip(here, arrays, strict=True))
        }
        vars(self)[ALONE] = jax.tree.map(lambda leaf: new[id(leaf)], self._alone)

    def count_params(self) -> int:
        """Return the number of numbers in all `weights`."""
        return sum(math.prod(weight.shape) for weight in self.weights)

    @property
    def losses(self) -> list[Array]:
        """What its last call by itself gave to ``add_loss``, and its penalty."""
        in_model = self._in_model()
        there = self._alone if in_model is None else in_model.variables_there()
        if there is None:
            return []
        layer: Any = self
        found = self._alone_loss, protocol.penalty(layer, there.params)
        return [loss for loss in found if isinstance(loss, Array)]

    def _own(self, trainable: bool) -> list[Array]:
        if self._alone is None:
            return []
        layer: Any = self
        params = self._alone.params
        mask = _leaves(protocol.trainable_mask(layer, params), params)
        pairs = zip(_leaves(params, params), mask, strict=True)
        return [leaf for leaf, trained in pairs if trained == trainable]

    def __getattr__(self, name: str) -> Any:
        looked = vars(self).get("_looked")
        own = name if looked is None else looked.attributes.get(name, name)
        if looked is not None and (own in looked.specs or own in looked.shapes):
            found = self._weight(name, own)
            if found is not None:
                return found
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}. A weight "
            "has a value within call(), and once the layer is called by itself or "
            "stands in a model with weights.",
            name=name,
        )

    def _weight(self, name: str, own: str) -> Any:
        """Return a weight, or those of a part; None where there are none yet.

        Args:
            name: of the attribute, for messages.
            own: of the weight.
        """
        try:
            in_model = self._in_model()
        except LayerError as error:
            raise AttributeError(f"{name}: {error}", name=name) from None
        if in_model is not None:
            return in_model.weight(own)
        there: Any = vars(self).get(ALONE)
        return next((part[own] for part in there or () if own in part), None)


def _leaves(tree: Any, like: Any) -> list[Any]:
    """Return the leaves of dictionaries in the order of ``like``, not by name."""
    if isinstance(like, dict):
        return [leaf for name in like for leaf in _leaves(tree[name], like[name])]
    return jax.tree.leaves(tree)


def of(layer: Layer) -> Variables | None:
    """Return the weights with which a layer was called by itself, if it was."""
    alone: Variables | None = vars(layer).get(ALONE)
    return alone

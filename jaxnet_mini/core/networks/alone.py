"""Layers in Keras's form that are called by themselves, outside of any model.

Then alone an object has weights of its own: they are drawn at the first call, and are
the first ones of the model in which the layer stands afterwards.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import random, symbols
from jaxnet_mini.core.networks import added, protocol, sources
from jaxnet_mini.core.types import Layer, Variables

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
        """Return the outputs for a batch, by weights that belong to no model.

        They are drawn at the first call, others for each layer, and stay as they are;
        what the layer remembers goes on from call to call. A model in which the layer
        stands later begins with them, and trains its own.

        Args:
            *given: what ``call`` takes: inputs, ``(batch, ...)``, in any structure; or
                what stands for them in a model that is being written, see
                `jaxnet_mini.Model`.
            training: whether it acts as in training, without random numbers; None for
                what the model does that is being written.
            **named: what ``call`` takes by name.

        Raises:
            LayerError: ``call`` takes other arguments.
        """
        layer: Any = self
        x, training = sources.called_with(layer, given, named, training)
        if symbols.is_symbolic(x):
            return symbols.called(layer, x, training)
        x = jax.tree.map(jnp.asarray, x)
        if self._alone is None:
            shape = jax.tree.map(lambda leaf: leaf.shape[1:], x)
            with jax.ensure_compile_time_eval():
                vars(self)[ALONE] = protocol.init(layer, random.next_key(), shape)
        params, state = self._weights_alone()
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

    def _weights_alone(self) -> Variables:
        if self._alone is None:
            raise AttributeError(
                f"{self!r} has no weights of its own: they are those of a model, such "
                "as model.get_weights(), or come with the first call of the layer.",
                name="weights",
            )
        return self._alone

    @property
    def weights(self) -> list[Array]:
        """The weights with which it is called by itself, the trained ones first."""
        return [*self.trainable_weights, *self.non_trainable_weights]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those that gradients would change."""
        return self._chosen(True)

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The others, and what the layer remembers."""
        return [*self._chosen(False), *jax.tree.leaves(self._weights_alone().state)]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def losses(self) -> list[Array]:
        """What its last call by itself gave to ``add_loss``, and its penalty."""
        if self._alone is None:
            return []
        layer: Any = self
        found = self._alone_loss, protocol.penalty(layer, self._alone.params)
        return [loss for loss in found if isinstance(loss, Array)]

    def _chosen(self, trainable: bool) -> list[Array]:
        layer: Any = self
        params = self._weights_alone().params
        mask = _leaves(protocol.trainable_mask(layer, params), params)
        pairs = zip(_leaves(params, params), mask, strict=True)
        return [leaf for leaf, trained in pairs if trained == trainable]

    def __getattr__(self, name: str) -> Any:
        alone = vars(self).get(ALONE)
        if alone is None or name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}. A weight "
                "has a value within call(), and once the layer is called by itself.",
                name=name,
            )
        own = vars(self)["_looked"].attributes.get(name, name)
        for there in alone:
            if own in there:
                return there[own]
        raise AttributeError(f"{self!r} has no attribute {name!r}.", name=name)


def _leaves(tree: Any, like: Any) -> list[Any]:
    """Return the leaves of dictionaries in the order of ``like``, not by name."""
    if isinstance(like, dict):
        return [leaf for name in like for leaf in _leaves(tree[name], like[name])]
    return jax.tree.leaves(tree)


def of(layer: Layer) -> Variables | None:
    """Return the weights with which a layer was called by itself, if it was."""
    alone: Variables | None = vars(layer).get(ALONE)
    return alone

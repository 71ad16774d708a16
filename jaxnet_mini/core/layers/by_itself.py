"""What a layer is when it is called by itself: a symbol, or in a model of its own.

On what an `Input` gives, its call stands for the outputs in a model that is being
written. On arrays the layer has weights, as in Keras: in the model that it stands in,
or in one of its own, which any other that it is put into shares them with.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxnet_mini.base.arguments import check_training
from jaxnet_mini.core import random, symbols
from jaxnet_mini.core.types import Params, check_shape
from jaxnet_mini.errors import LayerError, StateError

HANDLE: list[Any] = []
"""What finds the model in which a layer has weights: `jaxnet_mini.models.alone`, which
needs layers and puts itself here."""

_LISTS = {"weights", "trainable_weights", "non_trainable_weights"}
_LISTS |= {"variables", "trainable_variables", "non_trainable_variables"}
OF_A_MODEL = _LISTS | {"get_weights", "set_weights", "count_params", "input", "output"}
OF_A_MODEL |= {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"}
OF_A_MODEL |= {"embeddings"}
"""What a layer has in a model alone."""


class ByItself:
    """What layers of this library have of it."""

    def __call__(
        self, x: Any = None, *more: Any, training: bool | None = None, **named: Any
    ) -> Any:
        """Return what stands for the outputs, in a model that is being written.

        It takes arrays too. A layer with weights then stands in a model of its own, or
        in the one that has it, and any other that it is put into shares them.

        Args:
            x: an `Input`, what another layer's call returned, or a list of such.
            more: nothing else.
            training: whether the layer acts as in training, whatever is said of the
                model; None for what is said there.
            named: nothing else.

        Raises:
            LayerError: it is called with anything else.
            ShapeError: it cannot take what comes to it.

        >>> from jaxnet_mini.layers import Dense, Input, Rescaling
        >>> Dense(3)(Input((2,))).shape
        (None, 3)
        >>> Rescaling(0.5)(jnp.array([[4.0]]))
        Array([[2.]], dtype=float32)
        """
        if symbols.is_symbolic(x) and not (more or named):
            return symbols.called(self, x, training)
        if symbols.is_symbolic(x):
            raise LayerError(
                f"{self!r} is called with more than its inputs, "
                f"{', '.join([*map(repr, more), *named])}: call it with these alone, "
                "several in a list, and with training=True or False."
            )
        if not (more or named):
            training = check_training(training)
            x = jax.tree.map(jnp.asarray, symbols.arrays_in(self, x))
            given = jax.tree.leaves(x)
            shape = jax.tree.map(lambda one: one.shape[1:], x)
            params = self._shapes(shape)
            if not jax.tree.leaves(params):
                return self._alone(params, x, bool(training))
            if not any(isinstance(one, jax.core.Tracer) for one in given):
                return HANDLE[0](self, shape)(x, training)
        raise LayerError(
            f"{self!r} is called, and a layer here is a value without weights: stack "
            "layers, model = Sequential([Input((4,)), Dense(8), ...]), and call "
            "model(x); or net = jn.serial(Dense(8), ...), output_shape, params = "
            "net.init(key, (4,)) and net.apply(params, x)."
        )

    def build(self, input_shape: Any) -> None:
        """Have weights, in a model of its own, before the first call.

        Args:
            input_shape: with the batch axis, ``(None, 4)``.

        >>> from jaxnet_mini.layers import Dense
        >>> layer = Dense(3)
        >>> layer.build((None, 4))
        >>> layer.kernel.shape, len(layer.weights)
        ((4, 3), 2)
        """
        HANDLE[0](self, check_shape(tuple(input_shape)[1:], "input_shape"))

    def __getattr__(self, name: str) -> Any:
        if name not in OF_A_MODEL:
            kind = type(self).__name__
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
        try:
            return getattr(HANDLE[0](self), name)
        except StateError as error:
            if name in _LISTS:
                return []  # as in Keras, before there are any
            raise AttributeError(f"{name}: {error}", name=name) from None
        except LayerError as error:
            raise AttributeError(f"{name}: {error}", name=name) from None

    @functools.cached_property
    def _own_model(self) -> Any:  # passed over by what compares layers
        """The model that it stands in by itself."""
        return None

    def _shapes(self, input_shape: Any) -> Params:
        """Return the parameters for inputs of a shape, without their numbers."""
        found: list[Params] = []
        key = jax.random.key(0)
        jax.eval_shape(lambda: found.append(self.init(key, input_shape)[1]))
        return found[0]

    def _alone(self, params: Params, x: Any, training: bool) -> Any:
        """Return the outputs of a layer without weights, called by itself."""
        key = random.next_key() if training else None
        return self.apply(params, x, key=key, training=training)

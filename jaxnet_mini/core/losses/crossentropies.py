"""The cross-entropies, which are exact on what comes before a softmax or sigmoid.

Source: https://keras.io/api/losses/probabilistic_losses/.
"""

import copy
import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp  # noqa: F401  (for the examples)
from jax import Array

from jaxnet_mini.base.arguments import check_flag, is_number
from jaxnet_mini.core import activations
from jaxnet_mini.core.fields import checked
from jaxnet_mini.core.losses import functions
from jaxnet_mini.core.losses.base import Loss, Targets, _OfFunction
from jaxnet_mini.errors import ArgumentError


def _check_share(argument: str, value: Any) -> Any:
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ArgumentError(f"{argument} must be in [0, 1], not {value!r}.")
    return value


SMOOTHING = checked(_check_share)
"""What a field ``label_smoothing`` is checked by."""


@dataclasses.dataclass(frozen=True, repr=False)
class _Crossentropy(_OfFunction):
    """What the cross-entropies share: they are exact on the inputs of ``before``."""

    before: ClassVar[str]
    """The activation whose inputs they can take."""

    from_logits: bool = dataclasses.field(default=False, metadata=checked(check_flag))

    def on_logits(self, activation: activations.Activation) -> Loss | None:
        # A user's subclass may compute from the probabilities, whatever the flag says.
        own = type(self).per_example.__module__ == __name__
        if not own or self.from_logits:
            return None
        if activation is not activations.get(self.before):
            return None
        fused = copy.copy(self)
        object.__setattr__(fused, "from_logits", True)
        return fused


@dataclasses.dataclass(frozen=True, repr=False)
class _SmoothedCrossentropy(_Crossentropy):
    """What those share whose targets are probabilities."""

    targets: ClassVar[Targets] = "probabilities"

    label_smoothing: float = dataclasses.field(default=0.0, metadata=SMOOTHING)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.function(y_true, y_pred, self.from_logits, self.label_smoothing)


class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy of integer classes, ``-log p[y_true]``.

    See `sparse_categorical_crossentropy` for shapes.

    Args:
        from_logits: whether outputs come before the softmax.

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> loss = SparseCategoricalCrossentropy()
    >>> value = loss(jnp.array([0, 1]), jnp.array([[0.5, 0.5], [0.75, 0.25]]))
    >>> round(float(value), 4)
    1.0397
    """

    targets = "classes"
    before = "softmax"
    function = staticmethod(functions.sparse_categorical_crossentropy)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.function(y_true, y_pred, self.from_logits)


class CategoricalCrossentropy(_SmoothedCrossentropy):
    """Cross-entropy of one-hot classes, ``-sum(y_true * log p)``.

    See `categorical_crossentropy` for shapes.

    Args:
        from_logits: whether outputs come before the softmax.
        label_smoothing: how far targets are moved towards the same value for all, in
            [0, 1].

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(CategoricalCrossentropy()(y_true, y_pred)), 4)
    0.2877
    """

    before = "softmax"
    function = staticmethod(functions.categorical_crossentropy)


class BinaryCrossentropy(_SmoothedCrossentropy):
    """Cross-entropy of yes and no, ``-y log p - (1 - y) log(1 - p)``.

    See `binary_crossentropy` for shapes.

    Args:
        from_logits: whether outputs come before the sigmoid.
        label_smoothing: how far targets are moved towards the same value for all, in
            [0, 1].

    Source: https://keras.io/api/losses/probabilistic_losses/

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(BinaryCrossentropy()(y_true, y_pred)), 4)
    0.2877
    """

    before = "sigmoid"
    short = "bce"
    function = staticmethod(functions.binary_crossentropy)

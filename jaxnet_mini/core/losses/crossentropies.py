"""The cross-entropies, which are exact on what comes before a softmax or sigmoid.

Source: https://keras.io/api/losses/probabilistic_losses/.
"""

import copy
import dataclasses
from typing import Annotated, ClassVar, TypeAlias

import jax.numpy as jnp  # noqa: F401  (for the examples)

from jaxnet_mini.base.arguments import check_fits
from jaxnet_mini.core import activations
from jaxnet_mini.core.fields import Checked, Flag
from jaxnet_mini.core.losses import functions
from jaxnet_mini.core.losses.base import Loss, OfFunction, Targets

Smoothing: TypeAlias = Annotated[
    float, Checked(check_fits, words="in [0, 1]", fits=lambda v: 0.0 <= v <= 1.0)
]


@dataclasses.dataclass(frozen=True, repr=False)
class _Crossentropy(OfFunction, Loss):
    """What the cross-entropies share: they are exact on the inputs of ``before``."""

    before: ClassVar[str]
    """The activation whose inputs they can take."""
    options: ClassVar[tuple[str, ...]] = ("from_logits",)

    from_logits: Flag = False

    def on_logits(self, activation: activations.Activation) -> Loss | None:
        # A user's subclass may compute from the probabilities, whatever the flag says.
        own = type(self).per_example is OfFunction.per_example
        fits = activation is activations.get(self.before)
        if self.from_logits or not (own and fits):
            return None
        fused = copy.copy(self)
        object.__setattr__(fused, "from_logits", True)
        return fused


@dataclasses.dataclass(frozen=True, repr=False)
class _SmoothedCrossentropy(_Crossentropy):
    """What those share whose targets are probabilities."""

    targets: ClassVar[Targets] = "probabilities"
    options = "from_logits", "label_smoothing"

    label_smoothing: Smoothing = 0.0


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

"""Losses: per-example values from targets and outputs.

Source: https://keras.io/api/losses/. A loss is a frozen value; ``per_example`` maps
``y_true`` and ``y_pred``, both with a leading batch axis, to one number per example.
Calling it returns the mean over the batch, as in Keras. The functions of the same
names in snake case are the per-example values alone.

Probabilities are clipped to [1e-7, 1 - 1e-7], Keras's constant, before a logarithm.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import ClassVar, Literal, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini import activations
from jaxnet_mini.errors import ArgumentError, find
from jaxnet_mini.types import Float

EPSILON = 1e-7

Targets: TypeAlias = Literal["classes", "probabilities", "values", "anything"]
LossFunction: TypeAlias = Callable[[Array, Array], Array]


def _probability(values: Array) -> Array:
    return jnp.clip(values, EPSILON, 1.0 - EPSILON)


def _log_probabilities(y_pred: Array, from_logits: bool) -> Array:
    if from_logits:
        return jax.nn.log_softmax(y_pred)
    # Keras makes outputs sum to one before it clips them.
    return jnp.log(_probability(y_pred / jnp.sum(y_pred, axis=-1, keepdims=True)))


def sparse_categorical_crossentropy(
    y_true: Array, y_pred: Array, from_logits: bool = False
) -> Array:
    """Return ``-log p[y_true]``.

    Args:
        y_true: integer classes, ``(batch, ...)`` or ``(batch, ..., 1)``.
        y_pred: ``(batch, ..., classes)``, probabilities or, ``from_logits``, logits.
        from_logits: whether ``y_pred`` comes before the softmax.

    Returns:
        ``(batch, ...)``, without the axis of classes.
    """
    classes = y_true[..., 0] if y_true.ndim == y_pred.ndim else y_true
    log_probabilities = _log_probabilities(y_pred, from_logits)
    index = classes.astype(jnp.int32)[..., None]
    return -jnp.take_along_axis(log_probabilities, index, axis=-1)[..., 0]


def categorical_crossentropy(
    y_true: Array, y_pred: Array, from_logits: bool = False
) -> Array:
    """Return ``-sum(y_true * log p)`` over the last axis.

    Args:
        y_true: one-hot or soft classes, of the shape of ``y_pred``.
        y_pred: ``(batch, ..., classes)``, probabilities or, ``from_logits``, logits.
        from_logits: whether ``y_pred`` comes before the softmax.

    Returns:
        ``(batch, ...)``, without the axis of classes.
    """
    log_probabilities = _log_probabilities(y_pred, from_logits)
    return -jnp.sum(y_true.astype(y_pred.dtype) * log_probabilities, axis=-1)


def binary_crossentropy(
    y_true: Array, y_pred: Array, from_logits: bool = False
) -> Array:
    """Return ``-y log p - (1 - y) log(1 - p)``, averaged over the last axis.

    Args:
        y_true: 0, 1 or between, of the shape of ``y_pred``.
        y_pred: probabilities, or logits with ``from_logits``: ``(batch, ..., units)``.
        from_logits: whether ``y_pred`` comes before the sigmoid.

    Returns:
        ``(batch, ...)``, without the last axis.
    """
    targets = y_true.astype(y_pred.dtype)
    if from_logits:
        return jnp.mean(optax.losses.sigmoid_binary_cross_entropy(y_pred, targets), -1)
    p = _probability(y_pred)
    values = targets * jnp.log(p) + (1.0 - targets) * jnp.log(1.0 - p)
    return -jnp.mean(values, axis=-1)


def mean_squared_error(y_true: Array, y_pred: Array) -> Array:
    """Return ``(y_true - y_pred)**2``, averaged over the last axis."""
    return jnp.mean(jnp.square(y_true.astype(y_pred.dtype) - y_pred), axis=-1)


def mean_absolute_error(y_true: Array, y_pred: Array) -> Array:
    """Return ``|y_true - y_pred|``, averaged over the last axis."""
    return jnp.mean(jnp.abs(y_true.astype(y_pred.dtype) - y_pred), axis=-1)


def huber(y_true: Array, y_pred: Array, delta: float = 1.0) -> Array:
    """Return Huber's loss, averaged over the last axis.

    Half the squared error up to ``delta``, linear beyond (Huber 1964).
    """
    targets = y_true.astype(y_pred.dtype)
    return jnp.mean(optax.losses.huber_loss(y_pred, targets, delta=delta), -1)


@dataclasses.dataclass(frozen=True)
class Loss(abc.ABC):
    """The base of the losses: a frozen, hashable value.

    ``targets`` tells what ``y_true`` holds: ``"classes"`` (integers, no axis of
    outputs), ``"probabilities"`` in [0, 1] or ``"values"`` of the shape of the outputs,
    or ``"anything"`` for a user's own function.
    """

    targets: ClassVar[Targets] = "values"

    @abc.abstractmethod
    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        """Return one value per example, ``(batch, ...)``."""

    def on_logits(self, activation: activations.Activation) -> "Loss | None":
        """Return the loss that takes the inputs of ``activation`` instead.

        None where there is no better way than through the activation itself.
        """
        return None

    def __call__(
        self,
        y_true: Array,
        y_pred: Array,
        sample_weight: Float[Array, " batch"] | None = None,
    ) -> Float[Array, ""]:
        """Return the mean over all examples; weights multiply, the count divides."""
        values = self.per_example(jnp.asarray(y_true), jnp.asarray(y_pred))
        if sample_weight is not None:
            weight = jnp.asarray(sample_weight, values.dtype)
            values = values * weight.reshape(weight.shape + (1,) * (values.ndim - 1))
        return jnp.mean(values)


@dataclasses.dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of integer classes; see `sparse_categorical_crossentropy`.

    >>> loss = SparseCategoricalCrossentropy()
    >>> value = loss(jnp.array([0, 1]), jnp.array([[0.5, 0.5], [0.75, 0.25]]))
    >>> round(float(value), 4)
    1.0397
    """

    targets: ClassVar[Targets] = "classes"
    from_logits: bool = False

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits)

    def on_logits(self, activation: activations.Activation) -> Loss | None:
        fused = not self.from_logits and activation is activations.softmax
        return SparseCategoricalCrossentropy(from_logits=True) if fused else None


@dataclasses.dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """Cross-entropy of one-hot classes; see `categorical_crossentropy`."""

    targets: ClassVar[Targets] = "probabilities"
    from_logits: bool = False

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return categorical_crossentropy(y_true, y_pred, self.from_logits)

    def on_logits(self, activation: activations.Activation) -> Loss | None:
        fused = not self.from_logits and activation is activations.softmax
        return CategoricalCrossentropy(from_logits=True) if fused else None


@dataclasses.dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """Cross-entropy of yes and no; see `binary_crossentropy`."""

    targets: ClassVar[Targets] = "probabilities"
    from_logits: bool = False

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return binary_crossentropy(y_true, y_pred, self.from_logits)

    def on_logits(self, activation: activations.Activation) -> Loss | None:
        fused = not self.from_logits and activation is activations.sigmoid
        return BinaryCrossentropy(from_logits=True) if fused else None


@dataclasses.dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Squared error; see `mean_squared_error`."""

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return mean_squared_error(y_true, y_pred)


@dataclasses.dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """Absolute error; see `mean_absolute_error`."""

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return mean_absolute_error(y_true, y_pred)


@dataclasses.dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss; see `huber`."""

    delta: float = 1.0

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return huber(y_true, y_pred, self.delta)


@dataclasses.dataclass(frozen=True)
class FunctionLoss(Loss):
    """A user's own ``(y_true, y_pred) -> per-example loss``."""

    targets: ClassVar[Targets] = "anything"
    function: LossFunction

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return self.function(y_true, y_pred)


LOSSES: dict[str, Loss] = {
    "bce": BinaryCrossentropy(),
    "binary_crossentropy": BinaryCrossentropy(),
    "categorical_crossentropy": CategoricalCrossentropy(),
    "huber": Huber(),
    "mae": MeanAbsoluteError(),
    "mean_absolute_error": MeanAbsoluteError(),
    "mean_squared_error": MeanSquaredError(),
    "mse": MeanSquaredError(),
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy(),
}


def get(loss: str | Loss | LossFunction) -> Loss:
    """Return the loss behind a Keras name, a class, one of our functions or a callable.

    Raises:
        UnknownNameError: no loss has this name.
        ArgumentError: none of these.

    >>> get("mse")
    MeanSquaredError()
    >>> get(sparse_categorical_crossentropy)
    SparseCategoricalCrossentropy(from_logits=False)
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        return find(LOSSES, loss, "loss")
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    if callable(loss) and not isinstance(loss, type):
        # Our own functions are recognised, so that their targets are checked too.
        name = getattr(loss, "__name__", "")
        ours = globals().get(name) is loss
        return LOSSES[name] if ours else FunctionLoss(loss)
    raise ArgumentError(
        f"loss must be a name, a loss or a callable, not {loss!r}: "
        'write for example loss="sparse_categorical_crossentropy".'
    )

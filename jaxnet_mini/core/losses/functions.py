"""The losses as functions: one value per example, no mean over the batch.

Source: https://keras.io/api/losses/. Each takes ``y_true`` and ``y_pred``, arrays or
what NumPy makes arrays of, and works on the last axis: ``(batch, ..., units)`` gives
``(batch, ...)``. Where one of the two lacks a last axis of size 1, as in ``(batch,)``
against ``(batch, 1)``, it is added; nothing else is ever broadcast.

Probabilities are clipped to [1e-7, 1 - 1e-7], Keras's constant, before a logarithm.
All is computed in float32 at least, in which these are numbers other than 0 and 1.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.base.absent import calls
from jaxnet_mini.core.explained import explained
from jaxnet_mini.core.precision import widened
from jaxnet_mini.core.types import as_array, as_float
from jaxnet_mini.errors import ShapeError

EPSILON = 1e-7


def as_outputs(y_pred: Any) -> Array:
    """Return outputs as an array of one axis at least, floats in float32 at least.

    Raises:
        ShapeError: it is one number.
    """
    outputs: Array = widened(as_array("y_pred", y_pred))
    if not outputs.ndim:
        raise ShapeError("y_pred is one number, and must have an axis for the batch.")
    return outputs


def aligned(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Return both as arrays of one float dtype and one shape.

    Raises:
        ShapeError: they differ by more than a last axis of size 1.
    """
    y_pred = as_float(as_outputs(y_pred))
    y_true = as_array("y_true", y_true).astype(y_pred.dtype)
    if y_true.shape == (*y_pred.shape, 1):
        y_pred = y_pred[..., None]
    elif y_pred.shape == (*y_true.shape, 1):
        y_true = y_true[..., None]
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f"y_true has shape {y_true.shape} and y_pred has shape {y_pred.shape}: "
            "both must have the same shape, (batch, ..., units)."
        )
    return y_true, y_pred


def classes_of(y_true: Any, y_pred: Array) -> Array:
    """Return integer classes as ``int32``, without an axis of outputs.

    Raises:
        ShapeError: they have neither the shape of ``y_pred`` without its last axis nor
            the same with a last axis of size 1.
    """
    classes = as_array("y_true", y_true)
    if classes.shape == (*y_pred.shape[:-1], 1):
        classes = classes[..., 0]
    if classes.shape != y_pred.shape[:-1]:
        raise ShapeError(
            f"y_true has shape {classes.shape} and y_pred has shape {y_pred.shape}: "
            f"integer classes need shape {y_pred.shape[:-1]}."
        )
    return classes.astype(jnp.int32)


def _probability(values: Array) -> Array:
    return jnp.clip(values, EPSILON, 1.0 - EPSILON)


def _log_probabilities(y_pred: Array, from_logits: bool) -> Array:
    if from_logits:
        return jax.nn.log_softmax(y_pred)
    # Keras makes outputs sum to one before it clips them.
    return jnp.log(_probability(y_pred / jnp.sum(y_pred, axis=-1, keepdims=True)))


@explained("losses")
@calls.of("sparse_categorical_crossentropy", "losses")
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False
) -> Array:
    """Return ``-log p[y_true]``.

    Args:
        y_true: integer classes, ``(batch, ...)`` or ``(batch, ..., 1)``.
        y_pred: ``(batch, ..., classes)``, probabilities or, ``from_logits``, logits.
        from_logits: whether ``y_pred`` comes before the softmax.

    Returns:
        ``(batch, ...)``, without the axis of classes.
    """
    y_pred = as_float(as_outputs(y_pred))
    index = classes_of(y_true, y_pred)[..., None]
    log_probabilities = _log_probabilities(y_pred, from_logits)
    return -_own(log_probabilities, index)


@jax.custom_jvp
def _own(values: Array, index: Array) -> Array:
    """Return the value of each row's own class; NaN where there is no such class."""
    own: Array = jax.lax.platform_dependent(
        values, index, cuda=_own_by_place, default=_own_by_gathering
    )
    return own


@_own.defjvp
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    # Linear in the values, by place: the gradient of a gather is a scatter, which is
    # five small programs of a processor, or two launches of a GPU, where this is none.
    return _own(*primals), _masked(tangents[0], primals[1])


def _own_by_gathering(values: Array, index: Array) -> Array:
    return jnp.take_along_axis(values, index, axis=-1)[..., 0]


def _own_by_place(values: Array, index: Array) -> Array:
    inside = (index >= 0) & (index < values.shape[-1])
    return jnp.where(inside[..., 0], _masked(values, index), jnp.nan)


def _masked(values: Array, index: Array) -> Array:
    places = jax.lax.broadcasted_iota(jnp.int32, values.shape, values.ndim - 1)
    return jnp.sum(jnp.where(places == index, values, 0.0), axis=-1)


@explained("losses")
@calls.of("categorical_crossentropy", "losses")
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Array:
    """Return ``-sum(y_true * log p)`` over the last axis.

    Args:
        y_true: one-hot or soft classes, of the shape of ``y_pred``.
        y_pred: ``(batch, ..., classes)``, probabilities or, ``from_logits``, logits.
        from_logits: whether ``y_pred`` comes before the softmax.
        label_smoothing: the share of ``y_true`` that is spread evenly over all
            classes, in [0, 1] (Szegedy et al. 2016).

    Returns:
        ``(batch, ...)``, without the axis of classes.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    if label_smoothing:
        classes = y_true.shape[-1]
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / classes
    return -jnp.sum(y_true * _log_probabilities(y_pred, from_logits), axis=-1)


@explained("losses")
@calls.of("binary_crossentropy", "losses")
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Array:
    """Return ``-y log p - (1 - y) log(1 - p)``, averaged over the last axis.

    Args:
        y_true: 0, 1 or between, of the shape of ``y_pred``.
        y_pred: probabilities, or logits with ``from_logits``: ``(batch, ..., units)``.
        from_logits: whether ``y_pred`` comes before the sigmoid.
        label_smoothing: how far targets are moved towards 1/2, in [0, 1].

    Returns:
        ``(batch, ...)``, without the last axis.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        return jnp.mean(optax.losses.sigmoid_binary_cross_entropy(y_pred, y_true), -1)
    p = _probability(y_pred)
    values = y_true * jnp.log(p) + (1.0 - y_true) * jnp.log(1.0 - p)
    return -jnp.mean(values, axis=-1)


def kl_divergence(y_true: Any, y_pred: Any) -> Array:
    """Return ``sum(y_true * log(y_true / y_pred))`` over the last axis.

    Both are probabilities, clipped to [1e-7, 1] (Kullback & Leibler 1951).
    """
    y_true, y_pred = (jnp.clip(p, EPSILON, 1.0) for p in aligned(y_true, y_pred))
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Array:
    """Return ``y_pred - y_true * log(y_pred)``, averaged over the last axis.

    The negative log-likelihood of counts ``y_true`` at rates ``y_pred``, but for a term
    without ``y_pred``.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + EPSILON), axis=-1)


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """Return ``(y_true - y_pred)**2``, averaged over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """Return ``|y_true - y_pred|``, averaged over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Array:
    """Return ``100 |y_true - y_pred| / |y_true|``, averaged over the last axis.

    The divisor is at least 1e-7.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    share = jnp.abs(y_true - y_pred) / jnp.maximum(jnp.abs(y_true), EPSILON)
    return 100.0 * jnp.mean(share, axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Array:
    """Return ``(log(1 + y_true) - log(1 + y_pred))**2``, averaged over the last axis.

    Values below 1e-7 count as 1e-7.
    """
    logs = [jnp.log1p(jnp.maximum(y, EPSILON)) for y in aligned(y_true, y_pred)]
    return jnp.mean(jnp.square(logs[0] - logs[1]), axis=-1)


@explained("losses")
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Array:
    """Return Huber's loss, averaged over the last axis.

    Half the squared error up to ``delta``, linear beyond (Huber 1964).

    Args:
        y_true: targets, of the shape of ``y_pred``.
        y_pred: ``(batch, ..., units)``.
        delta: where the square ends.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.mean(optax.losses.huber_loss(y_pred, y_true, delta=delta), -1)


def log_cosh(y_true: Any, y_pred: Any) -> Array:
    """Return ``log(cosh(y_pred - y_true))``, averaged over the last axis.

    About half the squared error where it is small, and the absolute error less log 2
    where it is large.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    # Written so that cosh does not overflow.
    values = error + jax.nn.softplus(-2.0 * error) - math.log(2.0)
    return jnp.mean(values, axis=-1)


def _short_of_1(y_true: Any, y_pred: Any) -> Array:
    y_true, y_pred = aligned(y_true, y_pred)
    # One element at a time, so that a value does not hang on what else is in the batch.
    signs = jnp.where(y_true == 0.0, -1.0, y_true)
    return jnp.maximum(1.0 - signs * y_pred, 0.0)


def hinge(y_true: Any, y_pred: Any) -> Array:
    """Return ``max(0, 1 - y_true * y_pred)``, averaged over the last axis.

    ``y_true`` is -1 or 1; 0 counts as -1.
    """
    return jnp.mean(_short_of_1(y_true, y_pred), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Array:
    """Return ``max(0, 1 - y_true * y_pred)**2``, averaged over the last axis.

    ``y_true`` is -1 or 1; 0 counts as -1.
    """
    return jnp.mean(jnp.square(_short_of_1(y_true, y_pred)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Array:
    """Return ``max(0, 1 + wrong - right)``, where ``y_true`` is one-hot.

    ``right`` is the output of the true class, ``wrong`` the largest of the others.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    right = jnp.sum(y_true * y_pred, axis=-1)
    wrong = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return jnp.maximum(1.0 + wrong - right, 0.0)


@calls.of("cosine_similarity", "losses")
def cosine_similarity(y_true: Any, y_pred: Any) -> Array:
    """Return minus the cosine of the angle between both, along the last axis.

    -1 where they point the same way, 1 where they point opposite ways, 0 where one of
    them is 0.
    """

    def unit(x: Array) -> Array:
        squares = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
        return x * jax.lax.rsqrt(jnp.maximum(squares, EPSILON**2))

    y_true, y_pred = aligned(y_true, y_pred)
    return -jnp.sum(unit(y_true) * unit(y_pred), axis=-1)

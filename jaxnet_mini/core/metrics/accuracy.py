"""Accuracies: how often the answer is right."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.absent import calls
from jaxnet_mini.core.explained import explained
from jaxnet_mini.core.fields import Number, Positive
from jaxnet_mini.core.losses.base import OfFunction
from jaxnet_mini.core.losses.functions import aligned, as_outputs, classes_of
from jaxnet_mini.core.metrics.means import FunctionMean, _OfFunction
from jaxnet_mini.core.types import as_array, as_float


def _equality(y_true: Any, y_pred: Any) -> Array:
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.equal(y_true, y_pred).astype(jnp.float32)


@explained("metrics")
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """Return 1 where an output is on the right side of ``threshold``, else 0.

    Args:
        y_true: 0 or 1, of the shape of ``y_pred``.
        y_pred: ``(batch, ..., units)``.
        threshold: above it an output says yes.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    right: Array = y_true == (y_pred > threshold).astype(y_pred.dtype)
    return right.astype(jnp.float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 where the largest output is the largest target, else 0."""
    y_true, y_pred = aligned(y_true, y_pred)
    right = jnp.argmax(y_true, axis=-1) == jnp.argmax(y_pred, axis=-1)
    return right.astype(jnp.float32)


@explained("metrics")
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 where the largest output is that of the integer class, else 0."""
    y_pred = as_outputs(y_pred)
    answer = jnp.argmax(y_pred, axis=-1).astype(jnp.int32)
    return (classes_of(y_true, y_pred) == answer).astype(jnp.float32)


@explained("metrics")
@calls.of("sparse_top_k_categorical_accuracy", "metrics")
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Return 1 where fewer than ``k`` outputs exceed that of the class, else 0.

    Args:
        y_true: integer classes, ``(batch, ...)`` or ``(batch, ..., 1)``.
        y_pred: ``(batch, ..., classes)``.
        k: how many outputs the class may be among.
    """
    y_pred = as_float(as_outputs(y_pred))
    index = classes_of(y_true, y_pred)[..., None]
    own = jnp.take_along_axis(y_pred, index, axis=-1)
    # Nothing exceeds NaN, and yet it is not the largest.
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    return (jnp.sum((y_pred > own), axis=-1) < k).astype(jnp.float32)


@explained("metrics")
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Return the same for one-hot targets.

    Args:
        y_true: one-hot classes, of the shape of ``y_pred``.
        y_pred: ``(batch, ..., classes)``.
        k: how many outputs the class may be among.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    classes = jnp.argmax(y_true, axis=-1)
    return sparse_top_k_categorical_accuracy(classes, y_pred, k)


def accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return the accuracy that the shapes call for, as Keras resolves the bare word.

    Binary for a single output, sparse where targets are integer classes, else that of
    one-hot targets.
    """
    y_true, y_pred = as_array("y_true", y_true), as_array("y_pred", y_pred)
    if y_pred.shape[-1:] == (1,):
        return binary_accuracy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1:] == (1,):
        return sparse_categorical_accuracy(y_true, y_pred)
    return categorical_accuracy(y_true, y_pred)


class Accuracy(_OfFunction):
    """The share of values that equal their targets exactly.

    For outputs that are classes already. Probabilities have accuracies of their own,
    and the name ``"accuracy"`` chooses among these by the shapes.

    Args:
        name: in the logs; by default the class in snake case.

    >>> float(Accuracy()(jnp.array([1, 2, 3, 4]), jnp.array([0, 2, 3, 4])))
    0.75
    """

    function = staticmethod(_equality)


@dataclasses.dataclass(frozen=True, repr=False)
class BinaryAccuracy(_OfFunction):
    """The share of outputs on the right side of ``threshold``.

    Args:
        name: in the logs; by default the class in snake case.
        threshold: above it an output says yes.

    >>> float(BinaryAccuracy()(jnp.array([[0.0, 1.0]]), jnp.array([[0.6, 0.8]])))
    0.5
    """

    function = staticmethod(binary_accuracy)
    options = ("threshold",)

    _: dataclasses.KW_ONLY
    threshold: Number = 0.5


class CategoricalAccuracy(_OfFunction):
    """The share of rows whose largest output is that of the one-hot class.

    Args:
        name: in the logs; by default the class in snake case.

    >>> float(CategoricalAccuracy()(jnp.array([[0.0, 1.0]]), jnp.array([[0.6, 0.8]])))
    1.0
    """

    function = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(_OfFunction):
    """The share of rows whose largest output is that of the integer class.

    Args:
        name: in the logs; by default the class in snake case.

    >>> float(SparseCategoricalAccuracy()(jnp.array([1]), jnp.array([[0.6, 0.8]])))
    1.0
    """

    function = staticmethod(sparse_categorical_accuracy)


@dataclasses.dataclass(frozen=True, repr=False)
class _AmongTheLargest(OfFunction, FunctionMean):
    """What those share that look at the ``k`` largest outputs."""

    options = ("k",)

    k: Positive = 5
    name: str = ""


class TopKCategoricalAccuracy(_AmongTheLargest):
    """The share of rows whose one-hot class is among the ``k`` largest outputs.

    Args:
        k: how many outputs.
        name: in the logs; by default the class in snake case.

    >>> metric = TopKCategoricalAccuracy(k=1)
    >>> float(metric(jnp.array([[0.0, 1.0]]), jnp.array([[0.6, 0.8]])))
    1.0
    """

    function = staticmethod(top_k_categorical_accuracy)


class SparseTopKCategoricalAccuracy(_AmongTheLargest):
    """The share of rows whose integer class is among the ``k`` largest outputs.

    Args:
        k: how many outputs.
        name: in the logs; by default the class in snake case.

    >>> metric = SparseTopKCategoricalAccuracy(k=1)
    >>> float(metric(jnp.array([1]), jnp.array([[0.6, 0.8]])))
    1.0
    """

    function = staticmethod(sparse_top_k_categorical_accuracy)

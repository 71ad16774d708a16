"""Losses as metrics: the mean of a loss over all rows, whatever is trained on."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp  # noqa: F401  (for the examples)
from jax import Array

from jaxnet_mini.core.fields import Flag
from jaxnet_mini.core.losses import functions
from jaxnet_mini.core.losses.classes import Smoothing
from jaxnet_mini.core.metrics.base import Totals
from jaxnet_mini.core.metrics.means import _OfFunction
from jaxnet_mini.core.types import as_array


def crossentropy(y_true: Any, y_pred: Any) -> Array:
    """Return the cross-entropy that the shapes call for, of probabilities.

    Binary for a single output, sparse where targets are integer classes, else that of
    one-hot targets.
    """
    y_true, y_pred = as_array("y_true", y_true), as_array("y_pred", y_pred)
    if y_pred.shape[-1:] == (1,):
        return functions.binary_crossentropy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1:] == (1,):
        return functions.sparse_categorical_crossentropy(y_true, y_pred)
    return functions.categorical_crossentropy(y_true, y_pred)


@dataclasses.dataclass(frozen=True, repr=False)
class _OfLogits(_OfFunction):
    """What those share that take logits as well."""

    options: ClassVar[tuple[str, ...]] = ("from_logits",)

    _: dataclasses.KW_ONLY
    from_logits: Flag = False


@dataclasses.dataclass(frozen=True, repr=False)
class _Smoothed(_OfLogits):
    """What those share whose targets are probabilities."""

    options = "from_logits", "label_smoothing"

    _: dataclasses.KW_ONLY
    label_smoothing: Smoothing = 0.0


class BinaryCrossentropy(_Smoothed):
    """The mean of `jaxnet_mini.losses.binary_crossentropy`.

    Args:
        name: in the logs; by default the class in snake case.
        from_logits: whether outputs are logits.
        label_smoothing: how far targets are moved towards the same value for all, in
            [0, 1].

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(BinaryCrossentropy()(y_true, y_pred)), 4)
    0.2877
    """

    short = "bce"
    function = staticmethod(functions.binary_crossentropy)


class CategoricalCrossentropy(_Smoothed):
    """The mean of `jaxnet_mini.losses.categorical_crossentropy`.

    Args:
        name: in the logs; by default the class in snake case.
        from_logits: whether outputs are logits.
        label_smoothing: how far targets are moved towards the same value for all, in
            [0, 1].

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(CategoricalCrossentropy()(y_true, y_pred)), 4)
    0.2877
    """

    function = staticmethod(functions.categorical_crossentropy)


class SparseCategoricalCrossentropy(_OfLogits):
    """The mean of `jaxnet_mini.losses.sparse_categorical_crossentropy`.

    Args:
        name: in the logs; by default the class in snake case.
        from_logits: whether outputs are logits.

    >>> y_true, y_pred = jnp.array([1]), jnp.array([[0.25, 0.75]])
    >>> round(float(SparseCategoricalCrossentropy()(y_true, y_pred)), 4)
    0.2877
    """

    function = staticmethod(functions.sparse_categorical_crossentropy)


class KLDivergence(_OfFunction):
    """The mean of `jaxnet_mini.losses.kl_divergence`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[0.25, 0.75]]), jnp.array([[0.5, 0.5]])
    >>> round(float(KLDivergence()(y_true, y_pred)), 4)
    0.1308
    """

    function = staticmethod(functions.kl_divergence)


class Poisson(_OfFunction):
    """The mean of `jaxnet_mini.losses.poisson`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(Poisson()(y_true, y_pred)), 4)
    0.8541
    """

    function = staticmethod(functions.poisson)


class MeanSquaredError(_OfFunction):
    """The mean of `jaxnet_mini.losses.mean_squared_error`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanSquaredError()(y_true, y_pred)), 4)
    0.125
    """

    short = "mse"
    function = staticmethod(functions.mean_squared_error)


class RootMeanSquaredError(_OfFunction):
    """The square root of the mean squared error over all rows.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(RootMeanSquaredError()(y_true, y_pred)), 4)
    0.3536
    """

    function = staticmethod(functions.mean_squared_error)

    def result(self, totals: Totals) -> Any:
        return super().result(totals) ** 0.5


class MeanAbsoluteError(_OfFunction):
    """The mean of `jaxnet_mini.losses.mean_absolute_error`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanAbsoluteError()(y_true, y_pred)), 4)
    0.25
    """

    short = "mae"
    function = staticmethod(functions.mean_absolute_error)


class MeanAbsolutePercentageError(_OfFunction):
    """The mean of `jaxnet_mini.losses.mean_absolute_percentage_error`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanAbsolutePercentageError()(y_true, y_pred)), 4)
    25.0
    """

    short = "mape"
    function = staticmethod(functions.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_OfFunction):
    """The mean of `jaxnet_mini.losses.mean_squared_logarithmic_error`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(MeanSquaredLogarithmicError()(y_true, y_pred)), 4)
    0.0249
    """

    short = "msle"
    function = staticmethod(functions.mean_squared_logarithmic_error)


@dataclasses.dataclass(frozen=True, repr=False)
class LogCoshError(_OfFunction):
    """The mean of `jaxnet_mini.losses.log_cosh`.

    Args:
        name: in the logs.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(LogCoshError()(y_true, y_pred)), 4)
    0.0601
    """

    name: str = "logcosh"
    function = staticmethod(functions.log_cosh)


class Hinge(_OfFunction):
    """The mean of `jaxnet_mini.losses.hinge`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[-1.0, 1.0]]), jnp.array([[0.5, 2.0]])
    >>> round(float(Hinge()(y_true, y_pred)), 4)
    0.75
    """

    function = staticmethod(functions.hinge)


class SquaredHinge(_OfFunction):
    """The mean of `jaxnet_mini.losses.squared_hinge`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[-1.0, 1.0]]), jnp.array([[0.5, 2.0]])
    >>> round(float(SquaredHinge()(y_true, y_pred)), 4)
    1.125
    """

    function = staticmethod(functions.squared_hinge)


class CategoricalHinge(_OfFunction):
    """The mean of `jaxnet_mini.losses.categorical_hinge`.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.25, 0.75]])
    >>> round(float(CategoricalHinge()(y_true, y_pred)), 4)
    0.5
    """

    function = staticmethod(functions.categorical_hinge)


class CosineSimilarity(_OfFunction):
    """The mean cosine of the angle between targets and outputs, 1 at best.

    The opposite sign of `jaxnet_mini.losses.cosine_similarity`, as in Keras.

    Args:
        name: in the logs; by default the class in snake case.

    >>> y_true, y_pred = jnp.array([[1.0, 2.0]]), jnp.array([[1.5, 2.0]])
    >>> round(float(CosineSimilarity()(y_true, y_pred)), 4)
    0.9839
    """

    function = staticmethod(functions.cosine_similarity)

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        return -super().per_example(y_true, y_pred)

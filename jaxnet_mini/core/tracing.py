"""A look at what code makes of shapes alone, before there are any numbers."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxnet_mini.base.places import asking_line
from jaxnet_mini.errors import TracingError

ASKED_FOR_VALUES = (
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)
"""What JAX says where code asks for the values of an array that has none yet."""


def eval_shape(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``jax.eval_shape(function, *arguments)``.

    Raises:
        TracingError: code of a user's asks for the values of an array; it says where.

    >>> def half(x):
    ...     return x / 2 if x.sum() > 0 else x
    >>> eval_shape(half, jax.numpy.ones(3))
    Traceback (most recent call last):
    jaxnet_mini.errors.TracingError: half (line 2 of <doctest \
jaxnet_mini.core.tracing.eval_shape[0]>: return x / 2 if x.sum() > 0 else x) asks for \
values of an array, and while a program is made there are shapes alone: choose by \
ops.where or ops.cond instead of if, compute with ops instead of NumPy, and look at \
numbers with jax.debug.print.
    """
    try:
        return jax.eval_shape(function, *arguments)
    except ASKED_FOR_VALUES as error:
        line = asking_line(error, jax, np)
        if line is None:
            raise
        raise TracingError(
            f"{line} asks for values of an array, and while a program is made there "
            "are shapes alone: choose by ops.where or ops.cond instead of if, compute "
            "with ops instead of NumPy, and look at numbers with jax.debug.print."
        ) from error

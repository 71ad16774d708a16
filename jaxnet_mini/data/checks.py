"""Checks of what comes in, on the host and before anything is compiled.

JAX itself would let most of these mistakes pass: labels out of range, shapes that
broadcast, integers that wrap. Each message names the argument, what was expected, what
came and what to do.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import as_integer, is_number
from jaxnet_mini.core.losses import Loss
from jaxnet_mini.core.training.state import length
from jaxnet_mini.core.types import Shape
from jaxnet_mini.data.arrays import (
    as_array,
    check_rows,
    in_code,
    position,
    without_list,
)
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError

NAMES = ("x", "y", "sample_weight")
"""What messages call the three arrays of `Examples`."""


class Examples(NamedTuple):
    """Checked inputs, targets and weights on the host; one row per example.

    Each is an array, or several arrays in a dictionary by the names of inputs or
    outputs; no weights are None.
    """

    x: Any
    y: Any
    weight: Any

    @property
    def length(self) -> int:
        """How many there are."""
        return length(self.x)

    def rows(self, first: int, last: int | None = None) -> "Examples":
        """Return the examples ``first`` to ``last - 1``, as views."""
        part: Examples = jax.tree.map(lambda array: array[first:last], self)
        return part

    def named(self) -> list[tuple[str, NDArray[Any]]]:
        """Return all arrays, each with what a message calls it: ``x['wide']``."""
        return [
            (f"{name}{jax.tree_util.keystr(path)}", array)
            for name, tree in zip(NAMES, self, strict=True)
            for path, array in jax.tree_util.tree_leaves_with_path(tree)
        ]

    def mapped(self, function: Callable[[str, NDArray[Any]], Any]) -> "Examples":
        """Return what a function makes of the name and the array of each."""

        def part(name: str, tree: Any) -> Any:
            if tree is None or isinstance(tree, np.ndarray):  # quickly: most are
                return None if tree is None else function(name, tree)
            return jax.tree_util.tree_map_with_path(
                lambda path, array: function(name + jax.tree_util.keystr(path), array),
                tree,
            )

        return Examples(*map(part, NAMES, self))


def copied(examples: Examples) -> Examples:
    """Return the examples in memory of their own."""
    return examples.mapped(lambda _, array: np.array(array))


def as_targets(
    value: Any,
    loss: Loss | None,
    output_shape: Shape,
    argument: str = "y",
    rows: int | None = None,
) -> NDArray[Any]:
    """Return targets that fit the loss and the outputs; classes as ``int32``.

    Raises:
        ShapeError: their shape is not that of the outputs (without its last axis for
            integer classes).
        DataError: there are not as many ``rows``, a class is no integer or out of
            range, a probability outside [0, 1].
    """
    value = without_list(value, rows)
    array = as_array(value, argument)
    if rows is not None:
        validation = "validation " if argument.startswith("validation ") else ""
        check_rows(rows, array, argument, f"{validation}x")
    wanted = "anything" if loss is None else loss.targets
    if wanted == "classes":
        return _as_classes(array, output_shape, argument)
    # (rows,) stands for (rows, 1), as in Keras. It is reshaped here, once and exactly:
    # left to broadcasting, the two would make a table of (rows, rows).
    if (*array.shape[1:], 1) == output_shape:
        array = array[..., None]
    elif array.shape[1:] == (*output_shape, 1):
        array = array[..., 0]
    if wanted == "anything":
        return array
    if array.shape[1:] != output_shape:
        raise _shape_error(array, output_shape, argument, in_code(value, argument))
    if wanted == "probabilities":
        bad = ~((array >= 0) & (array <= 1))
        if bad.any():
            where, bad_value = position(array, bad)
            raise DataError(
                f"{argument} holds {bad_value} at {where}, and {type(loss).__name__} "
                "expects targets from 0 to 1: use 0 and 1 for the two classes."
            )
    return array


def _shape_error(
    array: NDArray[Any], output_shape: Shape, argument: str, own: str
) -> ShapeError:
    rows = array.shape[0]
    expected = (rows, *output_shape)
    advice = "change the last layer's units, or the loss."
    if array.size == math.prod(expected):
        advice = f"use {own}.reshape{expected}."
    elif array.ndim == 1:
        advice = (
            "for integer classes use loss='sparse_categorical_crossentropy', for "
            "values let the last layer have one unit."
        )
    return ShapeError(
        f"{argument} has shape {array.shape} and the outputs have shape {expected}, "
        f"which would not match row by row: {advice}"
    )


def _as_classes(
    array: NDArray[Any], output_shape: Shape, argument: str
) -> NDArray[Any]:
    classes = output_shape[-1] if output_shape else 0
    expected = output_shape[:-1]
    if array.shape[1:] not in (expected, (*expected, 1)):
        advice = "change the layers or the targets so that the shapes agree."
        if array.shape[1:] == output_shape:
            advice = "for one-hot targets use loss='categorical_crossentropy'."
        elif output_shape[1:] and not array.shape[1:]:
            advice = "the outputs have several axes: add Flatten() before Dense."
        raise ShapeError(
            f"{argument} has shape {array.shape} and the outputs have shape "
            f"{(array.shape[0], *output_shape)}: integer classes need shape "
            f"{(array.shape[0], *expected)}; {advice}"
        )
    if array.dtype.kind not in "biu":
        bad = ~np.isfinite(array) | (array != np.floor(array))
        if bad.any():
            where, value = position(array, bad)
            raise DataError(
                f"{argument} holds {value} at {where}, and classes are integers: "
                "use whole numbers, or a loss for values such as "
                "'mean_squared_error'."
            )
    low, high = array.min(), array.max()
    if low < 0 or high >= classes:
        where, value = position(array, (array < 0) | (array >= classes))
        raise DataError(
            f"{argument} holds the class {value} at {where}, and the network has "
            f"{classes} outputs, for classes 0 to {classes - 1}: "
            + (
                "number the classes from 0."
                if value < 0
                else f"give the last layer at least {int(high) + 1} units."
            )
        )
    return array.astype(np.int32)


def as_weights(value: Any, rows: int, argument: str = "sample_weight") -> NDArray[Any]:
    """Return weights of shape ``(rows,)``, also of a column of them, as Keras does.

    Raises:
        ShapeError: their shape is another.
        DataError: no numbers.
    """
    if is_number(value):
        raise DataError(
            f"{argument} is a single number: give one for each example, for example "
            f"np.full({rows}, {value})."
        )
    array = as_array(value, argument)
    if array.shape == (rows, 1):
        array = array[:, 0]
    if array.shape != (rows,):
        advice = f"give it the shape ({rows},)."
        if array.size == rows:
            advice = f"use {in_code(value, argument)}.reshape({rows})."
        raise ShapeError(
            f"{argument} has shape {array.shape}, and one number per example is "
            f"expected, shape ({rows},): {advice}"
        )
    return array.astype(np.float64)


def class_weights(
    targets: NDArray[Any], weights: Mapping[int, float], output_shape: Shape
) -> NDArray[Any]:
    """Return one weight per example from a weight per class; 1 for classes not named.

    One-hot targets count as the class of their largest value.

    Raises:
        ArgumentError: a class or a weight is none.
    """
    if hasattr(weights, "to_dict"):  # a Series, whose index are the classes
        weights = weights.to_dict()
    if not isinstance(weights, Mapping):
        advice = "dict(enumerate(class_weight)) for weights in the order of the classes"
        if isinstance(weights, str):
            advice = "dict(enumerate(len(y) / np.bincount(y))) for balance"
        raise ArgumentError(
            "class_weight maps classes to numbers, such as {0: 1.0, 1: 2.5}, and a "
            f"{type(weights).__name__} was given: write {advice}."
        )
    classes = targets
    if targets.ndim > 1:
        single = targets.shape[-1] == 1
        classes = targets[..., 0] if single else np.argmax(targets, axis=-1)
    if classes.ndim != 1:
        raise ArgumentError(
            "class_weight needs one class per example, and y has shape "
            f"{targets.shape}: give sample_weight instead."
        )
    outputs = max(2, *output_shape[-1:])
    bad = ~((classes > -0.5) & (classes < outputs - 0.5))
    if bad.any():
        where, value = position(classes, bad)
        raise ArgumentError(
            f"class_weight needs targets that are classes 0 to {outputs - 1}, and y "
            f"holds {value} at {where}: give sample_weight instead."
        )
    table = np.ones(outputs)
    for key, weight in weights.items():
        number = _class_number(key, weights, outputs)
        if not is_number(weight) or not math.isfinite(weight):
            raise ArgumentError(
                f"class_weight gives class {key!r} the weight {weight!r}, and a finite "
                "number is expected: write for example {0: 1.0, 1: 2.5}."
            )
        table[number] = weight
    chosen: NDArray[Any] = table[np.round(classes).astype(np.int64)]
    return chosen


def _class_number(key: Any, weights: Mapping[Any, Any], outputs: int) -> int:
    """Return the number of a class that ``class_weight`` names.

    Raises:
        ArgumentError: it is none of the outputs.
    """
    # The classes of yes and no may be named by these.
    number = as_integer(int(key) if isinstance(key, bool | np.bool_) else key)
    if number is not None and 0 <= number < outputs:
        return number
    advice = "drop it, or give the last layer more units."
    if isinstance(key, str):
        advice = "number the classes as y does, such as {0: 1.0, 1: 2.5}."
        if all(isinstance(k, str) and k.isdecimal() for k in weights):
            advice = "use {int(k): w for k, w in class_weight.items()}."
    raise ArgumentError(
        f"class_weight names the class {key!r}, and the classes are the integers 0 to "
        f"{outputs - 1}: {advice}"
    )


def examples(
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    loss: Loss,
    output_shape: Shape,
    *,
    prefix: str = "",
) -> Examples:
    """Return inputs, targets and weights that fit each other, the loss and the outputs.

    Raises:
        DataError, ShapeError: they do not.
        ArgumentError: both kinds of weights are given.
    """
    rows = length(x)
    targets = as_targets(y, loss, output_shape, f"{prefix}y", rows)
    weight = None
    if sample_weight is not None and class_weight is not None:
        raise ArgumentError(
            "sample_weight and class_weight are both given, and one is expected: "
            "multiply the weights by class into sample_weight."
        )
    if sample_weight is not None:
        weight = as_weights(sample_weight, rows, f"{prefix}sample_weight")
    elif class_weight is not None:
        weight = class_weights(targets, class_weight, output_shape)
    return Examples(x, targets, weight)


def as_triple(value: Any, argument: str) -> tuple[Any, Any, Any]:
    """Return ``(x, y)`` or ``(x, y, sample_weight)`` as three.

    Raises:
        ArgumentError: something else.
    """
    if not isinstance(value, tuple | list) or len(value) not in (2, 3):
        came = type(value).__name__
        if isinstance(value, tuple | list):
            came += f" of {len(value)}"
        raise ArgumentError(
            f"{argument} must be (x, y) or (x, y, sample_weight), not a {came}: "
            "put the arrays into one tuple."
        )
    x, y, *weight = value
    return x, y, weight[0] if weight else None


def inputs_of(value: Any, argument: str) -> tuple[Any, Any, Any]:
    """Return the inputs of a batch, alone or first in a tuple, as a triple.

    Raises:
        ArgumentError: the tuple is longer than one of weights too.
    """
    if isinstance(value, tuple | list) and len(value) > 1:
        return as_triple(value, argument)
    return value[0] if isinstance(value, tuple | list) and value else value, None, None

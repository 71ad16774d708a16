"""Weights by name: paths such as ``dense/kernel`` for the leaves of the parameters.

Weights that come in, from memory or from a file, may be floats of another width
(float16, bfloat16, float32, float64) and are cast to that of the model; a number that
is not finite afterwards is an error. Integers are cast too where they are given as
arrays; in a file they are quantized weights, and refused.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.types import Variables, is_numeric
from jaxnet_mini.errors import DataError, ShapeError, shortened

FLOATS = {"float16", "bfloat16", "float32", "float64"}

MOST_LETTERS = 200
"""Of a path that a message names; that in a file may have millions."""


def shapes(outline: Iterable[LayerOutline]) -> dict[str, jax.ShapeDtypeStruct]:
    """Return shape and dtype of every weight, in order of the layers.

    Within a layer the order is the layer's own, kernel before bias, then what it
    remembers, and then the same of the layers within it, as in Keras; JAX sorts the
    keys of dictionaries.
    """
    found: dict[str, jax.ShapeDtypeStruct] = {}

    def walk(prefix: str, params: Any, state: Any) -> None:
        trees = [t if isinstance(t, dict) else {"": t} for t in (params, state)]
        for name, value in (item for tree in trees for item in tree.items()):
            if not isinstance(value, dict):
                path = f"{prefix}/{name}" if name else prefix
                leaves = by_path(value)
                found.update({f"{path}/{p}" if p else path: leaves[p] for p in leaves})
        for name in dict.fromkeys(name for tree in trees for name in tree):
            own = [tree.get(name, {}) for tree in trees]
            if all(isinstance(value, dict) for value in own):
                walk(f"{prefix}/{name}", *own)

    for part in outline:
        walk(part.name, part.params, part.state)
    return found


def of(variables: Variables) -> dict[str, Any]:
    """Return the parameters and what is remembered, by their paths."""
    return by_path(variables.params) | by_path(variables.state)


def unflattened(like: Variables, values: Mapping[str, Any]) -> Variables:
    """Return what `of` took apart, put together as ``like`` is."""
    trees = (
        jax.tree.unflatten(jax.tree.structure(tree), [values[p] for p in by_path(tree)])
        for tree in like
    )
    return Variables(*trees)


def castable(there: np.dtype[Any], here: np.dtype[Any]) -> bool:
    """Tell whether a weight in a file may have another dtype than the model's."""
    floats = {there.name, here.name} <= FLOATS
    # Nobody writes bytes in another order.
    return there == here or (floats and there.isnative)


def cast_to(path: str, expected: Any, value: Any) -> NDArray[Any]:
    """Return a copy of what a weight is to become, as NumPy's array of its dtype.

    Args:
        path: what a message calls the weight.
        expected: it, or what has its shape and dtype.
        value: numbers of its shape.

    Raises:
        ShapeError: its shape is another.
        DataError: it holds no real numbers, or one that the weight's dtype cannot hold.
    """
    if np.shape(value) != expected.shape:
        raise ShapeError(
            f"the weight {path!r} has shape {expected.shape} and was given "
            f"{np.shape(value)}: give arrays of the shapes and in the order of "
            "get_weights()."
        )
    given, dtype = np.asarray(value), np.dtype(expected.dtype)
    if given.dtype != dtype and not is_numeric(given.dtype):
        raise DataError(
            f"the weight {path!r} is of {dtype} and was given {given.dtype}: give real "
            "numbers."
        )
    with np.errstate(all="ignore"):
        # A copy: on a CPU JAX may take an array over, and its owner may write into it.
        cast = np.array(given, dtype)
    if given.dtype != dtype:
        floats = dtype.name in FLOATS
        lost = np.isfinite(given) & ~np.isfinite(cast) if floats else cast != given
        if np.any(lost):
            raise DataError(
                f"the weight {path!r} is of {dtype} and was given {given[lost][0]}, "
                "which that cannot hold: give numbers in its range."
            )
    return cast


def check(
    expected: Mapping[str, jax.ShapeDtypeStruct],
    found: Mapping[str, Any],
    source: str,
    cast: bool = False,
) -> None:
    """Check that arrays are those of a model, by path, shape and dtype.

    Args:
        expected: what the model has.
        found: arrays, or what has shape and dtype in their place.
        source: where they come from, as the message calls it.
        cast: whether floats may be of another width, see `castable`.

    Raises:
        ShapeError: they differ; the message names the first differences.
    """
    differences = []
    for path in [*expected, *sorted(found.keys() - expected.keys())]:
        name = path if len(path) <= MOST_LETTERS else f"{path[:MOST_LETTERS]}..."
        if path not in found:
            differences.append(f"{name} is missing there")
        elif path not in expected:
            differences.append(f"{name} is there and not in the model")
        else:
            for what in ("shape", "dtype"):
                here, there = (getattr(of[path], what) for of in (expected, found))
                if what == "shape":
                    same = tuple(here) == tuple(there)
                else:
                    same = castable(there, here) if cast else here == there
                if not same:
                    differences.append(
                        f"{name} has {what} {there} there and {here} in the model"
                    )
    if not differences:
        return
    raise ShapeError(
        f"{source} does not fit the model, and nothing was changed: "
        f"{shortened(differences)}. Load it into a model of the same layers."
    )

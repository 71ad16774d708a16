"""The weights of a model, one array at a time, and how others take their place."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.core.networks import protocol, weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.types import Shape, Variables
from jaxnet_mini.data.contents import is_numeric
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError, short


@dataclasses.dataclass(frozen=True)
class Weight:
    """One array of a model's parameters and where it belongs."""

    path: str
    value: Array

    @property
    def name(self) -> str:
        """The last part of the path, such as ``kernel``."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def shape(self) -> Shape:
        """The array's shape."""
        return tuple(self.value.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's dtype."""
        return np.dtype(self.value.dtype)

    def numpy(self) -> NDArray[Any]:
        """Return a copy as a NumPy array."""
        return transfers.to_host(self.value).copy()

    def __repr__(self) -> str:
        return f"<Weight path={self.path}, shape={self.shape}, dtype={self.dtype}>"


def fitting(path: str, expected: jax.ShapeDtypeStruct, value: Any) -> Array:
    """Return ``value`` as an array on the device.

    Raises:
        ShapeError: its shape is another.
        DataError: it holds no real numbers, or one that the weight's dtype cannot hold.
    """
    if np.shape(value) != expected.shape:
        raise ShapeError(
            f"the weight {path!r} has shape {expected.shape} and was given "
            f"{np.shape(value)}: give arrays of the shapes and in the order of "
            "model.get_weights()."
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
        floats = dtype.name in weights.FLOATS
        lost = np.isfinite(given) & ~np.isfinite(cast) if floats else cast != given
        if np.any(lost):
            raise DataError(
                f"the weight {path!r} is of {dtype} and was given {given[lost][0]}, "
                "which that cannot hold: give numbers in its range."
            )
    placed: Array = jax.device_put(cast)
    return placed


def listed(
    outline: Sequence[LayerOutline],
    variables: Variables,
    trainable: bool | None = None,
) -> list[Weight]:
    """Return the weights, in order of the layers, a kernel before its bias.

    Args:
        outline: of the layers.
        variables: the weights of all of them.
        trainable: whether those that are trained, or those that are not; None for all.
    """
    values, trained = weights.of(variables), _trained(outline)
    return [
        Weight(path, values[path])
        for path in weights.shapes(outline)
        if trainable in (None, path in trained)
    ]


def _trained(outline: Sequence[LayerOutline]) -> set[str]:
    """Return the paths of the weights that are trained."""
    masks = {
        part.name: protocol.trainable_mask(part.layer, part.params) for part in outline
    }
    return {path for path, trained in by_path(masks).items() if trained}


def in_order(outline: Sequence[LayerOutline], arrays: Any) -> dict[str, Any]:
    """Return arrays that were given in the order of `listed` by their paths.

    Raises:
        ArgumentError: no list.
        ShapeError: another number of them.
    """
    if not isinstance(arrays, list | tuple):
        raise ArgumentError(
            "set_weights takes a list of arrays, as get_weights returns it, not "
            f"{short(arrays)}."
        )
    paths = list(weights.shapes(outline))
    if len(arrays) != len(paths):
        raise ShapeError(
            f"set_weights was given {len(arrays)} arrays and the model has "
            f"{len(paths)}: {', '.join(paths)}."
        )
    return dict(zip(paths, arrays, strict=True))


def of_tree(own: Any, given: Any, argument: str) -> dict[str, Any]:
    """Return the arrays of a tree of the structure of ``own`` by their paths.

    Args:
        own: what the model has.
        given: what it is to have.
        argument: what a message calls it.

    Raises:
        ShapeError: the structure is another.
    """
    structure: Any = jax.tree.structure(own)
    if structure != jax.tree.structure(given):
        raise ShapeError(
            f"{argument} must have the structure {structure}, not "
            f"{jax.tree.structure(given)}: start from model.{argument} and change "
            "values only."
        )
    return by_path(given)

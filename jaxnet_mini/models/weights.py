"""The weights of a model, one array at a time, and how others take their place."""

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
from jaxnet_mini.core.variables import ValueLike, plain
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, ShapeError, short


class Weight(ValueLike):
    """One array of a model's parameters, as it is whenever it is asked for.

    It stands for its value in what NumPy, ``jax.numpy`` and operators do; within
    ``jax.jit`` that value is a constant.

    Args:
        held: what the model holds.
        path: where it belongs there, such as ``dense/kernel``.
        like: its shape and dtype.
        trainable: whether training changes it.
    """

    def __init__(
        self, held: Any, path: str, like: jax.ShapeDtypeStruct, trainable: bool
    ) -> None:
        self._held, self.path, self.trainable = held, path, trainable
        self.shape: Shape = tuple(like.shape)
        self.dtype: np.dtype[Any] = np.dtype(like.dtype)

    @property
    def name(self) -> str:
        """The last part of the path, such as ``kernel``."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def value(self) -> Array:
        """The array."""
        array: Array = weights.of(self._held.untrained().variables)[self.path]
        return array

    def assign(self, value: Any) -> Array:
        """Put other numbers in its place, of the same shape; return them.

        Raises:
            ShapeError, DataError: it has another shape, or cannot be held.
        """
        self._held.replace({self.path: plain(value)})
        return self.value

    def constraint(self, value: Any) -> Array:
        """Return what the layer brings a value of this weight back to after an update.

        That is the value itself where there is no constraint.
        """
        params, _ = self._held.untrained().variables
        own = by_path(params) | {self.path: value}
        whole = weights.unflattened(Variables(params, {}), own).params
        after = by_path(protocol.constrain(self._held.blueprint.net, whole))
        array: Array = after.get(self.path, value)  # it may be what a layer remembers
        return array

    def numpy(self) -> NDArray[Any]:
        """Return a copy as a NumPy array."""
        return transfers.to_host(self.value).copy()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        return getattr(self.value, name)

    def __eq__(self, other: object) -> Any:  # element by element, as an array
        return self.value == plain(other)

    def __ne__(self, other: object) -> Any:
        return self.value != plain(other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        where = f"path={self.path}, shape={self.shape}, dtype={self.dtype}"
        return f"<Weight {where}, value={self.numpy()}>"


# So functions that JAX compiles take one, as the array that it stands for.
jax.tree_util.register_pytree_node(
    Weight, lambda weight: ((weight.value,), None), lambda _, values: values[0]
)


def placed(path: str, expected: jax.ShapeDtypeStruct, value: Any) -> Array:
    """Return ``value`` as an array on the device.

    Raises:
        ShapeError: its shape is another.
        DataError: it holds no real numbers, or one that the weight's dtype cannot hold.
    """
    array: Array = jax.device_put(weights.cast_to(path, expected, value))
    return array


def listed(
    held: Any,
    outline: Sequence[LayerOutline],
    trainable: bool | None = None,
    within: str = "",
) -> list[Weight]:
    """Return the weights, in order of the layers, a kernel before its bias.

    Args:
        held: what the model holds.
        outline: of the layers.
        trainable: whether those that are trained, or those that are not; None for all.
        within: what stands before the paths of these layers in the model.

    Raises:
        StateError: the input shape is not known.
    """
    held.blueprint.check_shape_known()
    trained = trained_paths(outline)
    return [
        Weight(held, within + path, like, path in trained)
        for path, like in weights.shapes(outline).items()
        if trainable in (None, path in trained)
    ]


def trained_paths(outline: Sequence[LayerOutline]) -> set[str]:
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

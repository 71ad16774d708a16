"""Layers that give each example another shape."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import as_integers
from jaxnet_mini.core.fields import Checked, Positive
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.types import Params, Shape
from jaxnet_mini.errors import ArgumentError, ShapeError


class Flatten(Base):
    """Join all axes of an example into one, in row-major order.

    Inputs ``(batch, ...)`` become ``(batch, size)``.

    Source: https://keras.io/api/layers/reshaping_layers/flatten/

    >>> import jax
    >>> Flatten().init(jax.random.key(0), (28, 28))
    ((784,), {})
    """

    def _output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, params: Params, x: Array) -> Array:
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def _check_target(argument: str, value: Any) -> Shape:
    sizes = as_integers(value) if isinstance(value, tuple | list) else None
    open_ends = [size for size in sizes or () if size < 1]
    if sizes is None or open_ends not in ([], [-1]):
        raise ArgumentError(
            f"{argument} must be a tuple of positive integers without the batch "
            f"axis, at most one of them -1, such as (7, -1), not {value!r}."
        )
    return sizes


@dataclass(frozen=True, repr=False)
class Reshape(Base):
    """Give each example another shape, in row-major order.

    Args:
        target_shape: the shape without the batch axis; one axis may be -1, and is then
            as long as the size of the inputs makes it.

    Raises:
        ArgumentError: ``target_shape`` is none.
        ShapeError: ``init`` and ``apply`` where an example does not fill that shape.

    Source: https://keras.io/api/layers/reshaping_layers/reshape/

    >>> import jax
    >>> Reshape((-1, 2)).init(jax.random.key(0), (4, 3))
    ((6, 2), {})
    """

    target_shape: Annotated[Shape, Checked(_check_target)]

    def forward(self, params: Params, x: Array) -> Array:
        return x.reshape(x.shape[0], *self._output_shape(x.shape[1:]))

    def _output_shape(self, input_shape: Shape) -> Shape:
        """Return the target with a number in the place of -1."""
        size = math.prod(input_shape)
        known = math.prod(axis for axis in self.target_shape if axis != -1)
        if size % known if -1 in self.target_shape else size != known:
            raise ShapeError(
                f"{self!r} got an example of shape {input_shape}, whose {size} values "
                "do not fill that shape: change target_shape."
            )
        return tuple(
            size // known if axis == -1 else axis for axis in self.target_shape
        )


def _check_dims(argument: str, value: Any) -> tuple[int, ...]:
    dims = as_integers(value) if isinstance(value, tuple | list) else None
    if dims is None or sorted(dims) != list(range(1, len(dims) + 1)):
        raise ArgumentError(
            f"{argument} must have each axis of an example once, counted from 1, such "
            f"as (2, 1), not {value!r}."
        )
    return dims


@dataclass(frozen=True, repr=False)
class Permute(Base):
    """Put the axes of each example in another order.

    Args:
        dims: for each axis of an output which of the input it is, counted from 1.

    Raises:
        ArgumentError: ``dims`` is no order of axes.
        ShapeError: ``init`` and ``apply`` for examples of another number of axes.

    Source: https://keras.io/api/layers/reshaping_layers/permute/

    >>> import jax
    >>> Permute((3, 1, 2)).init(jax.random.key(0), (4, 5, 6))
    ((6, 4, 5), {})
    """

    dims: Annotated[Shape, Checked(_check_dims)]

    def _output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.dims):
            raise ShapeError(
                f"{self!r} got an example of shape {input_shape}, which has "
                f"{len(input_shape)} axes: give dims as many."
            )
        return tuple(input_shape[axis - 1] for axis in self.dims)

    def forward(self, params: Params, x: Array) -> Array:
        self._output_shape(x.shape[1:])
        return jnp.transpose(x, (0, *self.dims))


@dataclass(frozen=True, repr=False)
class RepeatVector(Base):
    """Repeat each example: ``(batch, features)`` becomes ``(batch, n, features)``.

    Args:
        n: how often, a positive integer.

    Raises:
        ArgumentError: ``n`` is none.
        ShapeError: ``init`` and ``apply`` for examples of another number of axes than
            one.

    Source: https://keras.io/api/layers/reshaping_layers/repeat_vector/

    >>> RepeatVector(2).apply({}, jnp.array([[1, 2]]))
    Array([[[1, 2],
            [1, 2]]], dtype=int32)
    """

    n: Positive

    def _output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ShapeError(
                f"{self!r} repeats vectors and got an example of shape {input_shape}: "
                "put Flatten() before it."
            )
        return (self.n, *input_shape)

    def forward(self, params: Params, x: Array) -> Array:
        shape = self._output_shape(x.shape[1:])
        return jnp.broadcast_to(jnp.expand_dims(x, 1), (x.shape[0], *shape))

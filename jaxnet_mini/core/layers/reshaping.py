"""Layers that give each example another shape."""

import math
from dataclasses import dataclass, field
from typing import Any

from jax import Array

from jaxnet_mini.base.arguments import as_integer
from jaxnet_mini.core.fields import checked
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.types import Params, Shape
from jaxnet_mini.errors import ArgumentError, ShapeError


@dataclass(frozen=True, repr=False)
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
    given = value if isinstance(value, tuple | list) else (None,)
    sizes = tuple(size for size in map(as_integer, given) if size is not None)
    known = len(sizes) == len(given) and all(s > 0 or s == -1 for s in sizes)
    if not known or sizes.count(-1) > 1:
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

    target_shape: Shape = field(metadata=checked(_check_target))

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

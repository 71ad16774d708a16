"""Layers that make one of several inputs, which come as a tuple.

Inputs of fewer axes than others get axes of length 1 after that of the batch, and an
axis of length 1 goes with any other, as in Keras. Where dtypes differ, the widest is
that of the result.
"""

import abc
import functools
import operator
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import as_integer
from jaxnet_mini.core.fields import Checked, Flag, Newer
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.types import Params, Shape, as_alike
from jaxnet_mini.errors import ArgumentError, ShapeError, short


class _OfSeveral(Base, abc.ABC):
    """The base of layers that make one of several inputs."""

    takes: ClassVar[tuple[int, int | None]] = 1, None
    """How many inputs there are, at least and at most."""
    unfit: ClassVar[str]
    """What messages say of inputs whose shapes do not go together."""

    @abc.abstractmethod
    def merged(self, inputs: list[Array]) -> Array:
        """Return one array of several of one dtype."""

    def _output_shape(self, input_shape: Any) -> Shape:
        floats = jax.dtypes.canonicalize_dtype(float)
        batches = [jax.ShapeDtypeStruct((1, *shape), floats) for shape in input_shape]
        try:
            shape: Shape = jax.eval_shape(self.merged, batches).shape
        except ShapeError:
            raise
        except (TypeError, ValueError):
            shapes = ", ".join(str(tuple(shape)) for shape in input_shape)
            raise ShapeError(
                f"{self!r} got inputs of the shapes {shapes}, {self.unfit.format(self)}"
            ) from None
        return shape[1:]

    def forward(self, params: Params, x: Any) -> Array:
        self._check_batches(x)
        return self.merged(as_alike(x))

    def _check_batches(self, given: Any) -> None:
        """Check that each input is an array, of as many rows as the others."""
        self.check_number(given)
        shapes = [getattr(one, "shape", None) for one in given]
        if not all(shapes):
            raise ShapeError(
                f"{self!r} takes arrays with an axis for the batch and got "
                f"{short(given)}: give arrays alone, or inputs of a model alone."
            )
        if len({shape[0] for shape in shapes if shape} - {1}) > 1:
            listed = ", ".join(map(str, shapes))
            raise ShapeError(
                f"{self!r} got batches of the shapes {listed}: give each as many rows."
            )

    def check_number(self, given: Any) -> None:
        """Check that there are as many inputs, or shapes, as the layer takes."""
        inputs = given if isinstance(given, tuple | list) else None
        # Of one input alone the shape is a tuple of integers.
        if inputs is None or any(isinstance(entry, int) for entry in inputs):
            raise ShapeError(
                f"{self!r} makes one of several inputs and got one alone: give it a "
                "tuple of them, as in jn.graph({'sum': (jn.layers.Add(), ('a', 'b'))}, "
                "inputs=('a', 'b'))."
            )
        least, most = self.takes
        if not least <= len(inputs) <= (most or len(inputs)):
            wanted = f"exactly {least}" if least == most else f"at least {least}"
            raise ShapeError(f"{self!r} takes {wanted} inputs and got {len(inputs)}.")


class _Merge(_OfSeveral):
    """The base of layers that combine inputs element by element."""

    combine: ClassVar[Any]
    """What is done with two inputs, and with the result and the next one."""

    unfit = "which do not fit together: each axis must have one length, or 1."

    def merged(self, inputs: list[Array]) -> Array:
        rank = max(one.ndim for one in inputs)
        missing = (tuple(range(1, 1 + rank - one.ndim)) for one in inputs)
        expanded = map(jnp.expand_dims, inputs, missing)
        merged: Array = functools.reduce(type(self).combine, expanded)
        return merged


@dataclass(frozen=True, repr=False)
class Add(_Merge):
    """The sum of the inputs, element by element: ``x[0] + x[1] + ...``.

    Inputs: a tuple of arrays ``(batch, ...)`` whose shapes go together, see above.

    Args:
        broadcasts: False for inputs that must be of one shape.

    Raises:
        ShapeError: one array alone, or shapes that do not fit together.

    Source: https://keras.io/api/layers/merging_layers/add/

    >>> Add().apply({}, (jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 5.0]])))
    Array([[4., 7.]], dtype=float32)
    """

    _: KW_ONLY
    broadcasts: Newer[Flag] = True

    combine = operator.add

    def _output_shape(self, input_shape: Any) -> Shape:
        shapes = dict.fromkeys(map(tuple, input_shape))
        if len(shapes) > 1 and not self.broadcasts:
            raise ShapeError(
                f"inputs of the shapes {', '.join(map(str, shapes))} are added, which "
                "must be one: let the last of the layers give the shape that the first "
                "takes."
            )
        return super()._output_shape(input_shape)


class Subtract(_Merge):
    """The first input less the second: ``x[0] - x[1]``.

    Inputs: a tuple of two arrays ``(batch, ...)`` whose shapes go together.

    Raises:
        ShapeError: not two, or shapes that do not fit together.

    Source: https://keras.io/api/layers/merging_layers/subtract/

    >>> Subtract().apply({}, (jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 5.0]])))
    Array([[-2., -3.]], dtype=float32)
    """

    combine, takes = operator.sub, (2, 2)


class Multiply(_Merge):
    """The product of the inputs, element by element: ``x[0] * x[1] * ...``.

    Inputs: a tuple of arrays ``(batch, ...)`` whose shapes go together.

    Raises:
        ShapeError: one array alone, or shapes that do not fit together.

    Source: https://keras.io/api/layers/merging_layers/multiply/

    >>> Multiply().apply({}, (jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 5.0]])))
    Array([[ 3., 10.]], dtype=float32)
    """

    combine = operator.mul


class Average(_Merge):
    """The mean of the inputs, element by element: their sum, divided by their number.

    Inputs: a tuple of arrays ``(batch, ...)`` whose shapes go together.

    Raises:
        ShapeError: one array alone, or shapes that do not fit together.

    Source: https://keras.io/api/layers/merging_layers/average/

    >>> Average().apply({}, (jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 5.0]])))
    Array([[2. , 3.5]], dtype=float32)
    """

    combine = operator.add

    def merged(self, inputs: list[Array]) -> Array:
        return super().merged(inputs) / len(inputs)


class Maximum(_Merge):
    """The largest of the inputs, element by element.

    Inputs: a tuple of arrays ``(batch, ...)`` whose shapes go together.

    Raises:
        ShapeError: one array alone, or shapes that do not fit together.

    Source: https://keras.io/api/layers/merging_layers/maximum/

    >>> Maximum().apply({}, (jnp.array([[1.0, 6.0]]), jnp.array([[3.0, 5.0]])))
    Array([[3., 6.]], dtype=float32)
    """

    combine = jnp.maximum


class Minimum(_Merge):
    """The smallest of the inputs, element by element.

    Inputs: a tuple of arrays ``(batch, ...)`` whose shapes go together.

    Raises:
        ShapeError: one array alone, or shapes that do not fit together.

    Source: https://keras.io/api/layers/merging_layers/minimum/

    >>> Minimum().apply({}, (jnp.array([[1.0, 6.0]]), jnp.array([[3.0, 5.0]])))
    Array([[1., 5.]], dtype=float32)
    """

    combine = jnp.minimum


def _check_axis(argument: str, value: Any) -> int:
    number = as_integer(value)
    if number is None or number == 0:
        raise ArgumentError(
            f"{argument} must be an integer other than 0, which is the axis of the "
            f"batch, not {value!r}: -1 is the last axis, 1 the first of an example."
        )
    return number


def _place(layer: Any, argument: str, axis: int, rank: int) -> int:
    """Return an axis counted from 0 and with that of the batch.

    Args:
        layer: whose.
        argument: where it was given.
        axis: as it was given.
        rank: how many axes a batch has.
    """
    place = axis + rank if axis < 0 else axis
    if not 0 < place < rank:
        raise ShapeError(
            f"{layer!r}: {argument} is {axis}, and there are batches of {rank} axes: "
            f"give one from 1 to {rank - 1}, or from {1 - rank} to -1."
        )
    return place


@dataclass(frozen=True, repr=False)
class Concatenate(_OfSeveral):
    """The inputs, one after another along an axis.

    Inputs: a tuple of arrays ``(batch, ...)`` of equal shapes but for this axis.

    Args:
        axis: counted with that of the batch, which is 0 and cannot be meant.

    Raises:
        ArgumentError: ``axis`` is 0 or no integer.
        ShapeError: one array alone, shapes that do not fit together, or too few axes.

    Source: https://keras.io/api/layers/merging_layers/concatenate/

    >>> Concatenate().apply({}, (jnp.array([[1.0, 2.0]]), jnp.array([[3.0]])))
    Array([[1., 2., 3.]], dtype=float32)
    """

    axis: Annotated[int, Checked(_check_axis)] = -1

    unfit = "which differ elsewhere than in axis {0.axis}."

    def merged(self, inputs: list[Array]) -> Array:
        place = _place(self, "axis", self.axis, inputs[0].ndim)
        return jnp.concatenate(inputs, axis=place)


def _check_axes(argument: str, value: Any) -> int | tuple[int, int]:
    if isinstance(value, tuple | list) and len(value) == 2:
        first, second = (_check_axis(f"every entry of {argument}", v) for v in value)
        return first, second
    return _check_axis(argument, value)


@dataclass(frozen=True, repr=False)
class Dot(_OfSeveral):
    """The dot product of two inputs, example by example.

    Inputs: a tuple of two arrays ``(batch, ...)`` whose summed axes have one length.
    The outputs have the other axes of the first, then those of the second; of two
    inputs ``(batch, n)`` they are ``(batch, 1)``.

    Args:
        axes: which axis is summed over, of each input one or of both the same, counted
            with that of the batch.
        normalize: whether to divide the vectors along these axes by their length, so
            that the outputs are cosines; a vector of zeros stays as it is.

    Raises:
        ArgumentError: an axis is 0 or no integer.
        ShapeError: not two inputs, too few axes, or axes of different lengths.

    Source: https://keras.io/api/layers/merging_layers/dot/

    >>> Dot(axes=1).apply({}, (jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 5.0]])))
    Array([[13.]], dtype=float32)
    """

    axes: Annotated[int | tuple[int, int], Checked(_check_axes)]
    normalize: Flag = False
    takes = 2, 2
    unfit = "and the axes that are summed over must have one length."

    def merged(self, inputs: list[Array]) -> Array:
        first, second = inputs
        axes = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        places = [
            _place(self, "axes", axis, one.ndim)
            for axis, one in zip(axes, inputs, strict=True)
        ]
        if self.normalize:
            first, second = map(_unit, (first, second), places)
        summed = ((places[0],), (places[1],))
        y = jax.lax.dot_general(first, second, (summed, ((0,), (0,))))
        return y[:, None] if y.ndim == 1 else y


def _unit(x: Array, axis: int) -> Array:
    """Return vectors of length 1; those of zeros as they are."""
    squares = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    # The root has no derivative at 0, and so is never asked for it.
    length = jnp.sqrt(jnp.where(squares == 0.0, 1.0, squares))
    return x / length

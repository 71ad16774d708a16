"""Layers of categories: whole numbers from 0 on, as tables and texts have them.

Data that come to such a layer as they are given are checked before anything runs.
Within a program nothing can be checked: there an index outside of what a layer knows
gives NaN. (JAX itself would take the nearest or the last, or leave it out.)
"""

import math
from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import check_one_of
from jaxnet_mini.core import constraints, initializers, regularizers
from jaxnet_mini.core.fields import Checked, Newer, Positive
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.types import Params, RandomKey, Shape
from jaxnet_mini.errors import ShapeError


@dataclass(frozen=True, repr=False)
class Embedding(Base):
    """One row of a table for each index: vectors that are learned.

    Inputs ``(batch, ...)`` of whole numbers become ``(batch, ..., output_dim)``. Floats
    are cut to whole numbers, as in Keras. Indices below 0 or from ``input_dim`` on give
    NaN.

    Parameters: ``embeddings`` of shape ``(input_dim, output_dim)``.

    Args:
        input_dim: the number of categories, one more than the largest index.
        output_dim: the length of a vector.
        embeddings_initializer: a Keras name or a callable ``(key, shape) -> array``.
        embeddings_regularizer: a penalty on the table that is added to the loss: a
            Keras name, one of `jaxnet_mini.regularizers`, a callable, or None.
        activity_regularizer: likewise, on the outputs, divided by the number of rows.
        embeddings_constraint: what the table is brought back to after each update: a
            Keras name, one of `jaxnet_mini.constraints`, a callable, or None.

    Raises:
        ArgumentError: one is none of these, or a name is unknown.

    Source: https://keras.io/api/layers/core_layers/embedding/

    >>> layer = Embedding(5, 2)
    >>> output_shape, params = layer.init(jax.random.key(0), (3,))
    >>> output_shape, params["embeddings"].shape
    ((3, 2), (5, 2))
    >>> y = layer.apply(params, jnp.array([[4, 0, 5]]))
    >>> bool((y[0, 0] == params["embeddings"][4]).all()), bool(jnp.isnan(y[0, 2]).all())
    (True, True)
    """

    _casts = "outputs"  # an index is none of bfloat16's few whole numbers
    input_dim: Positive = field()  # of other layers it has a default
    output_dim: Positive
    embeddings_initializer: initializers.Named = "uniform"
    embeddings_regularizer: regularizers.Named = None
    _: KW_ONLY
    activity_regularizer: Newer[regularizers.Named] = None
    embeddings_constraint: Newer[constraints.Named] = None

    def __post_init__(self) -> None:
        # Of other layers it is short for an input_shape.
        super().__post_init__(None)

    @property
    def categories(self) -> int:
        """How many indices are known, from 0 on."""
        return self.input_dim

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        self.check(input_shape)
        table = self._initial("embeddings", key, (self.input_dim, self.output_dim))
        return (*input_shape, self.output_dim), {"embeddings": table}

    def forward(self, params: Params, x: Array) -> Array:
        table = params["embeddings"]
        index = _checked_index(x, table.shape[0])
        return jnp.take(table, index, axis=0, mode="fill", fill_value=math.nan)


def _checked_index(x: Array, count: int) -> Array:
    """Return indices, ``count`` in the place of those that are below 0."""
    index = x.astype(jnp.int32)
    return jnp.where(index < 0, count, index)


OUTPUT_MODES = ("multi_hot", "one_hot", "count")


@dataclass(frozen=True, repr=False)
class CategoryEncoding(Base):
    """Whole numbers from 0 on as vectors of zeros and ones, in floats.

    ``"one_hot"`` makes of each index a vector with 1 at its place: ``(batch, ...)``
    becomes ``(batch, ..., num_tokens)``, and a last axis of length 1 is left out.
    ``"multi_hot"`` makes one of all indices of the last axis, with 1 at the place of
    each, and ``"count"`` one that says how often each is there: ``(batch, ..., n)``
    becomes ``(batch, ..., num_tokens)``. Indices below 0 or from ``num_tokens`` on give
    vectors of NaN.

    Args:
        num_tokens: the number of categories, one more than the largest index.
        output_mode: ``"multi_hot"``, ``"one_hot"`` or ``"count"``.

    Raises:
        ArgumentError: one is none of these.
        ShapeError: ``init`` for examples without an axis, but for ``"one_hot"``.

    Source: https://keras.io/api/layers/preprocessing_layers/categorical/category_encoding/

    >>> CategoryEncoding(4).apply({}, jnp.array([[0, 2, 2], [1, 1, 1]]))
    Array([[1., 0., 1., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    >>> CategoryEncoding(3, "one_hot").apply({}, jnp.array([[2], [0]]))
    Array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """

    _casts = "outputs"  # an index is none of bfloat16's few whole numbers
    num_tokens: Positive
    output_mode: Annotated[str, Checked(check_one_of, names=OUTPUT_MODES)] = "multi_hot"

    @property
    def categories(self) -> int:
        """How many indices are known, from 0 on."""
        return self.num_tokens

    def _output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode != "one_hot" and not input_shape:
            raise ShapeError(
                f"{self!r} makes one vector of several indices and got scalars: "
                'reshape x to (rows, 1), or write output_mode="one_hot".'
            )
        whole = self.output_mode == "one_hot" and input_shape[-1:] != (1,)
        return (*(input_shape if whole else input_shape[:-1]), self.num_tokens)

    def forward(self, params: Params, x: Array) -> Array:
        shape = self._output_shape(x.shape[1:])
        index = _checked_index(x, self.num_tokens)
        floats = jax.dtypes.canonicalize_dtype(float)
        hot = jax.nn.one_hot(index, self.num_tokens, dtype=floats)
        outside = jnp.expand_dims(index >= self.num_tokens, -1)
        hot = jnp.where(outside, math.nan, hot)
        if self.output_mode != "one_hot":
            hot = jnp.sum(hot, axis=-2)
        if self.output_mode == "multi_hot":
            hot = jnp.sign(hot)  # the largest of many loses NaN on a CPU
        return hot.reshape(x.shape[0], *shape)

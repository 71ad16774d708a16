"""What an initializer is, a frozen value, and those that draw nothing."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import as_finite, check_number
from jaxnet_mini.core.fields import AsFloat, Checked, WithConfig
from jaxnet_mini.core.types import RandomKey, Shape, as_dtype, as_sizes
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError, ShapeError

Drawing: TypeAlias = Callable[..., Array]
"""``(key, shape) -> array``, which may take a ``dtype`` besides."""


@dataclasses.dataclass(frozen=True)
class Initializer(WithConfig, Value):
    """The base of the initializers: a frozen, hashable value.

    A subclass defines ``__call__(key, shape, dtype=float)``, which returns an array of
    that shape, or in Keras's form ``__call__(shape, dtype=None)``.
    """

    _kind: ClassVar[Any] = jnp.number
    """What the dtypes are one of that it makes arrays of."""

    def __call__(self, key: Any = None, shape: Any = None, dtype: Any = None) -> Array:
        """Return an array of ``shape``.

        In Keras's form, ``(shape, dtype)``, there is no key: what draws then draws
        from its seed, or as `jaxnet_mini.random` does where there is none.

        Args:
            key: of ``jax.random.key``.
            shape: of what is drawn.
            dtype: a float type, by default JAX's default one.

        Raises:
            ArgumentError: one is none of these.

        >>> import jax
        >>> from jaxnet_mini.initializers import Constant
        >>> bool((Constant(0.5)(jax.random.key(0), (2,)) == Constant(0.5)((2,))).all())
        True
        """
        if not isinstance(key, Array | np.ndarray | None):
            key, shape, dtype = None, key, dtype if shape is None else shape
        size, dtype = as_sizes(shape), as_dtype(dtype, self._kind)
        return self.draw(self._key(key), size, dtype)

    def _key(self, key: RandomKey | None) -> RandomKey | None:
        return key

    def draw(self, key: Any, shape: Shape, dtype: Any) -> Array:
        """Return what `__call__` does, of arguments that are checked."""
        raise NotImplementedError


def _check_value(argument: str, value: Any) -> Any:
    if not isinstance(value, tuple | list | np.ndarray | Array):
        return check_number(argument, value)
    array = as_finite(value)
    if array is None:
        raise ArgumentError(
            f"{argument} must hold finite numbers in an array of some shape, and "
            "does not: look for NaN, words or rows of several lengths in it."
        )
    array.flags.writeable = False
    return array if array.ndim else float(array)


@dataclasses.dataclass(frozen=True, repr=False)
class Constant(Initializer):
    """Give every entry the same value, or those of an array.

    Args:
        value: a finite number, or an array of them of the shape that is asked for, or
            of one that broadcasts to it. It is kept in float32.

    Raises:
        ArgumentError: it is neither.
        ShapeError: the array does not broadcast to the shape.

    Source: https://keras.io/api/layers/initializers/

    >>> import jax
    >>> Constant(0.5)(jax.random.key(0), (2,))
    Array([0.5, 0.5], dtype=float32)
    >>> Constant([1.0, 2.0])(jax.random.key(0), (2,))
    Array([1., 2.], dtype=float32)
    """

    value: Annotated[Any, Checked(_check_value)] = 0.0

    def __repr__(self) -> str:
        there = np.shape(self.value)
        shown = f"<an array of shape {there}>" if there else f"value={self.value!r}"
        return f"Constant({shown})"

    def draw(self, key: Any, shape: Shape, dtype: Any) -> Array:
        there = np.shape(self.value)
        padded = (1,) * (len(shape) - len(there)) + there
        if len(padded) > len(shape) or any(
            size not in (1, wanted) for size, wanted in zip(padded, shape, strict=True)
        ):
            raise ShapeError(
                f"Constant has values of shape {there} for weights of shape "
                f"{shape}: give it an array of that shape."
            )
        return jnp.full(shape, self.value, dtype)


class Zeros(Initializer):
    """Give every entry the value 0.

    Source: https://keras.io/api/layers/initializers/

    >>> import jax
    >>> Zeros()(jax.random.key(0), (2,))
    Array([0., 0.], dtype=float32)
    """

    def draw(self, key: Any, shape: Shape, dtype: Any) -> Array:
        return jnp.zeros(shape, dtype)


class Ones(Initializer):
    """Give every entry the value 1.

    Source: https://keras.io/api/layers/initializers/

    >>> import jax
    >>> Ones()(jax.random.key(0), (2,))
    Array([1., 1.], dtype=float32)
    """

    def draw(self, key: Any, shape: Shape, dtype: Any) -> Array:
        return jnp.ones(shape, dtype)


@dataclasses.dataclass(frozen=True)
class Identity(Initializer):
    """Give ``gain`` where row and column are of one number, and 0 elsewhere.

    Args:
        gain: a finite number.

    Raises:
        ArgumentError: ``gain`` is none.
        ShapeError: called for weights that are no matrix.

    Source: https://keras.io/api/layers/initializers/

    >>> import jax
    >>> Identity(2.0)(jax.random.key(0), (2, 3))
    Array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    gain: AsFloat = 1.0

    def draw(self, key: Any, shape: Shape, dtype: Any) -> Array:
        if len(shape) != 2:
            raise ShapeError(
                f"{self!r} makes matrices, and was asked for weights of shape "
                f"{shape}: take another initializer for them."
            )
        return self.gain * jnp.eye(*shape, dtype=dtype)

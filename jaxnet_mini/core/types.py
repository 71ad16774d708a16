"""What a layer is, and the names that every signature uses."""

import sys
from collections.abc import Hashable, Iterable
from typing import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    Protocol,
    TypeAlias,
    runtime_checkable,
)

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import as_integer, as_integers, check_positive
from jaxnet_mini.errors import ArgumentError, CallError, ShapeError, short

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool as Bool
    from jaxtyping import Float as Float
    from jaxtyping import Int as Int
    from jaxtyping import Key as Key
else:
    # jaxtyping takes as long to import as all of this package, and only who checks
    # types needs it; checkers import it first.
    class Float:
        """``Float[Array, "batch features"]`` without a check of the shape."""

        def __class_getitem__(cls, annotation: tuple[Any, str]) -> Any:
            return annotation[0]

    Bool = Int = Key = Float

Shape: TypeAlias = tuple[int, ...]
"""A shape without the batch axis."""

Params: TypeAlias = Any
"""A pytree of arrays; for the layers of this library nested dictionaries."""

State: TypeAlias = Any
"""What a layer remembers and no gradient changes, such as moving means: a pytree of
arrays, ``{}`` of a layer that remembers nothing."""

RandomKey: TypeAlias = Key[Array, ""]
"""One key of ``jax.random.key``."""

Logs: TypeAlias = dict[str, Any]
"""Loss and metrics by name."""


class Variables(NamedTuple):
    """All that a network computes with besides its inputs."""

    params: Params
    state: State = {}  # noqa: RUF012  (never changed)

    @classmethod
    def of(cls, given: "Variables | Params") -> "Variables":
        """Return both of parameters alone, which are all where no layer remembers."""
        return given if isinstance(given, Variables) else cls(given)


@runtime_checkable
class Layer(Hashable, Protocol):
    """A frozen value with two pure functions.

    Any hashable object with these two methods is a layer. It holds its configuration
    and nothing else: parameters come out of ``init`` and go into ``apply``.

    More is asked for where a layer has it, see `jaxnet_mini.core.networks.protocol`:

    - ``penalty(params) -> scalar``, what it adds to the loss of a batch in training and
      evaluation.
    - ``constrain(params) -> params``, what it makes of its parameters after an update.
    - ``activity_regularizer``, a penalty on its outputs, of the layers of a network
      itself.
    - ``acts_by_row``, True where each output depends on its own example alone. Without
      it nothing is supposed, which is always safe: then no shortcut is taken that
      looks at rows one by one.
    - ``init_state(input_shape) -> state`` and
      ``update(params, state, x, *, key=None, training=False, mask=None) ->
      (y, state)``, of a layer that remembers something besides its parameters: it is
      called in place of ``apply``. ``mask`` is ``(batch,)``, 0 for rows that are
      padding and must leave no trace in the state; None where none is.
    - ``trainable``, False where no gradient may change its parameters.
    - ``trainable_mask(params)``, a tree like ``params`` with True for what is trained.

    A layer that holds others, of which one has one of these, needs them too: only it
    knows which part of its parameters and of its state is whose.
    """

    def init(self, key: RandomKey, input_shape: Shape) -> tuple[Shape, Params]:
        """Return the output shape and fresh parameters; both without a batch axis."""
        ...

    def apply(
        self,
        params: Params,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Array:
        """Compute the outputs, ``(batch, *output_shape)``.

        ``key`` and ``training`` matter only to layers that draw random numbers.
        """
        ...


def is_shape(value: Any) -> bool:
    """Return whether a value is the shape of one array, and not those of several."""
    return isinstance(value, tuple) and all(isinstance(size, int) for size in value)


def is_numeric(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype is one of real numbers."""
    return dtype.kind in "biuf" or dtype.name == "bfloat16"


def check_shape(value: Any, argument: str) -> Shape:
    """Return ``value`` as a shape without the batch axis.

    Raises:
        ArgumentError: no tuple of positive integers.
    """
    if as_integer(value) is not None:
        value = (value,)
    if not isinstance(value, tuple | list):
        raise ArgumentError(
            f"{argument} must be a tuple of positive integers without the batch axis, "
            f"such as (28, 28), not {value!r}."
        )
    return tuple(check_positive(f"every axis of {argument}", size) for size in value)


def is_key(leaf: Any) -> bool:
    """Return whether an array, or its shape and dtype, is of JAX's random keys."""
    dtype: Any = getattr(leaf, "dtype", float)
    return bool(jnp.issubdtype(dtype, jax.dtypes.prng_key))


def without_key(leaf: Any) -> Any:
    """Return of an array of JAX's keys the numbers in them, all else as it is."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def as_array(argument: str, value: Any) -> Array:
    """Return what was given by hand as an array.

    Raises:
        CallError: it is no array of numbers.
    """
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError):
        which = "numbers"
    except OverflowError:
        which = "numbers, and integers of at most 32 bits"
    raise CallError(f"{argument} must be an array of {which}, not {short(value)}.")


def broadcast(argument: str, value: Array, shape: Shape) -> Array:
    """Return an array broadcast to a shape.

    Raises:
        ShapeError: it cannot be.
    """
    try:
        return jnp.broadcast_to(value, shape)
    except ValueError:
        raise ShapeError(
            f"{argument} is of shape {value.shape}, and what it goes with of {shape}: "
            "give one number, or as many."
        ) from None


def as_dtype(dtype: Any, kind: Any = jnp.floating) -> Any:
    """Return a dtype as JAX has it, by default the one of its floats.

    Args:
        dtype: what was given, None for floats.
        kind: what it must be one of: ``jnp.floating``, ``jnp.integer`` or
            ``jnp.number``, which here stands for those and booleans.

    Raises:
        ArgumentError: it is none.
    """
    kinds = (jnp.floating, jnp.integer, bool) if kind is jnp.number else (kind,)
    try:
        known = jnp.dtype(float if dtype is None else dtype)
    except TypeError:
        known = None
    if known is None or not any(jnp.issubdtype(known, one) for one in kinds):
        wanted = {jnp.floating: "floats", jnp.integer: "integers"}.get(kind, "numbers")
        example = "int32" if kind is jnp.integer else "float32"
        raise ArgumentError(
            f'dtype must be one of {wanted}, such as "{example}", not {dtype!r}.'
        )
    return jax.dtypes.canonicalize_dtype(known)


def as_sizes(shape: Any) -> Shape:
    """Return the shape of what is made, of which an integer is one of one axis.

    Raises:
        ArgumentError: it is none.
    """
    found = None if shape is None else as_integers(shape)
    if found is None or any(size < 0 for size in found):
        raise ArgumentError(
            f"shape must be a tuple of integers of at least 0, not {shape!r}."
        )
    return found


def as_float(x: Array) -> Array:
    """Cast integers and booleans to JAX's default float; leave floats alone.

    Images may thus stay ``uint8`` on the device, a quarter of the memory.
    """
    if jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return x.astype(jax.dtypes.canonicalize_dtype(float))


def as_wide(x: Any) -> Any:
    """Cast integers of 8 and 16 bits to ``int32``; leave all else alone.

    In these what a user's own function computes would wrap: ``2 * x - 1`` of 0 is 255.
    """
    x = jnp.asarray(x)
    narrow = jnp.issubdtype(x.dtype, jnp.integer) and x.dtype.itemsize < 4
    return x.astype(jnp.int32) if narrow else x


def as_alike(arrays: Iterable[Array]) -> list[Array]:
    """Return arrays as floats of the widest of their types.

    Layers may give bfloat16 and float32, of which JAX's strict promotion makes nothing.
    """
    floats = [as_float(one) for one in arrays]
    widest = max((one.dtype for one in floats), key=lambda dtype: dtype.itemsize)
    return [one.astype(widest) for one in floats]

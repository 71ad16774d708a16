"""The layers that most networks are made of."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import is_function
from jaxnet_mini.core import activations, regularizers
from jaxnet_mini.core.fields import Checked, Newer, NotNegative, Number, Positive
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.operations import EXAMPLES, operation
from jaxnet_mini.core.symbols import Symbol, Symbolic
from jaxnet_mini.core.types import Params, Shape, as_float, as_wide, check_shape
from jaxnet_mini.errors import ArgumentError, ShapeError, short


def _check_dtype(argument: str, value: Any) -> str:
    try:
        dtype = jnp.dtype(value)
    except TypeError:
        dtype = None
    if dtype is None or not (dtype.kind == "b" or jnp.issubdtype(dtype, jnp.number)):
        raise ArgumentError(
            f'{argument} must be one of numbers, such as "float32" or "int32", not '
            f"{value!r}: number words first, as np.unique(words, return_inverse=True) "
            "does."
        )
    return str(dtype.name)


_Noted: TypeAlias = Newer[Annotated[str, Checked(_check_dtype)] | None]


@dataclass(frozen=True)
class _ByPosition:
    """The fields of `Input` in Keras's order: of a layer ``dtype`` comes by name."""

    shape: Shape | None = None
    batch_size: Newer[Positive | None] = None
    dtype: _Noted = None
    batch_shape: dataclasses.InitVar[Any] = None


@dataclass(frozen=True, repr=False)
class InputLayer(Base, _ByPosition, Symbolic):
    """The shape of one example; passes its input on. `Input` is another name for it.

    Args:
        shape: a tuple of positive integers without the batch axis, or one integer.
        batch_size: a positive integer, noted and no more: as in Keras, a model takes
            any number of rows all the same.
        dtype: the name of one, noted likewise: inputs stay as they come, and layers
            cast them to what they compute with.
        batch_shape: in place of both, ``(batch_size, *shape)``.

    Raises:
        ArgumentError: one is none of these, or the shape is given twice or not at all.

    Source: https://keras.io/api/layers/core_layers/input/

    >>> import jax
    >>> Input((28, 28)).init(jax.random.key(0), (28, 28))
    ((28, 28), {})
    """

    dtype: _Noted = None

    operation = staticmethod(operation)

    def __post_init__(self, batch_shape: Any, input_dim: int | None) -> None:
        shape = self.input_shape if self.shape is None else self.shape
        if batch_shape is not None and shape is None:
            if not isinstance(batch_shape, tuple | list) or not batch_shape:
                raise ArgumentError(
                    "batch_shape must be a tuple that starts with the batch axis, such "
                    f"as (None, 28, 28), not {batch_shape!r}."
                )
            object.__setattr__(self, "batch_size", batch_shape[0])
            shape = tuple(batch_shape[1:])
        shape = check_shape(shape, "shape")
        if batch_shape is not None and tuple(batch_shape) != (self.batch_size, *shape):
            raise ArgumentError(
                f"give shape or batch_shape, not both: got {shape} and {batch_shape!r}."
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "input_shape", shape)
        super().__post_init__(input_dim)

    def __repr__(self) -> str:
        given = {n: getattr(self, n) for n in ("batch_size", "dtype", "name")}
        shown = (f", {n}={v!r}" for n, v in given.items() if v is not None)
        return f"Input({self.shape}{''.join(shown)})"

    @property
    def _policy(self) -> str | None:
        return None  # its dtype is that of the inputs

    @property
    def gives_floats(self) -> bool:
        """See `jaxnet_mini.core.symbols.Symbol`; so it is if it declares no dtype."""
        return jnp.issubdtype(self.dtype or "float32", jnp.floating)

    @property  # type: ignore[misc]
    def batch_shape(self) -> tuple[int | None, ...]:
        """``(batch_size, *shape)``, None standing for any number of rows."""
        return (self.batch_size, *(self.shape or ()))

    @property
    def symbol(self) -> Symbol:
        """What stands for it in a model that is written by calling layers."""
        return Symbol(self, (), self.shape or ())


Input = InputLayer


class _Activating(Base):
    """The base of layers that apply a function and have no parameters.

    Each may be the ``activation=`` of another layer, too.
    """

    formula: ClassVar[Callable[..., Array]]
    """What is applied to floats, with the fields of the class by their names."""

    @property
    def function(self) -> activations.Activation:
        """What is applied to floats."""
        fields = [f.name for f in dataclasses.fields(self) if not f.kw_only]
        own = {name: getattr(self, name) for name in fields}
        return functools.partial(type(self).formula, **own)

    def _output_shape(self, input_shape: Shape) -> Shape:
        own = getattr(self, "activation", None)
        activations.check_shape(self, own, input_shape)
        return input_shape

    def forward(self, params: Params, x: Array) -> Array:
        return activations.applied(self, self.function, as_float(x))


@dataclass(frozen=True, repr=False)
class Activation(_Activating):
    """Apply a function to each element, or to the last axis for ``softmax``.

    Args:
        activation: a name of `jaxnet_mini.activations`, a function of a batch that
            keeps its shape ``(batch, ...)``, or None for none.

    Raises:
        UnknownNameError: no activation has this name.
        ArgumentError: neither a name nor a function.
        ShapeError: the function does not keep the shape.

    Source: https://keras.io/api/layers/core_layers/activation/

    >>> import jax.numpy as jnp
    >>> Activation("relu").apply({}, jnp.array([[-1.0, 2.0]]))
    Array([[0., 2.]], dtype=float32)
    """

    activation: activations.Named

    @property
    def function(self) -> activations.Activation:
        return activations.get(self.activation)


@dataclass(frozen=True, repr=False)
class ActivityRegularization(Base):
    """Pass the inputs on, and add ``l1 sum(|x|) + l2 sum(x^2)`` to the loss.

    The sums are divided by the number of rows of the batch; padding counts as none. It
    must stand in the network itself, not inside of another of its layers.

    Args:
        l1: the strength of the first part, at least 0.
        l2: that of the second.

    Raises:
        ArgumentError: one is below 0 or not finite.

    Source: https://keras.io/api/layers/regularization_layers/activity_regularization/

    >>> ActivityRegularization(l2=0.1).activity_regularizer
    L1L2(l1=0.0, l2=0.1)
    """

    l1: NotNegative = 0.0
    l2: NotNegative = 0.0

    @property
    def activity_regularizer(self) -> regularizers.L1L2:
        """The penalty on what is passed on."""
        return regularizers.L1L2(self.l1, self.l2)


def _check_function(argument: str, value: Any) -> Any:
    if not is_function(value) or isinstance(value, type):
        raise ArgumentError(
            f"{argument} must be a function of a batch, not {value!r}: write for "
            "example jnp.square."
        )
    return value


@dataclass(frozen=True, repr=False)
class Lambda(Base):
    """Apply a function to each batch.

    In a file it stands by its name, as all functions do: a lambda, which has none,
    cannot be saved.

    Args:
        function: takes a batch ``(batch, ...)`` and returns one of as many examples, of
            any shape; it is to be made of functions of JAX. Integers of 8 and 16 bits
            come as ``int32``, in which its arithmetic does not wrap.

    Raises:
        ArgumentError: it is no function.
        ShapeError: it does not return one output for each example.

    Source: https://keras.io/api/layers/core_layers/lambda/

    >>> import jax.numpy as jnp
    >>> Lambda(lambda x: x**2).apply({}, jnp.array([[-1.0, 2.0]]))
    Array([[1., 4.]], dtype=float32)
    """

    function: Annotated[Callable[[Array], Array], Checked(_check_function)]
    acts_by_row = False  # of a user's function nothing is known

    def _output_shape(self, input_shape: Shape) -> Shape:
        floats = jax.dtypes.canonicalize_dtype(float)
        batch = jax.ShapeDtypeStruct((EXAMPLES, *input_shape), floats)
        shape = jax.eval_shape(functools.partial(self.forward, {}), batch).shape
        if shape[:1] != (EXAMPLES,):
            raise ShapeError(
                f"{self!r} made an array of shape {shape} of {EXAMPLES} examples of "
                f"shape {input_shape}: its first axis must be that of the examples."
            )
        return tuple(shape[1:])

    def forward(self, params: Params, x: Array) -> Array:
        y = self.function(as_wide(x))
        if not isinstance(y, np.ndarray | Array):
            raise ShapeError(
                f"{self!r} returned {short(y)} for a batch: its function must return "
                "one array, whose first axis is that of the examples."
            )
        return jnp.asarray(y)


@dataclass(frozen=True, repr=False)
class Rescaling(Base):
    """``x * scale + offset``, in floats; images may so stay ``uint8`` until here.

    Args:
        scale: a finite number.
        offset: a finite number.

    Raises:
        ArgumentError: one is none.

    Source: https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/

    >>> import jax.numpy as jnp
    >>> Rescaling(1 / 255).apply({}, jnp.array([[0, 255]], jnp.uint8))
    Array([[0., 1.]], dtype=float32)
    """

    scale: Number
    offset: Number = 0.0
    _casts = "outputs"

    def forward(self, params: Params, x: Array) -> Array:
        return as_float(x) * self.scale + self.offset


class Identity(Base):
    """Pass the inputs on, to keep a place in a network.

    Source: https://keras.io/api/layers/core_layers/identity/

    >>> import jax.numpy as jnp
    >>> Identity().apply({}, jnp.array([[1, 2]], jnp.int32))
    Array([[1, 2]], dtype=int32)
    """

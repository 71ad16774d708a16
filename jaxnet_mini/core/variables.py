"""Variables: what objects in Keras's form keep numbers in, under names of their own.

A layer or a metric that a user writes in Keras's form asks for them by ``add_weight``
and goes on as if they were its own. They are not: what a variable is stands in a
`Spec`, and its value in a dictionary that belongs to who calls the object.
"""

import dataclasses
import functools
import operator
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import check_flag, check_word
from jaxnet_mini.core import constraints, initializers, regularizers
from jaxnet_mini.core.types import RandomKey, Shape, check_shape
from jaxnet_mini.errors import ArgumentError, LayerError

DTYPES = ("float32", "int32", "bool", "float64", "uint32", "int64", "float16")


@dataclasses.dataclass(frozen=True, eq=False)
class Spec:
    """What a variable is made of.

    Attributes:
        name: in its object.
        shape: of the whole, since it has no batch axis.
        dtype: a name, such as ``"float32"``.
        initializer: makes its first value.
        regularizer: adds to the loss, or None.
        constraint: what it is brought back to after an update, or None.
        trainable: whether gradients change it.
    """

    name: str
    shape: Shape
    dtype: str
    initializer: Any
    regularizer: Any
    constraint: Any
    trainable: bool

    def first(self, key: RandomKey) -> Array:
        """Return its first value."""
        what = f"the initializer of {self.name!r}"
        value = initializers.drawn(what, self.initializer, key, self.shape)
        return value.astype(jax.dtypes.canonicalize_dtype(self.dtype))

    def zeros(self) -> Array:
        """Return a value of its shape and dtype."""
        return jnp.zeros(self.shape, jax.dtypes.canonicalize_dtype(self.dtype))


def spec_of(
    taken: Iterable[str],
    shape: Any = None,
    initializer: Any = None,
    dtype: Any = None,
    trainable: bool = True,
    *,
    regularizer: Any = None,
    constraint: Any = None,
    name: str | None = None,
) -> Spec:
    """Return what the arguments of ``add_weight`` ask for.

    Args:
        taken: names that its object has given already; one that is there is numbered.
        shape: a tuple of integers; None and () for one number.
        initializer: a name, one of `jaxnet_mini.initializers` or a callable
            ``(key, shape) -> array``; by default ``"glorot_uniform"``, and
            ``"zeros"`` for what is no float.
        dtype: of the numbers; ``"float32"`` by default, in x64 ``"float64"``.
        trainable: whether gradients change it.
        regularizer: what it adds to the loss, see `jaxnet_mini.regularizers`.
        constraint: what it is brought back to, see `jaxnet_mini.constraints`.
        name: ``"variable"`` by default.

    Raises:
        ArgumentError, UnknownNameError: one is none of these.
    """
    dtype = jax.dtypes.canonicalize_dtype(float) if dtype is None else dtype
    kind = getattr(dtype, "name", dtype)
    kind = getattr(kind, "__name__", kind)
    if kind not in DTYPES:
        raise ArgumentError(
            f"add_weight: dtype must be one of {', '.join(DTYPES)}, not {dtype!r}."
        )
    if initializer is None:
        initializer = "glorot_uniform" if "float" in kind else "zeros"
    initializers.get(initializer)
    regularizers.get(regularizer)
    constraints.get(constraint)
    axes = () if shape is None else shape
    known = check_shape(axes, "add_weight: shape") if axes != () else ()
    chosen = base = check_word("add_weight: name", "variable" if name is None else name)
    number, names = 0, set(taken)
    while chosen in names:
        number += 1
        chosen = f"{base}_{number}"
    trainable = check_flag("add_weight: trainable", trainable)
    kept = regularizer, constraint
    return Spec(chosen, known, kind, initializer, *kept, trainable)


class ValueLike:
    """What stands for its ``value`` in what NumPy, ``jax.numpy`` and operators do."""

    @property
    def value(self) -> Array:
        """The array."""
        raise NotImplementedError

    def assign(self, value: Any) -> Array:
        """Put another value in its place, of the same shape; return it."""
        raise NotImplementedError

    def assign_add(self, value: Any) -> Array:
        """Add to its value; return the sum."""
        return self.assign(self.value + jnp.asarray(value).astype(self.value.dtype))

    def assign_sub(self, value: Any) -> Array:
        """Subtract from its value; return the difference."""
        return self.assign(self.value - jnp.asarray(value).astype(self.value.dtype))

    def numpy(self) -> Any:
        """Return its value as a NumPy array."""
        return jax.device_get(self.value)

    def __jax_array__(self) -> Array:
        return self.value

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    def __getitem__(self, index: Any) -> Array:
        return self.value[index]

    def __iter__(self) -> Iterator[Array]:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __neg__(self) -> Array:
        return -self.value

    def __float__(self) -> float:
        return float(self.value)


class Variable(ValueLike):
    """A variable, as its object sees it: an array that can be assigned to.

    Args:
        spec: what it is.
        values: where its value is, by name; None where it has none.
        owner: what messages call its object.
    """

    def __init__(self, spec: Spec, values: dict[str, Any] | None, owner: str) -> None:
        self.spec, self.owner = spec, owner
        vars(self)["values"] = values

    @functools.cached_property
    def values(self) -> dict[str, Any] | None:  # passed over by what compares values
        """Where its value is, by name."""
        return None

    @property
    def value(self) -> Array:
        """Its value.

        Raises:
            LayerError: it has none, outside of a call.
        """
        if self.values is None:
            raise LayerError(
                f"{self.owner} reads its weight {self.spec.name!r} outside of a call, "
                "where it is a shape alone: weights are those of a model, "
                "model.get_weights(), and values within call()."
            )
        value: Array = self.values[self.spec.name]
        return value

    name = property(lambda self: self.spec.name, doc="Its name in its object.")
    shape = property(lambda self: self.spec.shape, doc="Its shape.")
    ndim = property(lambda self: len(self.spec.shape), doc="Its number of axes.")
    trainable = property(lambda self: self.spec.trainable, doc="See `Spec`.")

    @property
    def dtype(self) -> Any:
        """The dtype of its value."""
        return jax.dtypes.canonicalize_dtype(self.spec.dtype)

    def assign(self, value: Any) -> Array:
        """Put another value in its place, of the same shape; return it.

        Raises:
            LayerError: it has another shape, or there is no call whose state it is.
        """
        before = self.value
        array = taken_over(value)
        if array.shape != before.shape:
            raise LayerError(
                f"{self.owner} assigns an array of shape {array.shape} to its variable "
                f"{self.spec.name!r} of shape {before.shape}: keep its shape."
            )
        if self.values is not None:
            self.values[self.spec.name] = array.astype(before.dtype)
        return array

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self.values is None:
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        return getattr(self.value, name)

    def __repr__(self) -> str:
        return f"<Variable {self.name}, shape={self.shape}, dtype={self.dtype}>"


def taken_over(value: Any) -> Array:
    """Return what is assigned as an array of JAX's own.

    JAX 0.7 makes none of NumPy's that lie well: whoever writes into them later would
    change the variable.
    """
    value = plain(value)
    return jnp.asarray(value.copy() if isinstance(value, np.ndarray) else value)


def plain(value: Any) -> Any:
    """Return the value of a variable, and all else as it is."""
    return value.value if isinstance(value, ValueLike) else value


def _operators() -> None:
    def forwards(apply: Any) -> Any:
        return lambda self, other: apply(self.value, plain(other))

    def backwards(apply: Any) -> Any:
        return lambda self, other: apply(plain(other), self.value)

    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
        setattr(ValueLike, f"__{name}__", forwards(getattr(operator, name)))
        setattr(ValueLike, f"__r{name}__", backwards(getattr(operator, name)))
    for name in ("lt", "le", "gt", "ge"):
        setattr(ValueLike, f"__{name}__", forwards(getattr(operator, name)))


_operators()


def _with_value(spec: Spec, values: Any) -> Variable:
    return Variable(spec, {spec.name: values[0]}, "a function")


# So functions that JAX compiles take one as they take an array.
jax.tree_util.register_pytree_node(
    Variable, lambda variable: ((variable.value,), variable.spec), _with_value
)

"""Activations: Keras's names, JAX's functions.

Source: https://keras.io/api/layers/activations/ and ``jax.nn``. Each takes and
returns an array of any float dtype and shape; ``softmax``, ``log_softmax``,
``sparsemax`` and ``glu`` work on the last axis unless given another.

With ``s(x) = 1 / (1 + exp(-x))``, the sigmoid:

- ``celu``, ``elu``: ``x`` above 0, else ``exp(x) - 1``
- ``exponential``: ``exp(x)``
- ``gelu``: ``x Phi(x)``, ``Phi`` the distribution function of the normal one
- ``glu``: the first half of the axis times ``s`` of the second
- ``hard_shrink``: ``x``, but 0 from -0.5 to 0.5
- ``hard_sigmoid``: ``min(max(x + 3, 0), 6) / 6``
- ``hard_silu``, ``hard_swish``: ``x hard_sigmoid(x)``
- ``hard_tanh``: ``min(max(x, -1), 1)``
- ``leaky_relu``: ``x`` above 0, else ``0.2 x``
- ``linear``: ``x``
- ``log_sigmoid``: ``log s(x)``
- ``log_softmax``: ``x - log sum(exp(x))``
- ``mish``: ``x tanh(softplus(x))``
- ``relu``, ``relu6``: ``max(x, 0)``, and that with 6 at most
- ``selu``: 1.0507 times ``x`` above 0, else 1.7581 times ``exp(x) - 1``
- ``sigmoid``: ``s(x)``
- ``silu``, ``swish``: ``x s(x)``
- ``soft_shrink``: ``x`` brought nearer to 0 by 0.5, and 0 within
- ``softmax``: ``exp(x) / sum(exp(x))``
- ``softplus``: ``log(1 + exp(x))``
- ``softsign``: ``x / (1 + |x|)``
- ``sparse_plus``: 0 up to -1, ``x`` from 1 on, ``(x + 1)^2 / 4`` between
- ``sparse_sigmoid``: 0 up to -1, 1 from 1 on, ``(x + 1) / 2`` between
- ``sparsemax``: the nearest probabilities to ``x``
- ``squareplus``: ``(x + sqrt(x^2 + 4)) / 2``
- ``tanh``: ``tanh(x)``
- ``tanh_shrink``: ``x - tanh(x)``

>>> softsign(jnp.array([-1.0, 0.0, 3.0]))
Array([-0.5 ,  0.  ,  0.75], dtype=float32)
"""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import is_function, parameters
from jaxnet_mini.core import tracing
from jaxnet_mini.core.explained import explained
from jaxnet_mini.core.fields import Checked
from jaxnet_mini.core.types import Shape, as_array
from jaxnet_mini.errors import ArgumentError, ShapeError, find, short

__all__ = ["celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid"]
__all__ += ["hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid"]
__all__ += ["log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu"]
__all__ += ["soft_shrink", "softmax", "softplus", "softsign", "sparse_plus"]
__all__ += ["sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink"]

Activation: TypeAlias = Callable[[Array], Array]
Function = TypeVar("Function", bound=Callable[..., Any])


_STEPS = {"exponential": "exp"}
"""What `jaxnet_mini.ops` calls otherwise."""


def _of_arrays(function: Function, name: str | None = None) -> Function:
    """Return a function that takes what NumPy makes an array of, and names what not."""
    what = name or function.__name__

    @functools.wraps(function)
    def called(x: Any, *given: Any, **named: Any) -> Any:
        if hasattr(x, "operation"):  # a step of a model that is being written
            return x.operation(_STEPS.get(what, what), (x, *given), named)
        return function(as_array(f"activations.{what}: x", x), *given, **named)

    made: Any = explained("activations", what)(called)
    return made  # type: ignore[no-any-return]


_ARGS = """
Args:
    x: any float array.
    axis: along which it is computed.
    where: of what is computed, booleans; None for all.
"""


def _of_jax(name: str, function: Function) -> Function:
    """Return one of JAX's functions as one of these."""
    ours: Any = _of_arrays(function, name)
    ours.__module__, ours.__name__, ours.__qualname__ = __name__, name, name
    ours.of_jax = function
    # In place of JAX's own examples, which are JAX's to run.
    what = (inspect.getdoc(function) or "").partition("\n")[0]
    args = _ARGS if "where" in parameters(function) else ""
    example = f">>> {name}([0.5, 1.0]).dtype\ndtype('float32')\n"
    ours.__doc__ = f"{what}\n{args}\n{example}"
    return ours  # type: ignore[no-any-return]


def linear(x: Array) -> Array:
    """Return ``x`` unchanged.

    >>> linear(jnp.array([-1.0, 2.0]))
    Array([-1.,  2.], dtype=float32)
    """
    return x


@_of_arrays
def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """Return ``x`` where it is further from 0 than ``threshold``, else 0.

    >>> hard_shrink(jnp.array([-1.0, 0.5, 2.0]))
    Array([-1.,  0.,  2.], dtype=float32)
    """
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


@_of_arrays
def relu(
    x: Array,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """Return ``max(x, 0)``, or Keras's generalisation of it.

    Args:
        x: any float array.
        negative_slope: what ``x - threshold`` is multiplied by below ``threshold``.
        max_value: the largest value returned; None for no limit.
        threshold: above it values are passed on.

    >>> relu(jnp.array([-1.0, 1.0, 9.0]), negative_slope=0.5, max_value=6.0)
    Array([-0.5,  1. ,  6. ], dtype=float32)
    """
    if threshold == 0.0 and negative_slope == 0.0:
        y = jax.nn.relu(x)
    else:
        # 0 times minus infinity is NaN.
        below = negative_slope * (x - threshold) if negative_slope else 0.0
        y = jnp.where(x > threshold, x, below)
    return y if max_value is None else jnp.minimum(y, max_value)


@_of_arrays
def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """Return ``x`` brought nearer to 0 by ``threshold``, and 0 within it.

    >>> soft_shrink(jnp.array([-1.0, 0.5, 2.0]))
    Array([-0.5,  0. ,  1.5], dtype=float32)
    """
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0.0)


@_of_arrays
def sparsemax(x: Array, axis: int = -1) -> Array:
    """Return the nearest probabilities to ``x``, many of which are 0.

    Source: Martins & Astudillo 2016, algorithm 1, https://arxiv.org/abs/1602.02068

    >>> sparsemax(jnp.array([0.0, 1.0, 1.5]))
    Array([0.  , 0.25, 0.75], dtype=float32)
    """
    largest_first = jnp.sort(x, axis=axis, descending=True)
    rank = jnp.cumsum(jnp.ones_like(largest_first), axis=axis)
    excess = jnp.cumsum(largest_first, axis=axis) - 1.0
    size = jnp.sum(rank * largest_first > excess, axis=axis, keepdims=True)
    at = jnp.take_along_axis(excess, size - 1, axis=axis)
    return jnp.maximum(x - at / size.astype(at.dtype), 0.0)


@_of_arrays
def tanh_shrink(x: Array) -> Array:
    """Return ``x - tanh(x)``.

    >>> tanh_shrink(jnp.array([0.0, 20.0]))
    Array([ 0., 19.], dtype=float32)
    """
    return x - jnp.tanh(x)


@_of_arrays
def threshold(x: Array, threshold: float, default_value: float) -> Array:
    """Return ``x`` where it is above ``threshold``, else ``default_value``.

    Args:
        x: any float array.
        threshold: what stays is above it.
        default_value: what stands in place of the rest.

    >>> threshold(jnp.array([-1.0, 2.0]), threshold=0.5, default_value=-9.0)
    Array([-9.,  2.], dtype=float32)
    """
    return jnp.where(x > threshold, x, default_value)


@_of_arrays
def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """Return ``x`` above 0, else ``negative_slope`` times it; JAX's default is 0.01.

    >>> leaky_relu(jnp.array([-1.0, 2.0]))
    Array([-0.2,  2. ], dtype=float32)
    """
    return jax.nn.leaky_relu(x, negative_slope)


@_of_arrays
def gelu(x: Array, approximate: bool = False) -> Array:
    """Return ``x Phi(x)``; JAX's default is the approximation with tanh.

    >>> gelu(jnp.array([0.0, 2.0])).round(4)
    Array([0.    , 1.9545], dtype=float32)
    """
    return jax.nn.gelu(x, approximate=approximate)


celu = _of_jax("celu", jax.nn.celu)
elu = _of_jax("elu", jax.nn.elu)
exponential = _of_jax("exponential", jnp.exp)
glu = _of_jax("glu", jax.nn.glu)
hard_sigmoid = _of_jax("hard_sigmoid", jax.nn.hard_sigmoid)
hard_silu = _of_jax("hard_silu", jax.nn.hard_silu)
hard_tanh = _of_jax("hard_tanh", jax.nn.hard_tanh)
log_sigmoid = _of_jax("log_sigmoid", jax.nn.log_sigmoid)
log_softmax = _of_jax("log_softmax", jax.nn.log_softmax)
mish = _of_jax("mish", jax.nn.mish)
relu6 = _of_jax("relu6", jax.nn.relu6)
selu = _of_jax("selu", jax.nn.selu)
sigmoid = _of_jax("sigmoid", jax.nn.sigmoid)
silu = _of_jax("silu", jax.nn.silu)
softmax = _of_jax("softmax", jax.nn.softmax)
softplus = _of_jax("softplus", jax.nn.softplus)
softsign = _of_jax("softsign", jax.nn.soft_sign)
sparse_plus = _of_jax("sparse_plus", jax.nn.sparse_plus)
sparse_sigmoid = _of_jax("sparse_sigmoid", jax.nn.sparse_sigmoid)
squareplus = _of_jax("squareplus", jax.nn.squareplus)
tanh = _of_jax("tanh", jnp.tanh)

_LISTED: list[Any] = [globals()[name] for name in __all__]
OF_JAX: dict[Any, Any] = {
    ours.of_jax: ours for ours in _LISTED if hasattr(ours, "of_jax")
}
"""By JAX's functions those above that are the same."""

# Without ``threshold``, which needs two more arguments, and without ``glu``, which
# halves the axis that a layer has promised.
ACTIVATIONS: dict[str, Activation] = {
    **{name: globals()[name] for name in __all__},
    "hard_swish": hard_silu,
    "swish": silu,
}
"""The functions above by their names, and two by another that Keras has for them."""

__all__ += ["ACTIVATIONS", "Activation", "get", "glu", "threshold"]


def get(activation: str | Activation | None) -> Activation:
    """Return the function behind a Keras name; a callable stands for itself.

    Args:
        activation: a name, a callable of one array, a layer that is an activation
            without parameters, such as ``LeakyReLU(0.1)``, or None for ``linear``.

    Raises:
        UnknownNameError: no activation has this name.
        ArgumentError: neither a name nor a callable.

    >>> get(jnp.tanh) is get("tanh") is tanh
    True
    """
    if activation is None:
        return linear
    if isinstance(activation, str):
        return find(ACTIVATIONS, activation, "activation")
    if is_function(activation):
        # One of these is known by name, in files and by what is exact on logits.
        return next((OF_JAX[f] for f in OF_JAX if f is activation), activation)
    of_layer: Any = getattr(activation, "function", None)
    if not isinstance(activation, type) and is_function(of_layer):
        return of_layer  # type: ignore[no-any-return]
    raise ArgumentError(
        f"activation must be a name, a callable or None, not {activation!r}: "
        'write for example activation="relu".'
    )


def applied(layer: Any, function: Activation, x: Array) -> Array:
    """Return what an activation of a layer makes of a batch.

    Raises:
        ShapeError: that is of another shape, or no array.
    """
    y = function(x)
    if getattr(y, "shape", None) != x.shape:
        made = short(y) if y is None or not hasattr(y, "shape") else f"shape {y.shape}"
        raise ShapeError(
            f"the activation of {layer!r} made {made} of a batch of shape {x.shape}, "
            "and must keep the shape: put what changes it into layers.Lambda(function)."
        )
    return y


def check_shape(layer: Any, activation: Any, shape: Shape) -> None:
    """Raise a ShapeError where a user's activation will not keep a shape."""
    if callable(activation):
        batch = jax.ShapeDtypeStruct((2, *shape), jnp.result_type(float))
        function = functools.partial(applied, layer, get(activation))
        tracing.eval_shape(function, batch)


def _given(_: str, value: Any) -> Any:
    """Return what is accepted by `get`; of `jaxnet_mini.ops` what stands here."""
    found = get(value)
    if getattr(found, "of_jax", None) is value:
        return found
    return getattr(value, "of_arrays", value)


Named: TypeAlias = Annotated[str | Activation | None, Checked(_given)]
"""What layers take: a name or the function itself, None for ``linear``."""

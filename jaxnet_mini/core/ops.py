"""Functions of arrays by Keras's names: those of ``jax.numpy``, ``jax.nn`` and ``lax``.

Source: https://keras.io/api/ops/. A name stands here where JAX's function, or one of
`jaxnet_mini.activations`, takes the same arguments by position and gives the same. Of
what stands for arrays in a model that is being written, one of these functions gives
what stands for its result: it is a step of the model then, as a layer is.

>>> from jaxnet_mini import ops
>>> float(ops.multiply(2.0, 3.0)), ops.shape(ops.ones((2, 3)))
(6.0, (2, 3))
"""

import difflib
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import parameters
from jaxnet_mini.core import activations
from jaxnet_mini.core.symbols import Symbolic
from jaxnet_mini.core.variables import plain
from jaxnet_mini.errors import AbsentNameError, CallError, short

_OF_NUMPY = """
abs absolute add all amax amin any append arange arccos arccosh arcsin arcsinh arctan
arctan2 arctanh argmax argmin argsort array average bincount broadcast_to ceil clip
concatenate copy cos cosh count_nonzero cross cumprod cumsum diag diagonal diff digitize
divide dot einsum equal exp exp2 expand_dims expm1 eye flip floor floor_divide full
full_like greater greater_equal hstack identity inner isclose isfinite isinf isnan less
less_equal linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or
logical_xor matmul max maximum mean median meshgrid min minimum mod moveaxis multiply
nan_to_num ndim negative not_equal ones ones_like outer pad power prod quantile ravel
reciprocal repeat reshape roll round searchsorted select shape sign sin sinh size sort
split sqrt square squeeze stack std subtract sum swapaxes take_along_axis tan
tensordot tile trace transpose tri tril triu true_divide var vdot vstack where zeros
zeros_like
"""
_OF_ACTIVATIONS = """
celu elu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid
log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
squareplus tanh tanh_shrink
"""
_OF_LAX = "cond erf fori_loop rsqrt scan stop_gradient"
_PLACES: dict[str, Any] = {
    **dict.fromkeys(_OF_NUMPY.split(), jnp),
    **dict.fromkeys(_OF_ACTIVATIONS.split(), activations),
    **dict.fromkeys(_OF_LAX.split(), jax.lax),
    # The function of that name is approximate by default, the activation is not.
    **dict.fromkeys(("gelu", "logsumexp", "one_hot"), jax.nn),
    **dict.fromkeys(("cholesky", "det", "inv", "norm", "qr", "solve"), jnp.linalg),
}


def cast(x: Any, dtype: Any) -> jax.Array:
    """Return an array of another dtype, given by name."""
    return jnp.asarray(x).astype(jax.dtypes.canonicalize_dtype(dtype))


def convert_to_tensor(x: Any, dtype: Any = None) -> jax.Array:
    """Return what is given as an array of JAX."""
    x = jnp.asarray(x)
    return x if dtype is None else cast(x, dtype)


def convert_to_numpy(x: Any) -> NDArray[Any]:
    """Return what is given as an array of NumPy."""
    return np.asarray(plain(x))


def top_k(x: Any, k: int, sorted: bool = True) -> Any:  # noqa: ARG001
    """Return the ``k`` largest along the last axis and their places, in order always.

    >>> [part.tolist() for part in top_k([5, 2, 7], 2, sorted=False)]
    [[7, 5], [2, 0]]
    """
    return jax.lax.top_k(jnp.asarray(x), k)


def take(x: Any, indices: Any, axis: int | None = None) -> jax.Array:
    """Return what stands at some places along an axis.

    >>> take([5, 2, 7], [2, 0]).tolist()
    [7, 5]
    """
    return jnp.take(jnp.asarray(x), jnp.asarray(indices), axis)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[jax.Array]:
    """Return the arrays along an axis, in a list; ``num`` is their number."""
    x = jnp.moveaxis(jnp.asarray(x), axis, 0)
    return [x[place] for place in range(x.shape[0] if num is None else num)]


_OPEN = 2**31
"""What stands for a number of rows that is not known: more than there will be."""


def get_item(x: Any, key: Any) -> Any:
    """Return ``x[key]``.

    Raises:
        IndexError: there is no such entry, which JAX itself would not say.
    """
    entries = key if isinstance(key, tuple) else (key,)
    if all(isinstance(entry, int | slice | None) for entry in entries):
        # A number of rows that is left open, as in an exported file, is no integer.
        shape = [n if isinstance(n, int) else _OPEN for n in np.shape(x)]
        _ = np.broadcast_to(0, shape)[key]
    return x[key]


_HERE = (
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "get_item",
    "take",
    "top_k",
    "unstack",
)
__all__ = sorted([*_PLACES, *_HERE])


def of_arrays(name: str) -> Callable[..., Any]:
    """Return a function by its name, as it is where all that it takes has numbers.

    Raises:
        AbsentNameError: there is none.
    """
    if name in _HERE:
        return globals()[name]  # type: ignore[no-any-return]
    if name not in _PLACES:
        near = difflib.get_close_matches(name, __all__, n=1)
        guess = f"did you mean {near[0]}?" if near else "use jax.numpy or jax itself."
        raise AbsentNameError(f"jaxnet_mini.ops has no {name}: {guess}", name=name)
    function: Any = getattr(_PLACES[name], name)
    if name not in ("erf", "rsqrt"):
        return function  # type: ignore[no-any-return]
    # Unlike the others, these take nothing but arrays.
    return lambda x, *given, **named: function(jnp.asarray(x), *given, **named)


def _check(name: str, function: Any, given: tuple[Any, ...]) -> None:
    """Raise a CallError for what was given in place of an array, if anything was."""
    asked = [] if name == "einsum" else [*parameters(function).values()]
    if asked and asked[0].kind is asked[0].VAR_POSITIONAL:
        asked = asked[:1] * len(given)
    for parameter, value in zip(asked, given, strict=False):
        kinds = (
            getattr(leaf, "dtype", np.asarray(leaf).dtype).kind
            for leaf in jax.tree.leaves(value, is_leaf=lambda leaf: leaf is None)
            if not callable(leaf)
        )
        if parameter.default is parameter.empty and {*kinds} & {*"OSU"}:
            raise CallError(
                f"ops.{name}: {parameter.name} must be an array of numbers, not "
                f"{short(value)}."
            ) from None


@functools.cache  # so that a function is the same each time it is asked for
def __getattr__(name: str) -> Any:
    if name == "abs":  # by which name Keras knows the step of a model
        return __getattr__("absolute")
    function = of_arrays(name)

    def either(*given: Any, **named: Any) -> Any:
        for leaf in jax.tree.leaves((given, named)):
            if isinstance(leaf, Symbolic):
                return leaf.operation(name, given, named)
        try:
            return function(*given, **named)
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            _check(name, function, given)
            raise

    functools.update_wrapper(either, function)
    # What a layer takes for its activation, see `activations.Named`.
    either.of_arrays = function  # type: ignore[attr-defined]
    either.__module__, either.__name__, either.__qualname__ = __name__, name, name
    return either


def __dir__() -> list[str]:
    return __all__

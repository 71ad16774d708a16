"""Initializers: Keras's names and defaults, JAX's formulas.

Source: https://keras.io/api/layers/initializers/ and ``jax.nn.initializers``. Each is
called as ``initializer(key, shape)`` and returns an array of JAX's default float type.

A kernel of shape ``(features, units)`` has ``features`` inputs and ``units`` outputs;
of one with more axes each of the others multiplies both. Truncated normal numbers lie
within two standard deviations of the distribution that they are cut from.

- ``glorot_normal``: truncated normal of variance ``2 / (inputs + outputs)``
- ``glorot_uniform``: uniform in ``[-r, r)`` with ``r = sqrt(6 / (inputs + outputs))``
- ``he_normal``: truncated normal of variance ``2 / inputs``
- ``he_uniform``: uniform in ``[-r, r)`` with ``r = sqrt(6 / inputs)``
- ``identity``: 1 where row and column are of one number, and 0 elsewhere
- ``lecun_normal``: truncated normal of variance ``1 / inputs``
- ``lecun_uniform``: uniform in ``[-r, r)`` with ``r = sqrt(3 / inputs)``
- ``ones``: 1
- ``orthogonal``: orthogonal columns of length 1, or rows where there are fewer
- ``random_normal``: normal of standard deviation 0.05
- ``random_uniform``: uniform in ``[-0.05, 0.05)``
- ``truncated_normal``: normal of standard deviation 0.05 within two of them
- ``zeros``: 0

Each is an object of the class of the same name, such as ``HeNormal``. The classes have
Keras's arguments, and a ``seed`` with which they draw from it instead of from the key.

Sources: Glorot & Bengio 2010, He et al. 2015, LeCun et al. 1998, Saxe et al. 2014.

>>> import jax
>>> kernel = glorot_uniform(jax.random.key(0), (2, 1))
>>> kernel.shape, bool((abs(kernel) <= 2.0**0.5).all())
((2, 1), True)
"""

# What is listed below is at home in one of these; each name stands here once.
# ruff: noqa: F403, F405

from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import can_call, parameters
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import named
from jaxnet_mini.core.fields import Checked
from jaxnet_mini.core.initializers.base import *
from jaxnet_mini.core.initializers.random import *
from jaxnet_mini.core.types import RandomKey, Shape
from jaxnet_mini.errors import ArgumentError, ShapeError, short

__all__ = ["INITIALIZERS", "Initializer", "get"]
__all__ += ["Constant", "Identity", "Ones", "Orthogonal", "Zeros"]
__all__ += ["RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"]
__all__ += ["GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform"]
__all__ += ["LecunNormal", "LecunUniform"]
__all__ += ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity"]
__all__ += ["lecun_normal", "lecun_uniform", "ones", "orthogonal", "random_normal"]
__all__ += ["random_uniform", "truncated_normal", "zeros"]


glorot_normal = GlorotNormal()
glorot_uniform = GlorotUniform()
he_normal = HeNormal()
he_uniform = HeUniform()
identity = Identity()
lecun_normal = LecunNormal()
lecun_uniform = LecunUniform()
ones = Ones()
orthogonal = Orthogonal()
random_normal = RandomNormal()
random_uniform = RandomUniform()
truncated_normal = TruncatedNormal()
zeros = Zeros()

INITIALIZERS: dict[str, Drawing] = {
    name: globals()[name] for name in __all__ if name.islower() and name != "get"
}
"""Those above by their names."""

# Keras knows some by another name too.
_ALIASES = {
    "constant": "zeros",
    "identity_initializer": "identity",
    "normal": "random_normal",
    "one": "ones",
    "orthogonal_initializer": "orthogonal",
    "uniform": "random_uniform",
    "variance_scaling": "lecun_normal",
    "zero": "zeros",
}


def get(initializer: Any) -> Drawing:
    """Return the initializer behind a Keras name; a callable stands for itself.

    Args:
        initializer: a name, such as ``"he_normal"`` or ``"HeNormal"``; a callable of a
            key and a shape, or of ``shape`` and ``dtype`` as in Keras; one of the
            classes; an array for `Constant`; or None for ``GlorotUniform()``, as Keras
            makes weights of which nothing is said.

    Raises:
        UnknownNameError: no initializer has this name.
        ArgumentError: none of these.

    >>> import jax
    >>> get("zeros")(jax.random.key(0), (2,))
    Array([0., 0.], dtype=float32)
    >>> get("normal") is get("RandomNormal") is random_normal
    True
    """
    if initializer is None:
        return GlorotUniform()
    if isinstance(initializer, np.ndarray | Array):
        return Constant(initializer)
    if isinstance(initializer, str):
        initializer = _ALIASES.get(snake_case(initializer), initializer)
    words, example = "a name or a callable", 'kernel_initializer="he_normal"'
    return named.resolve(initializer, INITIALIZERS, Initializer, example, words, 0)


def drawn(what: str, initializer: Any, key: RandomKey, shape: Shape) -> Array:
    """Return what an initializer gives for a weight.

    Args:
        what: what messages call it.
        initializer: as `get` takes it. One of a user's own is called as
            ``(key, shape)``, or in Keras's form, if its first argument is called
            ``shape``, as ``(shape, dtype=dtype)``.
        key: of the random numbers.
        shape: of the weight.

    Raises:
        ArgumentError: it cannot be called so.
        ShapeError: it does not give numbers of that shape.
    """
    function, floats = get(initializer), jax.dtypes.canonicalize_dtype(float)
    given: tuple[Any, ...] = (key, shape)
    named: dict[str, Any] = {}
    if [*parameters(function)][:1] == ["shape"]:
        given, named = (shape,), {"dtype": floats}
    known = isinstance(function, Initializer)
    if not known and not can_call(function, *given, **named):
        raise ArgumentError(
            f"{what} must be a function of (key, shape), or in Keras's form of "
            f"(shape, dtype), not {function!r}, which takes other arguments."
        )
    value = function(*given, **named)
    if getattr(value, "shape", None) != shape:
        came = getattr(value, "shape", None)
        came = short(value) if came is None else f"an array of shape {came}"
        raise ShapeError(
            f"{what} made {came} for {shape}: it is called as (key, shape), and must "
            "return an array of that shape."
        )
    found = jnp.asarray(value)
    is_float = jnp.issubdtype(found.dtype, jnp.floating)
    return found if is_float else found.astype(floats)


def _check(_: str, value: Any) -> Any:
    found = get(value)
    # Of an array, or a class, the value that it stands for.
    return value if value is None or isinstance(value, str) else found


Named: TypeAlias = Annotated[str | Drawing | None, Checked(_check)]
"""What layers take: a name or the function itself, None for ``GlorotUniform()``."""

"""Programs that run once, computed by NumPy where it computes the same bits.

What draws the first weights of a small network runs for a few milliseconds and is
compiled for a fifth of a second, nearly all of it for the rounds of Threefry, from
which JAX draws. Here JAX traces it, as always, and NumPy does one operation after
another.

Whole numbers are the same whoever computes them. So are sums, products and roots of
floats, each rounded once; but a processor may round a product and the sum that it
enters together. Where a rounded product enters one, where an operation is none of those
below, and where there is much to compute, the program is to be compiled.

Sources: Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405, and
https://docs.jax.dev/en/latest/jep/263-prng.html
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

MOST = 2**20
"""So many numbers at most: they take NumPy 50 milliseconds."""

PARTITIONABLE = "jax_threefry_partitionable"
"""The setting of JAX under which it draws as is done here."""

THREEFRY = "key<fry>"
"""The dtype of keys of this generator. Here keys have a last axis of two words."""

ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)
PARITY = np.uint32(0x1BD11BDA)

Words = NDArray[np.uint32]


class UnknownError(Exception):
    """What is not known to be computed to the same bits here."""


class Rounded(np.ndarray):
    """Products of floats that were rounded, or what is made of them without sums."""


def computed(traced: Any, arguments: Sequence[Any]) -> Any:
    """Return what a program returns; None where it has to be compiled.

    Args:
        traced: what ``jax.jit(...).trace`` has returned.
        arguments: the leaves of its arguments, in their order.
    """
    closed, structure = traced.jaxpr, jax.tree.structure(traced.out_info)
    kinds = [variable.aval for variable in closed.jaxpr.outvars]
    on_host = all(isinstance(leaf, np.ndarray | np.generic) for leaf in arguments)
    few = sum(math.prod(kind.shape) for kind in kinds) <= MOST
    if not (on_host and few and getattr(jax.config, PARTITIONABLE)):
        return None
    if any(getattr(kind, "weak_type", False) for kind in kinds):
        return None
    try:
        _check_names(closed.jaxpr)
        found = _run(closed.jaxpr, closed.consts, arguments)
    except UnknownError:
        return None
    # Now, also where a user's function is being traced.
    with jax.ensure_compile_time_eval():
        leaves = [_put(*pair) for pair in zip(found, kinds, strict=True)]
    return jax.tree.unflatten(structure, leaves)


def _put(value: Any, kind: Any) -> Any:
    # Each in memory of its own, which nobody else writes to.
    own = jax.device_put(np.array(value))
    if jnp.issubdtype(kind.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(own, impl="threefry2x32")
    return own


def _check_names(jaxpr: Any) -> None:
    """Raise UnknownError for an operation, before anything is computed."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name not in OPERATIONS or not all(map(_is_plain, equation.invars)):
            raise UnknownError(name)
        if name in NESTED:
            _check_names(equation.params["jaxpr"].jaxpr)


def _run(jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    values = dict(zip(jaxpr.constvars, consts, strict=True))
    values |= dict(zip(jaxpr.invars, arguments, strict=True))

    def value_of(atom: Any) -> Any:
        # A literal has its value; importing its class takes 28 modules.
        own = atom.val if hasattr(atom, "val") else values[atom]
        if isinstance(own, Rounded) or _is_a(jax.dtypes.prng_key, atom):
            return own
        return np.asarray(own, atom.aval.dtype)

    for equation in jaxpr.eqns:
        name, results = equation.primitive.name, equation.outvars
        taken = [value_of(atom) for atom in equation.invars]
        if name not in NESTED and _is_a(np.floating, results[0]):
            found = _of_floats(name, taken, equation.params)
        else:
            found = OPERATIONS[name](*taken, **equation.params)
        several = equation.primitive.multiple_results
        values |= zip(results, found if several else [found], strict=True)
    return [value_of(atom) for atom in jaxpr.outvars]


def _of_floats(name: str, taken: list[Any], params: dict[str, Any]) -> Any:
    rounded = any(isinstance(value, Rounded) for value in taken)
    if rounded and name in ("add", "sub"):
        raise UnknownError(name)
    taken = [np.asarray(value) for value in taken]
    found = OPERATIONS[name](*taken, **params)
    if name == "mul":
        rounded = rounded or not _is_exact(found, *taken)
    return np.asarray(found).view(Rounded) if rounded and name != "sqrt" else found


def _is_a(kind: Any, atom: Any) -> bool:
    return bool(jnp.issubdtype(atom.aval.dtype, kind))


def _is_plain(atom: Any) -> bool:
    dtype = atom.aval.dtype
    if _is_a(jax.dtypes.prng_key, atom):
        return str(dtype) == THREEFRY
    return np.dtype(dtype).kind in "bif" or dtype == np.uint32


def _is_exact(product: Any, a: Any, b: Any) -> bool:
    if product.dtype != np.float32:
        return False
    return bool(np.array_equal(product, a.astype(np.float64) * b.astype(np.float64)))


def threefry(key: Words, high: Words, low: Words) -> tuple[Words, Words]:
    """Return the two words of Threefry-2x32 in 20 rounds, for each count.

    Args:
        key: two words.
        high: the first word of each count.
        low: the second.
    """
    words = key[0], key[1], key[0] ^ key[1] ^ PARITY
    with np.errstate(over="ignore"):
        x, y = high + words[0], low + words[1]
        for group in range(5):
            for rotation in ROTATIONS[group % 2]:
                x = x + y
                y = (y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))
                y = y ^ x
            x = x + words[(group + 1) % 3]
            y = y + words[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def _seeded(seed: Any, **_: Any) -> Words:
    if seed.ndim or seed.dtype.kind not in "iu":
        raise UnknownError("random_seed")
    high = np.uint32(int(seed) >> 32 & 0xFFFFFFFF if seed.dtype.itemsize > 4 else 0)
    return np.array([high, int(seed) & 0xFFFFFFFF], np.uint32)


def _folded(key: Words, data: Any, **_: Any) -> Words:
    _check_one(key)
    return np.array(threefry(key, *_seeded(data)[:, None]))[:, 0]


def _counted(key: Words, shape: Sequence[int]) -> tuple[Words, Words]:
    _check_one(key)
    counts = np.arange(math.prod(shape), dtype=np.uint64).reshape(shape)
    high, low = (counts >> np.uint64(32)), counts & np.uint64(0xFFFFFFFF)
    return threefry(key, high.astype(np.uint32), low.astype(np.uint32))


def _check_one(key: Words) -> None:
    if key.ndim != 1:
        raise UnknownError("several keys")


def _split(key: Words, *, shape: Sequence[int], **_: Any) -> Words:
    return np.stack(_counted(key, shape), axis=-1)


def _bits(key: Words, *, bit_width: int, shape: Sequence[int], **_: Any) -> Words:
    if bit_width != 32 or math.prod(shape) > MOST:
        raise UnknownError("random_bits")
    return np.bitwise_xor(*_counted(key, shape))


def _unstacked(array: Any, *, axis: int, **_: Any) -> list[Any]:
    if array.dtype != np.uint32:
        raise UnknownError("unstack")
    return list(np.moveaxis(array, axis, 0))


def _sliced(
    array: Any, *, start_indices: Any, limit_indices: Any, strides: Any, **_: Any
) -> Any:
    steps = strides or (1,) * len(start_indices)
    return array[tuple(map(slice, start_indices, limit_indices, steps))]


def _squeezed(array: Any, *, dimensions: Sequence[int], **_: Any) -> Any:
    return np.squeeze(array, tuple(dimensions))


def _broadcast(
    array: Any, *, shape: Sequence[int], broadcast_dimensions: Sequence[int], **_: Any
) -> Any:
    if math.prod(shape) > MOST:
        raise UnknownError("broadcast_in_dim")
    own = np.ones(len(shape), int)
    own[list(broadcast_dimensions)] = array.shape
    return np.broadcast_to(array.reshape(own), shape)


def _converted(array: Any, *, new_dtype: Any, **_: Any) -> Any:
    return array.astype(new_dtype)


def _as_bits(array: Any, *, new_dtype: Any, **_: Any) -> Any:
    if array.dtype.itemsize != np.dtype(new_dtype).itemsize:
        raise UnknownError("bitcast_convert_type")
    return array.view(new_dtype)


def _shifted(array: Any, by: Any, **_: Any) -> Any:
    if array.dtype.kind != "u" or (by >= 8 * array.dtype.itemsize).any():
        raise UnknownError("shift_right_logical")
    return array >> by


def _called(*taken: Any, jaxpr: Any, **_: Any) -> list[Any]:
    return _run(jaxpr.jaxpr, jaxpr.consts, taken)


def _by(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *taken, **_: function(*taken)


def _same(value: Any, **_: Any) -> Any:
    return value


NESTED = {"jit": _called, "pjit": _called}
"""Functions under ``jax.jit``, by its name in several versions of JAX."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    "random_seed": _seeded,
    "random_fold_in": _folded,
    "random_split": _split,
    "random_bits": _bits,
    "random_clone": _same,
    "unstack": _unstacked,
    "slice": _sliced,
    "squeeze": _squeezed,
    "broadcast_in_dim": _broadcast,
    "convert_element_type": _converted,
    "bitcast_convert_type": _as_bits,
    "shift_right_logical": _shifted,
    "or": _by(np.bitwise_or),
    "add": _by(np.add),
    "sub": _by(np.subtract),
    "mul": _by(np.multiply),
    "max": _by(np.maximum),
    "sqrt": _by(np.sqrt),
    "copy_p": _same,
    "copy": _same,
    **NESTED,
}
"""By the names that JAX gives to its primitives."""

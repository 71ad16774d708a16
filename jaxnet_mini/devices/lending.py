"""Compiled programs, lent to devices that were made here instead of compiled again.

Devices of one CPU run the same machine code, whatever the threads that they compute
with: a program is compiled for JAX's own device, and loaded for another one in a
twentieth of the time.

What JAX itself has loaded from its cache on disk cannot be lent: as of JAX 0.12 it is
written again without some of its functions, and fails when it runs. There is no need
to: the cache has it for every device. Versions 0.9 and 0.10 write of loaded programs to
the error output, on some processors, that they were compiled for another one.

Source: https://github.com/jax-ml/jax/issues/38445
"""

from typing import Any

import jax
from jax.experimental import serialize_executable

from jaxnet_mini.devices import pools

_COMPLAINING = (0, 9), (0, 11)
"""The version since which JAX complains, and the one before which it does."""


def lent(compiled: Any, device: Any) -> Any:
    """Return a compiled program for another device; None where it cannot be lent.

    One that calls back into Python, or that holds arrays, cannot.

    Args:
        compiled: for JAX's default device, from ``jax.jit(...).lower(...).compile()``.
        device: one of `pools`.
    """
    if _COMPLAINING[0] <= jax.__version_info__ < _COMPLAINING[1]:
        return None
    # What may go wrong differs with the version of JAX; the way around is always there.
    try:
        program, arguments, results = serialize_executable.serialize(compiled)
        return serialize_executable.deserialize_and_load(
            program,
            arguments,
            results,
            backend=device.client,
            execution_devices=[device],
        )
    except Exception:
        return None


def comes_from_disk() -> bool:
    """Tell whether JAX may load what it would compile now from its cache on disk."""
    on, folder = "jax_enable_compilation_cache", "jax_compilation_cache_dir"
    return bool(getattr(jax.config, on) and getattr(jax.config, folder))


def own_among(arguments: Any) -> Any:
    """Return the device made here on which arguments lie; None for JAX's own.

    They all lie where the first array lies.
    """
    if not pools.any_made():
        return None
    for leaf in jax.tree.leaves(arguments):
        if isinstance(leaf, jax.Array):
            return pools.own_of(leaf)
    return None


def as_at_home(arguments: Any) -> Any:
    """Return shapes in place of arrays that lie, or are to lie, on such a device."""

    def shape(leaf: Any) -> Any:
        if pools.own_of(leaf) is None:
            return leaf
        weak = getattr(leaf, "weak_type", False)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, weak_type=weak)

    return jax.tree.map(shape, arguments)


def settings() -> dict[str, Any]:
    """Return the settings of JAX as they are in this thread, but for its guards."""
    guards = "jax_transfer_guard"  # which `transfers.meant` sees to
    return {
        name: getattr(jax.config, name, None)
        for name in jax.config.values
        if not name.startswith(guards)
    }

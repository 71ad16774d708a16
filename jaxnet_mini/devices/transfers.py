"""Moves between host and device where JAX was told to guard them.

``jax.transfer_guard("disallow")`` finds the moves that nobody meant. Those of this
library are meant, and say so here; what a user's callback does stays guarded.

Source: https://docs.jax.dev/en/latest/transfer_guard.html
"""

import contextlib
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import StateError

_OPTIONS = ("jax_transfer_guard_host_to_device", "jax_transfer_guard_device_to_host")

_UNMEANT = ("log", "disallow")

_nothing: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()


def meant() -> contextlib.AbstractContextManager[Any]:
    """Return a context in which moves are not taken for ones that nobody meant."""
    # The context of JAX takes ten times as long as these questions.
    if all(getattr(jax.config, option) not in _UNMEANT for option in _OPTIONS):
        return _nothing
    return jax.transfer_guard("allow")


def to_host(array: Any) -> NDArray[Any]:
    """Return an array of the device as NumPy's; on a CPU it is not copied."""
    with meant():
        return np.asarray(array)


def check(job: str) -> None:
    """Raise a StateError where ``job`` may move nothing at all."""
    for option in _OPTIONS:
        if getattr(jax.config, option) == "disallow_explicit":
            raise StateError(
                f"{job} moves arrays between host and device, and {option} is "
                "'disallow_explicit', which forbids all moves: set it to 'disallow', "
                "which forbids those alone that nobody meant."
            )

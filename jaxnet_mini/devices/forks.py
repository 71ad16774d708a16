"""A process forked from one in which JAX was at work: a clear error, not a hang.

A fork copies memory and no threads. JAX waits for the threads of its device, for ever.
"""

import os
import sys

from jaxnet_mini.errors import StateError

_forked = False


def _note() -> None:
    global _forked
    # There is no public way to ask whether a device was started without starting it.
    bridge = sys.modules.get("jax._src.xla_bridge")
    _forked = _forked or bool(getattr(bridge, "_backends", None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note)


def check(job: str) -> None:
    """Raise a StateError where ``job`` would wait for threads that are not there."""
    if _forked:
        raise StateError(
            f"{job} in a forked process would wait for ever: JAX was at work before "
            "the fork, and its threads stayed behind. Start processes by "
            "multiprocessing.get_context('spawn'), or fork before JAX computes "
            "anything."
        )

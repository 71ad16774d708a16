"""Small jobs on a CPU, computed by the thread that asks for them.

JAX hands a program to another thread and waits for it. Where that one has gone to
sleep, as between two calls of ``predict``, that takes up to a tenth of a millisecond,
several times what some rows take in a small network. A CPU client of JAX's that is not
asynchronous computes within the call. It has one thread: its bits depend on no number
of cores.
"""

import math
from typing import Any, NamedTuple

import jax

from jaxnet_mini.core.types import Variables, is_key
from jaxnet_mini.devices import pools, transfers
from jaxnet_mini.devices.products import RATE

SECONDS = 2e-4
"""What takes more, by our estimate, goes to JAX's own threads: two of them save half
of that, less than what waking them takes where cores are far from each other."""

BYTES = 1 << 20
"""Larger weights are read more slowly than they are multiplied with."""


class _Asked(NamedTuple):
    """What is known of the weights that were last asked for.

    Args:
        leaves: of the weights where they lie.
        lent: the same where programs compute at once; None where they may not.
        products: how many multiplications a row takes.
    """

    leaves: list[Any]
    lent: Variables | None
    products: int


class Weights:
    """The small weights of one model, where programs compute at once.

    They are put there, without a copy, where they have changed since they were last
    asked for. What holds this may be copied or kept in a file: the copy begins empty.
    """

    def __init__(self) -> None:
        self._last = _Asked([], None, 0)

    def __reduce__(self) -> tuple[type["Weights"], tuple[()]]:
        return Weights, ()

    def of(self, variables: Variables, rows: int) -> Variables:
        """Return weights with which a program computes so many rows the soonest.

        Args:
            variables: of a network, on JAX's default device.
            rows: of its inputs.
        """
        leaves, last = jax.tree.leaves(variables), self._last
        same = len(leaves) == len(last.leaves)
        if not same or any(map(_differ, leaves, last.leaves)):
            with transfers.meant():
                last = self._last = _asked(leaves, variables)
        if last.lent is None or 2 * rows * last.products > RATE * SECONDS:
            return variables
        if getattr(jax.config, "jax_default_device", None) is not None:
            return variables
        return last.lent


def _differ(one: Any, other: Any) -> bool:
    return one is not other


def _asked(leaves: list[Any], variables: Variables) -> _Asked:
    matrices = [leaf.shape for leaf in leaves if leaf.ndim == 2]
    # Of the products of more than matrices we know nothing.
    known = all(leaf.ndim <= 2 and not is_key(leaf) for leaf in leaves)
    small = known and sum(leaf.nbytes for leaf in leaves) <= BYTES
    if not (small and matrices and _lie_on_the_cpu(leaves)):
        return _Asked(leaves, None, 0)
    lent = jax.device_put(variables, pools.at_once())
    return _Asked(leaves, lent, sum(map(math.prod, matrices)))


def _lie_on_the_cpu(leaves: list[Any]) -> bool:
    """Tell whether all lie on JAX's first device, a CPU of a process alone."""
    if jax.process_count() > 1 or jax.default_backend() != "cpu":
        return False
    return all(leaf.devices() == {jax.local_devices()[0]} for leaf in leaves)

"""What is this library's own, and what is a user's and may have changed since.

A compiled program is found by what it computes with. Of a user's function that says
little: it may read a global, an attribute or a closure that has changed. ``compile``
therefore has everything traced anew where something of a user's own is in it, by a
`Trace` that is part of what programs are found by. What is known by name goes on
sharing programs.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
from jax import Array

from jaxnet_mini.core import activations, initializers
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.types import Layer
from jaxnet_mini.core.values import Value, held

PACKAGES = {"jax", "jaxnet_mini", "optax"}
"""Whose functions read nothing that changes, where they are found by their names."""

_NAMED = {
    id(function)
    for table in (activations.ACTIVATIONS, initializers.INITIALIZERS)
    for function in table.values()
}


class Trace:
    """One time at which a user's own things are looked at; equal to itself alone."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "Trace":
        # A copy of a model is not compiled again.
        return self


_AT_HAND: ContextVar[Trace | None] = ContextVar("trace at hand", default=None)


@contextlib.contextmanager
def within(trace: Trace | None) -> Iterator[None]:
    """Let all that is made and called here belong to one trace."""
    before = _AT_HAND.set(trace)
    try:
        yield
    finally:
        _AT_HAND.reset(before)


def at_hand() -> Trace | None:
    """Return the trace `within` which this is called."""
    return _AT_HAND.get()


def trace_for(*values: Any) -> Trace | None:
    """Return what has these traced anew, or None where all of them are known."""
    return None if is_known(values) else at_hand() or Trace()


def is_known(value: Any) -> bool:
    """Return whether nothing in a value is of a user's own.

    >>> is_known(activations.relu), is_known(lambda x: x)
    (True, False)
    """
    if value is None or isinstance(value, type):
        return value is None or _is_found(value)
    if type(value) in (bool, int, float, complex, str, bytes):
        return True
    if isinstance(value, np.ndarray | np.generic | Array):
        return not getattr(value.dtype, "hasobject", False)
    if type(value) in (tuple, list, set, frozenset):
        return all(map(is_known, value))
    if type(value) is dict:
        return all(map(is_known, value.values()))
    if isinstance(value, Value):
        return _is_found(type(value)) and is_known(held(value))
    return id(value) in _NAMED or _is_found(value)


def _is_found(value: Any) -> bool:
    """Return whether a class or function stands under its name in a known package."""
    module, path = (getattr(value, n, None) for n in ("__module__", "__qualname__"))
    if not isinstance(module, str) or not isinstance(path, str):
        return False
    if module.split(".")[0] not in PACKAGES:
        return False
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is value


def _asked(question: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of `Retraced` that asks its layer, at the time of its trace."""

    def method(self: Any, *given: Any, **named: Any) -> Any:
        """See `jaxnet_mini.core.types.Layer`."""
        with within(self.trace):
            return question(self.net, *given, **named)

    return method


@dataclasses.dataclass(frozen=True)
class Retraced(Value):
    """A layer as it is at one time: it computes the same by programs of its own."""

    net: Layer
    trace: Trace

    init = _asked(lambda net, *given: net.init(*given))
    apply = _asked(lambda net, *given, **named: net.apply(*given, **named))
    init_state = _asked(protocol.init_state)
    update = _asked(protocol.run)

    @property
    def has_state(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.has_state`."""
        return protocol.has_state(self.net)

    @property
    def always_training(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.always_training`."""
        return protocol.always_training(self.net)

    @property
    def acts_by_row(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.acts_by_row`."""
        return protocol.acts_by_row(self.net)


def retraced(net: Layer) -> Layer:
    """Return a layer that is traced anew; itself where all of it is known."""
    trace = trace_for(net)
    return net if trace is None else Retraced(net, trace)

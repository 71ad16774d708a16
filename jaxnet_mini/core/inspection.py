"""What a user's class says of itself: how its objects were made, and its methods."""

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

MADE_OF = "_arguments"
"""Where an object keeps the arguments that it was made of, by name."""


def keeping_arguments(init: Callable[..., None]) -> Callable[..., None]:
    """Return an ``__init__`` after which an object knows what it was made of."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def called(self: Any, *given: Any, **named: Any) -> None:
        if MADE_OF not in vars(self):  # else it is of a class derived from this one
            try:
                bound = signature.bind(self, *given, **named)
            except TypeError:  # which init says better
                pass
            else:
                arguments = dict([*bound.arguments.items()][1:])
                for parameter in signature.parameters.values():
                    if parameter.kind is parameter.VAR_KEYWORD:
                        arguments |= arguments.pop(parameter.name, {})
                vars(self)[MADE_OF] = arguments
        init(self, *given, **named)

    return called


@functools.lru_cache(maxsize=1024)
def parameters_of(kind: Any, method: str) -> frozenset[str]:
    """Return the names of what a method of a class takes."""
    return frozenset(inspect.signature(getattr(kind, method)).parameters)


@functools.lru_cache(maxsize=1024)
def names_in(kind: Any) -> frozenset[str]:
    """Return the globals and attributes that the methods of a user's class name."""

    def names(code: types.CodeType) -> frozenset[str]:
        inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
        return frozenset(code.co_names).union(*map(names, inner))

    methods = [
        member.__code__
        for base in kind.__mro__
        if not base.__module__.startswith("jaxnet_mini.")
        for member in vars(base).values()
        if isinstance(member, types.FunctionType)
    ]
    return frozenset[str]().union(*map(names, methods))

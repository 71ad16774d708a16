"""What a user's class says of itself: how its objects were made, and its methods."""

import dataclasses
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, ClassVar

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.text import as_call
from jaxnet_mini.core.fields import WithConfig
from jaxnet_mini.core.values import MADE_OF
from jaxnet_mini.errors import ArgumentError


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


class Configured(WithConfig):
    """The base of what users derive classes from that have an ``__init__``.

    An object of such a class knows what it was made of; one of a dataclass has that in
    its fields.
    """

    given_to_all: ClassVar[tuple[str, ...]] = ("name",)
    """The arguments that ``__init__`` of the base takes."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "__init__" in vars(cls):
            own = keeping_arguments(vars(cls)["__init__"])
            setattr(cls, "__init__", own)  # noqa: B010

    def __repr__(self) -> str:
        if MADE_OF not in vars(self) and dataclasses.is_dataclass(self):
            return as_call(self)
        made_of = vars(self).get(MADE_OF, {})
        shown = (f"{name}={value!r}" for name, value in made_of.items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make such an object again, by name, for files.

        A class that overrides it adds its own to those of ``super().get_config()``.
        """
        made_of = vars(self).get(MADE_OF)
        if type(self).get_config is Configured.get_config:
            if made_of is not None:
                return dict(made_of)
            if dataclasses.is_dataclass(self):
                return super().get_config()
        return {name: getattr(self, name) for name in self.given_to_all}


def parameters_of(kind: Any, method: str) -> tuple[str, ...]:
    """Return the names of what a method of a class takes, after the object."""
    return (*inspect.signature(getattr(kind, method)).parameters,)[1:]


def default_of(kind: Any, method: str, name: str) -> Any:
    """Return what a method of a class takes an argument for that is not given.

    ``inspect.Parameter.empty`` where there is no such class, method or default.
    """
    function = getattr(kind, method, None)
    parameters = inspect.signature(function).parameters if function else {}
    own = parameters.get(name)
    return inspect.Parameter.empty if own is None else own.default


def defined_in(kind: Any) -> frozenset[str]:
    """Return the names that a user's class and its bases define, before one of ours."""
    found: set[str] = set()
    for base in kind.__mro__:
        if attributes.is_ours(base):
            break
        found |= vars(base).keys()
    return frozenset(found)


def is_made_by_config(kind: Any) -> bool:
    """Tell whether a file has what ``get_config`` of a user's class returns.

    Of a dataclass it has the fields.
    """
    own = defined_in(kind)
    made = {"__init__", "get_config"} & own and callable(
        getattr(kind, "get_config", None)
    )
    return bool(made) and "__dataclass_fields__" not in vars(kind)


def names(code: types.CodeType | None) -> frozenset[str]:
    """Return the names of all globals and attributes in code; none of no code."""
    if code is None:
        return frozenset()
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return frozenset(code.co_names).union(*map(names, inner))


def bound(kind: Any, method: str, given: Any, named: Any) -> dict[str, Any]:
    """Return by name what a method is called with.

    Raises:
        TypeError: it takes other arguments.
    """
    signature = inspect.signature(getattr(kind, method))
    return dict([*signature.bind(None, *given, **named).arguments.items()][1:])


def names_in(kind: Any) -> frozenset[str]:
    """Return the globals and attributes that the methods of a user's class name."""
    methods = [
        member.__code__
        for base in kind.__mro__
        if not attributes.is_ours(base)
        for member in vars(base).values()
        if isinstance(member, types.FunctionType)
    ]
    return frozenset[str]().union(*map(names, methods))


def check_free(owner: Any, name: str, reserved: frozenset[str]) -> None:
    """Check that an attribute of a user's object hides no method that is called here.

    Raises:
        ArgumentError: it does.
    """
    if name in reserved:
        raise ArgumentError(
            f"{type(owner).__name__} sets self.{name}, which is a method of every one "
            f"of its kind here: call it another name, such as self.own_{name}."
        )

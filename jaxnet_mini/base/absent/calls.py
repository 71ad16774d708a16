"""What is answered where something is called with arguments that it does not take.

An argument of Keras that is absent here is answered by one sentence that says what to
write instead; where it is given with a value that asks for nothing it is left out. Any
other is answered by the nearest name. Signatures stay as they are.
"""

import difflib
import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from jaxnet_mini.base.absent.arguments import absent
from jaxnet_mini.base.absent.attributes import is_ours
from jaxnet_mini.base.absent.modules import offered
from jaxnet_mini.errors import MOST_LETTERS, CallError, short

Function = TypeVar("Function", bound=Callable[..., Any])
METHODS = (
    *("add", "pop", "compile", "fit", "evaluate", "predict", "train_on_batch"),
    *("test_on_batch", "predict_on_batch", "summary", "save", "save_weights"),
    *("load_weights", "set_weights"),
)
"""Those of models that answer so."""
FUNCTIONS = (
    *("clone_model", "get", "load_model", "model_from_json", "model_to_dot"),
    *("normalize", "pad_sequences", "plot_model", "set_random_seed", "to_categorical"),
)
"""Those of modules; losses and metrics are wrapped where they are defined."""


class Taken(NamedTuple):
    """What a function takes."""

    by_position: tuple[str, ...]
    by_name: frozenset[str]
    needed: tuple[str, ...]
    more_by_position: bool
    more_by_name: bool

    @classmethod
    def by(cls, function: Callable[..., Any]) -> "Taken":
        """Read it from a signature."""
        parameters = list(inspect.signature(function).parameters.values())
        kinds = {p.kind for p in parameters}
        more = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
        parameters = [p for p in parameters if p.kind not in more]
        return cls(
            tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD),
            frozenset(p.name for p in parameters),
            tuple(p.name for p in parameters if p.default is p.empty),
            *(kind in kinds for kind in more),
        )

    def fits(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
        """Tell whether a call would be understood."""
        given = self.by_position[: len(positional)]
        return (
            (self.more_by_position or len(positional) <= len(self.by_position))
            and (self.more_by_name or named.keys() <= self.by_name)
            and named.keys().isdisjoint(given)
            and all(n in given or n in named for n in self.needed)
        )


def answering(function: Function, *owners: str) -> Function:
    """Return a function that answers for the arguments that it does not take.

    Args:
        function: which; of a method the first argument is the object.
        owners: see `keras_arguments.absent`; "" stands for the class of the object.
    """
    taken = functools.cache(lambda: Taken.by(function))

    @functools.wraps(function)
    def called(*positional: Any, **named: Any) -> Any:
        if not taken().fits(positional, named):
            first = owners[0] or type(positional[0]).__name__
            names = (first, *owners[1:])
            named = _understood(taken(), names, positional, named)
        return function(*positional, **named)

    return called  # type: ignore[return-value]


def of(*owners: str) -> Callable[[Function], Function]:
    """Return `answering` as a decorator."""
    return lambda function: answering(function, *owners)


def _understood(
    taken: Taken,
    owners: tuple[str, ...],
    positional: tuple[Any, ...],
    named: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the named arguments without those that ask for nothing.

    Raises:
        CallError: others than those that are taken, too many, or too few.
    """
    owner, named = owners[0], dict(named)
    for name in () if taken.more_by_name else named.keys() - taken.by_name:
        _check_absent(taken, owners, name, named.pop(name))
    order = [name for name in taken.by_position if name != "self"]
    given = taken.by_position[: len(positional)]
    surplus = len(positional) - len(taken.by_position)
    if surplus > 0 and not taken.more_by_position:
        raise CallError(
            f"{owner} takes {len(order) or 'no'} argument{'s'[len(order) == 1 :]} by "
            f"position and got {len(order) + surplus}. {_listed(taken)}"
        )
    for name in given:
        if name in named:
            raise CallError(
                f"{owner} got {name} twice, by position and as {name}={named[name]!r}: "
                "give it once."
            )
    missing = [n for n in taken.needed if n not in given and n not in named]
    if missing:
        raise CallError(
            f"{owner} needs {' and '.join(missing)}: write "
            f"{owner}({', '.join(f'{name}=...' for name in missing)}). {_listed(taken)}"
        )
    return named


def _check_absent(taken: Taken, owners: tuple[str, ...], name: str, value: Any) -> None:
    """Accept a value that asks for nothing.

    Raises:
        CallError: it asks for something, or nothing is known of such an argument.
    """
    known = absent(owners, name)
    if known is not None:
        if any(type(value) is type(n) and value == n for n in known.nothing):
            return
        raise CallError(
            f"{owners[0]} has no argument {name} (got {short(value)}): {known.instead}."
        )
    shown = name if len(name) <= MOST_LETTERS else short(name)
    nearest = difflib.get_close_matches(shown, taken.by_name - {"self"}, n=1)
    guess = f"did you mean {nearest[0]}?" if nearest else _listed(taken).lower()
    raise CallError(f"{owners[0]} has no argument {shown}: {guess}")


def _listed(taken: Taken) -> str:
    others = sorted(taken.by_name - {*taken.by_position})
    names = [name for name in (*taken.by_position, *others) if name != "self"]
    names += ["others by name"] * taken.more_by_name
    return f"It takes {', '.join(names) or 'none'}."


def answer_arguments(faces: Mapping[str, ModuleType], model: type) -> None:
    """Let public classes, functions and the methods of models answer so.

    Args:
        faces: the modules, by the name that `keras_arguments` has for each.
        model: the class of models.
    """
    done: set[Any] = set()
    for room, module in faces.items():
        for name in offered(module):
            value = getattr(module, name)
            if name in FUNCTIONS:
                _wrap(module, name, name, room)
                # Where it is defined too, as pickle looks for it there.
                setattr(sys.modules[value.__module__], name, getattr(module, name))
            elif isinstance(value, type):
                for kind in value.__mro__:
                    if kind not in done and _says_how_it_is_made(kind):
                        done.add(kind)
                        _wrap(kind, "__init__", "", kind.__name__, room)
    for kind in model.__mro__:
        for name in METHODS:
            if name in vars(kind):
                _wrap(kind, name, name)


def _says_how_it_is_made(kind: Any) -> bool:
    """Tell whether it is a class of this library with arguments of its own."""
    return (
        is_ours(kind)
        and inspect.isfunction(vars(kind).get("__init__"))
        and not getattr(kind, "_is_protocol", False)
    )


def _wrap(place: Any, name: str, *owners: str) -> None:
    setattr(place, name, answering(vars(place)[name], *owners))

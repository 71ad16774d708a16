"""What a Keras name, a class or a callable stands for, where one of a kind is taken."""

from collections.abc import Mapping
from typing import Any, TypeVar

from jaxnet_mini.base.arguments import can_call, is_function, parameters
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.errors import ArgumentError, find

T = TypeVar("T")


def resolve(
    given: Any,
    table: Mapping[str, T],
    base: Any,
    example: str,
    words: str = "a name, a callable or None",
    takes: int = 1,
) -> T:
    """Return the callable behind what was given; itself where it is one.

    Args:
        given: a name, as one word of capitals or in snake case; a class derived from
            ``base``, for its defaults; or a callable that is no layer.
        table: what there is, by names in snake case.
        base: the class of its kind, by whose name messages call it.
        example: what messages advise to write.
        words: what they say is taken.
        takes: how many arguments the callable is given; 0 for who knows.

    Raises:
        UnknownNameError: no such name is in the table.
        ArgumentError: none of these.
    """
    kind = base.__name__.lower()
    if isinstance(given, str):
        return find(table, snake_case(given), kind, given)
    found: Any = given
    if isinstance(given, type) and issubclass(given, base):
        found = given()
    elif not is_function(given) or isinstance(given, type):
        article = "an" if kind[0] in "aeiou" else "a"
        raise ArgumentError(
            f"{article} {kind} must be {words}, not {given!r}: write for example "
            f"{example}."
        )
    if takes and not can_call(found, *(None,) * takes):
        raise ArgumentError(
            f"{given!r} takes ({', '.join(parameters(found))}), and a {kind} is called "
            "with an array alone: leave the other arguments out, or give them defaults."
        )
    resolved: T = found
    return resolved

"""Attributes and methods that nothing would look at: refused, with what to use instead.

A model that is given ``model.trainable = False`` would train all the same, and a method
``call`` of a layer would never be called. Names of Keras are answered by their meaning,
others by the nearest name that there is.
"""

import difflib
from collections.abc import Mapping
from typing import Any

from jaxnet_mini.errors import AbsentNameError, ArgumentError

PACKAGE = "jaxnet_mini."


def is_ours(kind: Any) -> bool:
    """Tell whether a class or function is this library's, and no user's subclass."""
    return f"{kind.__module__}.".startswith(PACKAGE)


def check_methods(kind: type, what: str) -> None:
    """Check that a user's class does not define a method of Keras's in vain.

    Args:
        kind: the class that is being defined.
        what: of which kind it is, see `keras_methods.METHODS`.

    Raises:
        ArgumentError: it does, and not beside the one that is called here.
    """
    if is_ours(kind):
        return
    import jaxnet_mini.base.absent.methods as methods

    instead, table = methods.of_methods(what)
    # A user's base that defines what is called here may call the rest itself.
    bases = [vars(base).keys() for base in kind.__mro__ if not is_ours(base)]
    if all(instead.isdisjoint(names) for names in bases):
        for name in table.keys() & vars(kind).keys():
            raise ArgumentError(
                f"{kind.__name__} defines {name}(), which nothing here would call: "
                f"{table[name]}."
            )


def check_set(
    owner: Any, name: str, known: set[str], absent: Mapping[str, str]
) -> None:
    """Check that an attribute that is set is one that something looks at.

    Args:
        owner: the object; a user's subclass may have attributes of its own.
        name: of the attribute.
        known: names besides those of its class.
        absent: names of Keras, and what to use instead.

    Raises:
        AbsentNameError: it is not.
    """
    kind = type(owner)
    found = getattr(kind, name, None)
    if isinstance(found, property) and found.fset is None:
        what = absent.get(name, "It follows from the rest")
        raise AbsentNameError(
            f"{kind.__name__}.{name} cannot be set. {what}.", name=name
        )
    if name in known or hasattr(kind, name):
        return
    if name not in absent and not is_ours(kind):
        return
    raise missing(owner, name, known, absent)


def missing(
    owner: Any, name: str, known: set[str], absent: Mapping[str, str]
) -> AbsentNameError:
    """Return the error of an attribute that is not there; see `check_set`."""
    kind = type(owner)
    where = f"{kind.__name__} has no attribute {name!r}"
    if name in absent:
        text = f"{where}. {absent[name]}."
    else:
        public = {known for known in dir(kind) if not known.startswith("_")} | known
        near = difflib.get_close_matches(name, sorted(public), n=1, cutoff=0.6)
        guess = f": did you mean {near[0]!r}?" if near else ""
        text = f"{where}{guess or '.'}"
    # Without the object: Python would put a guess of its own after the last sentence.
    return AbsentNameError(text, name=name)

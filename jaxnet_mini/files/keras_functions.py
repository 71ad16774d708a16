"""Functions in the words of Keras: a name, which its reader has the function of.

Source: https://github.com/keras-team/keras, ``keras/src/saving/serialization_lib.py``.
"""

from typing import Any

from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core import losses, metrics
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.files.config import FUNCTIONS
from jaxnet_mini.files.registered import in_package

OF_KERAS = {
    *(name.split(".")[1] for name in FUNCTIONS),
    *(losses.LOSSES.keys() | metrics.METRICS.keys()),
    *("glu", "threshold"),
}
"""The names by which Keras knows a function."""


def is_own(value: Json) -> bool:
    """Tell whether what `jaxnet_mini.files.config` wrote is a user's own function.

    >>> is_own({"function": "my_function"}), is_own({"function": "activations.relu"})
    (True, False)
    """
    name = value.get("function") if isinstance(value, dict) else None
    return isinstance(name, str) and "." not in name


def named(name: str) -> dict[str, Json]:
    """Return a function of a name as Keras writes it."""
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def own(value: Any, where: str) -> dict[str, Json]:
    """Return a user's own function as Keras writes it, by its name alone.

    Args:
        value: one of which `is_own` is true.
        where: what messages call it.

    Raises:
        ArgumentError: Keras has one of that name, and would take it where the user's
            own is not given to it.

    >>> own({"function": "my_function"}, "the loss")["config"]
    'my_function'
    """
    name: str = value["function"]
    if name in OF_KERAS and in_package(name) == name:
        raise ArgumentError(
            f"{where} cannot be written as Keras does: it is {name}, of your own, and "
            "Keras has another function of that name, which it would read in its "
            "place. Rename yours, or give the file a name that ends in '.safetensors'."
        )
    return named(in_package(name))

"""How things are written: names of classes, and frozen values as calls."""

import dataclasses
import math
import re
from typing import Any

import numpy as np


def snake_case(name: str) -> str:
    """Return Keras's default name of a class.

    >>> snake_case("LayerNormalization")
    'layer_normalization'
    """
    border = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])"
    return re.sub(border, "_", name).lower()


def held(value: Any, name: str) -> Any:
    """Return what an object holds by a name, whatever it shows by it."""
    own = getattr(value, "__dict__", {})
    return own[name] if name in own else getattr(value, name)


def as_call(value: Any) -> str:
    """Return a dataclass's value as the call that makes it, without defaults.

    >>> @dataclasses.dataclass
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> as_call(Point(1.0)), as_call(Point(1.0, 2.0))
    ('Point(1.0)', 'Point(1.0, y=2.0)')
    """

    def write(argument: Any) -> str:
        if isinstance(argument, np.ndarray):
            return f"<an array of shape {argument.shape}>"
        # A function by its name: its own repr is its address.
        named = callable(argument) and not dataclasses.is_dataclass(argument)
        return (
            getattr(argument, "__name__", repr(argument)) if named else repr(argument)
        )

    shown = []
    # Positional arguments first, as Python wants them.
    for field in sorted(dataclasses.fields(value), key=lambda f: bool(f.kw_only)):
        argument = held(value, field.name)
        if field.default is dataclasses.MISSING:
            shown.append(write(argument))
        elif field.repr and np.any(argument != field.default):
            shown.append(f"{field.name}={write(argument)}")
    return f"{type(value).__name__}({', '.join(shown)})"


def readable_size(size: int) -> str:
    """Return a number of bytes as Keras writes it, in powers of 1,024.

    >>> readable_size(407_080), readable_size(188_160_000)
    ('397.54 KB', '179.44 MB')
    """
    units = ["B", "KB", "MB", "GB", "TB"]
    power = min(len(units) - 1, int(math.log(size, 1024))) if size else 0
    return f"{size / 1024**power:.2f} {units[power]}"

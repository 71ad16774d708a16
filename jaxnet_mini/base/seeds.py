"""The seed that stands where none is given: 0, until `set_random_seed`.

Without another word a script does the same in every run.
"""

import random

import numpy as np

from jaxnet_mini.base.arguments import as_integer
from jaxnet_mini.errors import ArgumentError

_default = 0


def set_random_seed(seed: int) -> None:
    """Set the default seed of models and of ``fit``, and those of Python and NumPy.

    Args:
        seed: an integer in [0, 2**32).

    >>> set_random_seed(0)
    """
    global _default
    _default = check_seed(seed)
    random.seed(_default)
    np.random.seed(_default)  # noqa: NPY002  (the global generator is what Keras seeds)


def default_seed() -> int:
    """Return the seed for a model that was given none."""
    return _default


def or_default(seed: int | None) -> int:
    """Return a seed that was given, checked, or else the default one."""
    return default_seed() if seed is None else check_seed(seed)


def check_seed(seed: int) -> int:
    """Return ``seed`` as an int.

    Raises:
        ArgumentError: no integer in [0, 2**32).
    """
    integer = as_integer(seed)
    if integer is None or not 0 <= integer < 2**32:
        raise ArgumentError(f"seed must be an integer in [0, 2**32), not {seed!r}.")
    return integer

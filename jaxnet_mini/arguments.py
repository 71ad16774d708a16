"""Checks of the numbers that `fit`, `evaluate` and `predict` take."""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

from jaxnet_mini.errors import ArgumentError

BATCH_SIZE = 32
"""That of `fit` by default, as in Keras."""


def check_count(argument: str, value: Any, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``.

    Raises:
        ArgumentError: it is none.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise ArgumentError(
            f"{argument} must be an integer of at least {least}, not {value!r}."
        )
    return int(value)


def check_batch_size(value: int | None) -> int:
    """Return the batch size, by default `BATCH_SIZE`.

    Raises:
        ArgumentError: it is no positive integer.
    """
    return BATCH_SIZE if value is None else check_count("batch_size", value)


def due_epochs(frequency: int | Sequence[int]) -> Callable[[int], bool]:
    """Return a function that tells after which epochs, from 1, to validate.

    Raises:
        ArgumentError: neither a positive integer nor a list of them.
    """
    if isinstance(frequency, list | tuple | set | range):
        chosen = {check_count("every epoch of validation_freq", e) for e in frequency}
        return lambda epoch: epoch in chosen
    every = check_count("validation_freq", frequency)
    return lambda epoch: epoch % every == 0


def check_share(validation_split: Any) -> bool:
    """Tell whether ``validation_split`` is above 0.

    Raises:
        ArgumentError: it is outside [0, 1).
    """
    real = isinstance(validation_split, numbers.Real)
    if not real or not 0.0 <= validation_split < 1.0:
        raise ArgumentError(
            f"validation_split must be in [0, 1), not {validation_split!r}."
        )
    return bool(validation_split > 0.0)


def split(rows: int, validation_split: float) -> int:
    """Return how many rows are left for training, before those for validation.

    Raises:
        ArgumentError: one side is left without a row.
    """
    at = math.floor(rows * (1.0 - validation_split))
    if not 0 < at < rows:
        raise ArgumentError(
            f"validation_split={validation_split!r} of {rows} rows leaves {at} for "
            f"training and {rows - at} for validation: give more rows or another share."
        )
    return at

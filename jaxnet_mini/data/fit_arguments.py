"""Arguments of ``fit`` that say how rows are cut: into batches and what is held out."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxnet_mini.base.arguments import check_count, is_number
from jaxnet_mini.errors import ArgumentError

BATCH_SIZE = 32
"""That of `fit` by default, as in Keras."""


def check_batch_size(value: int | None) -> int:
    """Return the batch size, by default `BATCH_SIZE`.

    Raises:
        ArgumentError: it is no positive integer.
    """
    return BATCH_SIZE if value is None else check_count("batch_size", value)


def check_frequency(value: Any) -> Any:
    """Return every how many epochs to validate, or after which, from 1, as Python's.

    Raises:
        ArgumentError: neither a positive integer nor a list of them.
    """
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if isinstance(value, list | tuple | set | range):
        epochs = [check_count("every epoch of validation_freq", e) for e in value]
        return value if isinstance(value, range) else type(value)(epochs)
    return check_count("validation_freq", value)


def due_epochs(frequency: int | Sequence[int]) -> Callable[[int], bool]:
    """Return a function that tells after which epochs, from 1, to validate.

    Raises:
        ArgumentError: see `check_frequency`.
    """
    chosen = check_frequency(frequency)
    if isinstance(chosen, int):
        return lambda epoch: epoch % chosen == 0
    return lambda epoch: epoch in chosen


def check_share(validation_split: Any) -> bool:
    """Tell whether ``validation_split`` is above 0.

    Raises:
        ArgumentError: it is outside [0, 1).
    """
    if not is_number(validation_split) or not 0.0 <= validation_split < 1.0:
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

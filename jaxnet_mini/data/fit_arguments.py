"""The arguments of ``fit`` that travel together: its data, and when it does what."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxnet_mini.base.arguments import check_count, check_flag, is_number
from jaxnet_mini.errors import ArgumentError

BATCH_SIZE = 32
"""That of `fit` by default, as in Keras."""


class FitData(NamedTuple):
    """What ``fit`` is given to learn and to validate on, as it came; see there."""

    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: Mapping[int, float] | None = None
    validation_split: float = 0.0
    validation_data: Any = None


class FitSchedule(NamedTuple):
    """How ``fit`` cuts its data, and when it does what; see there."""

    batch_size: int | None = None
    epochs: int = 1
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    shuffle: bool = True
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: Any = 1

    def checked(self) -> "FitSchedule":
        """Return it with numbers of Python's.

        Raises:
            ArgumentError: one is no number of what it counts.
        """
        own = {
            name: check_count(name, value)
            for name in COUNTED
            if (value := getattr(self, name)) is not None
        }
        return self._replace(
            **own,
            epochs=check_count("epochs", self.epochs),
            initial_epoch=check_count("initial_epoch", self.initial_epoch, least=0),
            shuffle=check_flag("shuffle", self.shuffle),
            validation_freq=check_frequency(self.validation_freq),
        )

    def size_for(self, rows: int) -> int:
        """Return how many of so many rows a step takes.

        Without ``batch_size`` as many as let ``steps_per_epoch`` take all of them, as
        in Keras.

        >>> FitSchedule().size_for(100), FitSchedule(steps_per_epoch=3).size_for(100)
        (32, 34)
        """
        if self.batch_size is not None or self.steps_per_epoch is None:
            return self.batch_size or BATCH_SIZE
        return -(-rows // self.steps_per_epoch)

    def due(self, epoch: int) -> bool:
        """Tell whether to validate after an epoch, counted from 1."""
        if isinstance(self.validation_freq, int):
            return epoch % self.validation_freq == 0
        return epoch in self.validation_freq

    def kept(self) -> dict[str, Any]:
        """Return what must not change where a run goes on, beside its `Plan`."""
        # Runs were kept before there was such an argument.
        steps = self.validation_steps
        own = {} if steps is None else {"validation_steps": steps}
        return own | {
            "validation_batch_size": self.validation_batch_size,
            "validation_freq": repr(self.validation_freq),
        }


COUNTED = ("batch_size", "steps_per_epoch", "validation_steps", "validation_batch_size")
"""What is a number of at least 1, or None."""


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

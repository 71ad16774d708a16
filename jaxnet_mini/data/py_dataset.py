"""The base of sequences of batches, as Keras has it."""

import itertools
from collections.abc import Iterator
from typing import Any

from jaxnet_mini.base import notices
from jaxnet_mini.base.arguments import check_count, check_flag
from jaxnet_mini.errors import ArgumentError


class PyDataset:
    """Batches that are asked for by their numbers.

    A subclass has ``__getitem__(self, index)``, which returns the whole batch
    ``(x, y)`` or ``(x, y, sample_weight)``, and ``__len__(self)`` or a property
    ``num_batches``, the number of batches in an epoch; a ``num_batches`` of None is
    without end, and then ``fit`` needs ``steps_per_epoch``. ``on_epoch_begin(self)``
    and ``on_epoch_end(self)`` are called. ``fit`` draws a new order of the batches for
    each epoch, and asks for the first one once more, to see its shape.

    Args:
        workers: how many threads ask for batches in Keras; here one does, while the
            batches before are trained on.
        use_multiprocessing: whether they are processes there.
        max_queue_size: how many batches wait there, at most.

    Source: https://keras.io/api/utils/python_utils/

    >>> import numpy as np
    >>> class Halves(PyDataset):
    ...     def __init__(self, x, y, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.x, self.y = np.array_split(x, 2), np.array_split(y, 2)
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         return self.x[index], self.y[index]
    >>> import jaxnet_mini as jn
    >>> model = jn.Sequential([jn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> given = Halves(np.zeros((6, 2)), np.zeros((6, 1)))
    >>> model.fit(given, epochs=2, verbose=0).params["steps"]
    2
    """

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        self.workers = check_count("workers", workers, 0)
        self.use_multiprocessing = check_flag(
            "use_multiprocessing", use_multiprocessing
        )
        self.max_queue_size = check_count("max_queue_size", max_queue_size)
        if self.workers > 1 or self.use_multiprocessing:
            notices.warn_once(
                "workers and use_multiprocessing change nothing: one thread asks for "
                "the batches, one after another. A data loader that works in several "
                "processes is taken as x, too."
            )

    def __getitem__(self, index: int) -> Any:
        """Return the batch of this number, from 0."""
        raise ArgumentError(
            f"{type(self).__name__} needs __getitem__(self, index), which returns a "
            "batch (x, y)."
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches in an epoch; None without end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise ArgumentError(
            f"{type(self).__name__} needs __len__(self), the number of batches in an "
            "epoch, or a property num_batches."
        )

    def __iter__(self) -> Iterator[Any]:
        length = self.num_batches
        for index in itertools.count() if length is None else range(length):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset
"""Its older name."""

"""An order drawn from a seed, and the examples after a share of it as the test set.

Both as Keras draws and cuts them, bit for bit.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import as_integer, is_number
from jaxnet_mini.datasets import files, npz
from jaxnet_mini.datasets.catalogue import DataSet
from jaxnet_mini.errors import ArgumentError, short

Pair = tuple[NDArray[Any], NDArray[Any]]
"""Inputs and targets, one row each."""


def orders(seed: int | None) -> Any:
    """Return what draws orders; of None another one at each call.

    Raises:
        ArgumentError: no integer in [0, 2**32).
    """
    integer = None if seed is None else as_integer(seed)
    if seed is not None and (integer is None or not 0 <= integer < 2**32):
        raise ArgumentError(
            f"seed must be an integer in [0, 2**32) or None, not {short(seed)}."
        )
    return np.random.RandomState(integer)


def order(random: Any, rows: int) -> NDArray[np.int64]:
    """Return the numbers of so many rows in the next order."""
    numbers = np.arange(rows)
    random.shuffle(numbers)
    return numbers


def check_share(test_split: float) -> float:
    """Return the share of rows that are for testing.

    Raises:
        ArgumentError: no number in [0, 1).
    """
    if not is_number(test_split) or not 0 <= test_split < 1:
        raise ArgumentError(
            f"test_split must be a number in [0, 1), not {short(test_split)}."
        )
    return float(test_split)


def border(rows: int, test_split: float) -> int:
    """Return how many rows come before the test set.

    >>> border(506, 0.2)
    404
    """
    return int(rows * (1 - test_split))


def of_table(
    data_set: DataSet,
    path: Any,
    test_split: float,
    seed: int | None,
    first: int | None = None,
) -> tuple[Pair, Pair]:
    """Load a data set of two arrays, ``x`` and ``y``, in an order drawn from a seed.

    Args:
        data_set: which.
        path: where from, see `jaxnet_mini.datasets.files.contents`.
        test_split: the share of rows that are for testing.
        seed: of the order.
        first: take only so many rows, the first ones of the file.

    Raises:
        ArgumentError: a bad ``test_split`` or ``seed``.
        DataError, DownloadError: the file is another one, or is not to be had.
    """
    share, random = check_share(test_split), orders(seed)
    ((content, _),) = files.contents(data_set, path)
    x, y = (values[:first] for values in npz.read(content, "x", "y"))
    drawn = order(random, len(x))
    cut = border(len(x), share)
    train, test = drawn[:cut], drawn[cut:]
    return (x[train], y[train]), (x[test], y[test])

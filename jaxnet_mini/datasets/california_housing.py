"""California housing: prices of houses in 20,640 districts of California in 1990.

Source: R. K. Pace, R. Barry, "Sparse Spatial Autoregressions", Statistics and
Probability Letters 33, 1997; the file is Keras's.
"""

import os

from jaxnet_mini.datasets import splits
from jaxnet_mini.datasets.catalogue import of_keras
from jaxnet_mini.datasets.splits import Pair
from jaxnet_mini.errors import ArgumentError, short

DATA_SET = of_keras(
    "California housing",
    "california_housing.npz",
    743530,
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
)
SMALL = 600


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] | None = None,
    test_split: float = 0.2,
    seed: int | None = 113,
) -> tuple[Pair, Pair]:
    """Load California housing from disk or, where it is not yet, from the network.

    The eight columns are the median income, the age of the houses, rooms and bedrooms
    a household, inhabitants, inhabitants a household, latitude and longitude.

    Args:
        version: ``"large"``, or ``"small"`` for the first 600 rows.
        path: the folder that holds ``california_housing.npz``, or that file. Nothing
            else is searched then and nothing downloaded. By default, or given the bare
            name as in Keras, the folders that ``jaxnet_mini.datasets.files`` names
            are searched, and what is missing is downloaded.
        test_split: the share of rows that are for testing, in [0, 1).
        seed: of the order in which the rows stand; None draws another one each time.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: new arrays at every call, floats, of
        shapes (16512, 8), (16512,), (4128, 8) and (4128,) by default, the same as in
        Keras. The targets are median prices in dollars, up to 500,001.

    Raises:
        ArgumentError: another ``version``, or ``test_split`` or ``seed`` out of range.
        DataError: the file in ``path`` or ``$JAXNET_MINI_DATA`` is not the published
            one.
        DownloadError: the file is not in ``path``, or found nowhere and not to be
            downloaded.
    """
    if version not in ("small", "large"):
        raise ArgumentError(
            f"version must be 'small' or 'large', not {short(version)}."
        )
    first = SMALL if version == "small" else None
    return splits.of_table(DATA_SET, path, test_split, seed, first)

"""Boston housing: prices of houses in 506 districts around Boston in 1978.

Source: D. Harrison, D. L. Rubinfeld, "Hedonic Housing Prices and the Demand for Clean
Air", Journal of Environmental Economics and Management 5, 1978; the file is Keras's.
One of its columns, ``B``, is made from the share of Black inhabitants on the assumption
that segregation raises prices: better take `california_housing` for anything but a
lesson about that.
"""

import os

from jaxnet_mini.datasets import splits
from jaxnet_mini.datasets.catalogue import of_keras
from jaxnet_mini.datasets.splits import Pair

DATA_SET = of_keras(
    "Boston housing",
    "boston_housing.npz",
    57026,
    "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
)


def load_data(
    path: str | os.PathLike[str] | None = None,
    test_split: float = 0.2,
    seed: int | None = 113,
) -> tuple[Pair, Pair]:
    """Load Boston housing from disk or, where it is not yet, from the network.

    Args:
        path: the folder that holds ``boston_housing.npz``, or that file. Nothing else
            is searched then and nothing downloaded. By default, or given the bare
            name as in Keras, the folders that ``jaxnet_mini.datasets.files`` names
            are searched, and what is missing is downloaded.
        test_split: the share of rows that are for testing, in [0, 1).
        seed: of the order in which the rows stand; None draws another one each time.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: new arrays at every call, float64, of
        shapes (404, 13), (404,), (102, 13) and (102,) by default, the same as in Keras.
        The targets are median prices in 1,000 dollars, 5 to 50.

    Raises:
        ArgumentError: ``test_split`` or ``seed`` is out of range.
        DataError: the file in ``path`` or ``$JAXNET_MINI_DATA`` is not the published
            one.
        DownloadError: the file is not in ``path``, or found nowhere and not to be
            downloaded.
    """
    return splits.of_table(DATA_SET, path, test_split, seed)

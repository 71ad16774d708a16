"""Handwritten digits, 8 x 8 pixels: a data set inside the package, no network needed.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0;
its test set, as scikit-learn distributes it (``sklearn.datasets.load_digits``).
"""

from pathlib import Path

import numpy as np

from jaxnet_mini.datasets.catalogue import Split


def load_data() -> tuple[Split, Split]:
    """Load the 1,797 digits, shuffled once and for all, in two parts.

    The thirteen writers stand in both parts, so a test accuracy says how well a model
    reads further digits of these writers, not those of strangers.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: new arrays at every call, all uint8;
        ``x_train`` of shape (1500, 8, 8) and ``x_test`` of shape (297, 8, 8) with
        values 0 (white) to 16 (black); ``y_train`` of shape (1500,) and ``y_test`` of
        shape (297,) with the digits 0 to 9.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
    ((1500, 8, 8), (1500,), (297, 8, 8), (297,))
    >>> x_train.dtype.name, int(x_train.max())
    ('uint8', 16)
    """
    with np.load(Path(__file__).with_name("digits.npz")) as archive:
        return (
            (archive["x_train"], archive["y_train"]),
            (archive["x_test"], archive["y_test"]),
        )

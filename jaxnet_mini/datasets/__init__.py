"""Data sets: ``digits`` ships with the package, the others are found or fetched.

Each has ``load_data()``, which returns ``(x_train, y_train), (x_test, y_test)``.
"""

from jaxnet_mini.datasets import (
    boston_housing,
    california_housing,
    digits,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

__all__ = ["boston_housing", "california_housing", "digits", "fashion_mnist", "imdb"]
__all__ += ["mnist", "reuters"]

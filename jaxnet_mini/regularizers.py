"""Regularizers: penalties on weights that are added to the loss.

Source: https://keras.io/api/layers/regularizers/. What stands here is at home in
``jaxnet_mini.core.regularizers``.
"""

from jaxnet_mini.core.regularizers import *  # noqa: F403
from jaxnet_mini.core.regularizers import __all__ as __all__

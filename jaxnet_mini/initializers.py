"""Initializers: Keras's names and defaults.

Source: https://keras.io/api/layers/initializers/. What stands here is at home in
``jaxnet_mini.core.initializers``.
"""

from jaxnet_mini.core.initializers import *  # noqa: F403
from jaxnet_mini.core.initializers import __all__ as __all__

"""Layers: frozen values with two pure functions, ``init`` and ``apply``.

Source: https://keras.io/api/layers/. What stands here is at home in
``jaxnet_mini.core.layers``.
"""

from jaxnet_mini.core.layers import *  # noqa: F403
from jaxnet_mini.core.layers import __all__ as __all__

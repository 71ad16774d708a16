"""Losses, as frozen values and as functions.

Source: https://keras.io/api/losses/. What stands here is at home in
``jaxnet_mini.core.losses``.
"""

from jaxnet_mini.core.losses import *  # noqa: F403
from jaxnet_mini.core.losses import __all__ as __all__

"""Constraints: what weights are brought back to after each update.

Source: https://keras.io/api/layers/constraints/. What stands here is at home in
``jaxnet_mini.core.constraints``.
"""

from jaxnet_mini.core.constraints import *  # noqa: F403
from jaxnet_mini.core.constraints import __all__ as __all__

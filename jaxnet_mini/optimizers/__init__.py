"""Optimizers: Keras's names and defaults, optax's transformations.

Source: https://keras.io/api/optimizers/. What stands here is at home in
``jaxnet_mini.core.optimizers``.
"""

from jaxnet_mini.core.optimizers import *  # noqa: F403
from jaxnet_mini.core.optimizers import __all__ as __all__
from jaxnet_mini.optimizers import schedules as schedules

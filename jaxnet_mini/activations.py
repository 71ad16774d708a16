"""Activations: Keras's names, JAX's functions.

Source: https://keras.io/api/layers/activations/. What stands here is at home in
``jaxnet_mini.core.activations``.
"""

from jaxnet_mini.core.activations import *  # noqa: F403
from jaxnet_mini.core.activations import __all__ as __all__

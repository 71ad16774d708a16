"""Layers: frozen values with two pure functions, ``init`` and ``apply``.

Source: https://keras.io/api/layers/. What stands here is at home in
``jaxnet_mini.core.layers``; `Layer`, from which classes in Keras's form derive, in
``jaxnet_mini.core.networks.own_layers``.
"""

from jaxnet_mini.core.layers import *  # noqa: F403
from jaxnet_mini.core.layers import __all__ as _listed
from jaxnet_mini.core.networks.own_layers import Layer as Layer

__all__ = [*_listed, "Layer"]

"""Metrics, as sums that add up over batches and one result at the end.

Source: https://keras.io/api/metrics/. What stands here is at home in
``jaxnet_mini.core.metrics``.
"""

from jaxnet_mini.core.metrics import *  # noqa: F403
from jaxnet_mini.core.metrics import __all__ as __all__

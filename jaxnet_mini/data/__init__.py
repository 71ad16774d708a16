"""Data on their way from the user to the device.

`Data` is what the loops take, and `order` says which row goes where in an epoch.
"""

from jaxnet_mini.core.training.state import Data
from jaxnet_mini.data.epoch_order import order

__all__ = ["Data", "order"]

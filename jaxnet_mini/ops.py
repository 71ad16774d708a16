"""Functions of arrays by Keras's names, for layers, losses and metrics of one's own.

Source: https://keras.io/api/ops/. What stands here is at home in
``jaxnet_mini.core.ops``; ``dir(ops)`` lists it.
"""

from jaxnet_mini.core.ops import __all__ as __all__
from jaxnet_mini.core.ops import __dir__ as __dir__
from jaxnet_mini.core.ops import __getattr__ as __getattr__

"""Learning rates that follow the step, by Keras's names.

Source: https://keras.io/api/optimizers/learning_rate_schedules/. What stands here is at
home in ``jaxnet_mini.core.optimizers.schedules``.
"""

from jaxnet_mini.core.optimizers.schedules import *  # noqa: F403
from jaxnet_mini.core.optimizers.schedules import __all__ as __all__

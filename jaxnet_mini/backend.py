"""What Keras has under ``backend`` and is wanted here: a face only."""

from jaxnet_mini.devices.memory import clear_session

__all__ = ["clear_session"]

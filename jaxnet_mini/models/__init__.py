"""Models: Keras's words around the pure functions.

Source: https://keras.io/api/models/.
"""

from jaxnet_mini.models import alone as _alone  # noqa: F401
from jaxnet_mini.models.load import clone_model, load_model, model_from_json
from jaxnet_mini.models.model import Model
from jaxnet_mini.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json"]

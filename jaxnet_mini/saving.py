"""What Keras has under ``saving``: a face only, the work is done elsewhere.

Models are loaded by ``models.load_model``.
"""

from jaxnet_mini.files.registered import register_keras_serializable

__all__ = ["register_keras_serializable"]

"""What Keras has under ``utils``: a face only, the work is done elsewhere."""

from jaxnet_mini.seeds import set_random_seed

__all__ = ["set_random_seed"]

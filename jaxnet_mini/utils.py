"""What Keras has under ``utils``: a face only, the work is done elsewhere."""

from jaxnet_mini.graphviz import model_to_dot, plot_model
from jaxnet_mini.preprocessing import normalize, to_categorical
from jaxnet_mini.seeds import set_random_seed

__all__ = [
    "model_to_dot",
    "normalize",
    "plot_model",
    "set_random_seed",
    "to_categorical",
]

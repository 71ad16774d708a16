"""What Keras has under ``utils``: a face only, the work is done elsewhere.

`enable_compilation_cache` is our own.
"""

from jaxnet_mini.base.seeds import set_random_seed
from jaxnet_mini.data.encoding import normalize, pad_sequences, to_categorical
from jaxnet_mini.data.py_dataset import PyDataset, Sequence
from jaxnet_mini.devices.compilation_cache import enable_compilation_cache
from jaxnet_mini.devices.memory import clear_session
from jaxnet_mini.views.graphviz import model_to_dot, plot_model

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "enable_compilation_cache",
    "model_to_dot",
    "normalize",
    "pad_sequences",
    "plot_model",
    "set_random_seed",
    "to_categorical",
]

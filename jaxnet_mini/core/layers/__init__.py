"""Layers: frozen values with two pure functions.

``init(key, input_shape) -> (output_shape, params)`` makes the parameters and
``apply(params, x, *, key=None, training=False) -> y`` uses them. Shapes exclude the
batch axis; arrays have it first. Names and defaults are those of
https://keras.io/api/layers/.

Every layer takes ``input_shape`` (a shape that is then checked), ``input_dim`` (short
for an ``input_shape`` of one axis) and ``name``. Integer inputs are cast to floats
where a layer computes.
"""

# What is listed below is at home in one of these; each name stands here once.
# ruff: noqa: F403, F405

from jaxnet_mini.core.layers.activation import *
from jaxnet_mini.core.layers.base import *
from jaxnet_mini.core.layers.basic import *
from jaxnet_mini.core.layers.batch_normalization import *
from jaxnet_mini.core.layers.categories import *
from jaxnet_mini.core.layers.dense import *
from jaxnet_mini.core.layers.merging import *
from jaxnet_mini.core.layers.merging_functions import *
from jaxnet_mini.core.layers.noise import *
from jaxnet_mini.core.layers.normalization import *
from jaxnet_mini.core.layers.reshaping import *
from jaxnet_mini.core.layers.standardization import *
from jaxnet_mini.core.types import check_shape

__all__ = ["Base", "Input", "InputLayer", "check_shape"]
__all__ += ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]
__all__ += ["ActivityRegularization", "Dense", "Identity", "Lambda", "Rescaling"]
__all__ += ["CategoryEncoding", "Embedding"]
__all__ += ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"]
__all__ += ["Concatenate", "Dot"]
__all__ += ["add", "average", "maximum", "minimum", "multiply", "subtract"]
__all__ += ["concatenate", "dot"]
__all__ += ["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"]
__all__ += ["BatchNormalization", "LayerNormalization", "Normalization"]
__all__ += ["RMSNormalization", "UnitNormalization"]
__all__ += ["Flatten", "Permute", "RepeatVector", "Reshape"]

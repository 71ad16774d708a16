"""Small dense networks: Keras's words on the outside, pure JAX on the inside.

>>> import jax, jax.numpy as jnp, jaxnet_mini as jn
>>> net = jn.serial(jn.Flatten(), jn.Dense(128, "relu"), jn.Dense(10, "softmax"))
>>> output_shape, params = net.init(jax.random.key(0), (28, 28))
>>> output_shape, net.apply(params, jnp.zeros((5, 28, 28))).shape
((10,), (5, 10))
"""

import sys as _sys

from jaxnet_mini.base import startup as _startup  # noqa: F401
from jaxnet_mini.base.absent import calls as _absent_arguments
from jaxnet_mini.base.absent import modules as _absences
from jaxnet_mini.base.absent.names import NAMES as _ROOMS

# isort: split
from jaxnet_mini import (
    activations,
    backend,
    callbacks,
    constraints,
    data,
    datasets,
    errors,
    export,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    plotting,
    random,
    regularizers,
    saving,
    utils,
)
from jaxnet_mini.base.version import __version__
from jaxnet_mini.core.networks.graph import graph, parallel, residual
from jaxnet_mini.core.networks.repeat import repeat
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.predict import predict
from jaxnet_mini.core.training.state import Batch, TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    LayerNormalization,
    Rescaling,
)
from jaxnet_mini.models import Model, Sequential
from jaxnet_mini.sweeps.result import SweepResult
from jaxnet_mini.sweeps.rungs import Rungs
from jaxnet_mini.sweeps.sweep import sweep

__all__ = ["Activation", "Batch", "Dense", "Dropout", "Flatten", "Input", "Layer"]
__all__ += ["LayerNormalization", "Model", "Rescaling", "Rungs", "Sequential"]
__all__ += ["SweepResult", "TrainState", "Trainer", "__version__", "activations"]
__all__ += ["backend", "callbacks", "constraints", "data", "datasets", "errors"]
__all__ += ["export", "graph", "initializers", "layers", "losses", "metrics"]
__all__ += ["mixed_precision"]
__all__ += ["models", "ops", "optimizers", "parallel", "plotting", "predict", "random"]
__all__ += ["regularizers", "repeat", "residual", "saving", "serial", "sweep", "utils"]


# The rooms that Keras has too, which answer for what they have not.
_FACES = {name: globals()[name] for name in __all__ if name in _ROOMS}
_FACES[""] = _sys.modules[__name__]
_absences.answer_names(_FACES)
_absent_arguments.answer_arguments(
    _FACES | {"schedules": optimizers.schedules}, Sequential
)


def __dir__() -> list[str]:
    """The public names, and nothing that they are made of."""
    return __all__

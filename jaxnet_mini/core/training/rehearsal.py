"""A first look at what is to be trained: traced on shapes, before anything changes."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet_mini.core import transformations
from jaxnet_mini.core.training.state import Batch
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Shape


@functools.lru_cache(maxsize=256)
def rehearse(
    trainer: Trainer, input_shape: Shape, x: np.dtype[Any], y: jax.ShapeDtypeStruct
) -> None:
    """Trace network, loss and metrics on a batch, so that errors come before changes.

    ``x`` is the dtype of the inputs, ``y`` shape and dtype of the targets.

    Raises:
        ShapeError: the loss or a metric does not return one value per example.
        ArgumentError: the optimizer cannot take a step.
    """

    def forward() -> dict[str, Any]:
        key = jax.random.key(0)
        _, params = trainer.net.init(key, input_shape)
        transformations.check(trainer.optimizer, trainer.transformation, params)
        inputs = jnp.zeros((y.shape[0], *input_shape), x)
        batch = Batch(inputs, jnp.zeros(y.shape, y.dtype))
        return trainer._totals(params, batch, key, True)[-1]

    jax.eval_shape(forward)

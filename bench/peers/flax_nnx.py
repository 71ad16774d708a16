"""Flax NNX: a jitted step with its arguments cached, called from a Python loop.

Source: https://flax.readthedocs.io/en/latest/guides/performance.html
"""

import itertools
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from bench.peers import Task
from bench.peers.loops import JaxLoop, device, settings


class Network(nnx.Module):
    def __init__(self, sizes: tuple[int, ...], rngs: nnx.Rngs) -> None:
        pairs = itertools.pairwise(sizes)
        self.layers = nnx.List([nnx.Linear(*pair, rngs=rngs) for pair in pairs])

    def __call__(self, x: Any) -> Any:
        *hidden, last = self.layers
        for layer in hidden:
            x = nnx.relu(layer(x))
        return last(x)


@nnx.jit
def take_step(
    model: Network,
    optimizer: nnx.Optimizer,
    metrics: nnx.Metric,
    x: Any,
    y: Any,
    rows: Any,
) -> None:
    x, y = x[rows], y[rows]

    def loss_of(model: Network) -> Any:
        logits = model(x)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return losses.mean(), logits

    gradients, logits = nnx.grad(loss_of, has_aux=True)(model)
    metrics.update(logits=logits, labels=y)
    optimizer.update(model, gradients)


class Model(JaxLoop):
    def __init__(self, task: Task, setting: Any = None) -> None:
        super().__init__(task)
        self.model = Network(task.sizes, nnx.Rngs(0))
        self.optimizer = nnx.Optimizer(self.model, optax.adam(1e-3), wrt=nnx.Param)
        self.metrics = nnx.metrics.Accuracy()
        self.cached = nnx.cached_partial(
            take_step, self.model, self.optimizer, self.metrics
        )
        self.forward = nnx.jit(lambda model, x: jax.nn.softmax(model(x)))

    def step(self, rows: np.ndarray) -> Any:
        self.cached(self.x, self.y, rows)
        return self.metrics.total[...]

    def probabilities(self, x: Any) -> Any:
        return self.forward(self.model, jax.numpy.asarray(x))


make = Model
__all__ = ["device", "make", "settings"]

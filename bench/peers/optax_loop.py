"""Plain JAX and optax: one jitted, donating step, called from a Python loop.

Source: https://optax.readthedocs.io/en/latest/getting_started.html
"""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bench.peers import Task
from bench.peers.loops import JaxLoop, device, settings

OPTIMIZER = optax.adam(1e-3)


def initial(sizes: tuple[int, ...]) -> Any:
    """Return Glorot-uniform kernels and zero biases."""
    keys = jax.random.split(jax.random.key(0), len(sizes))
    glorot = jax.nn.initializers.glorot_uniform()
    return [
        {"kernel": glorot(key, pair), "bias": jnp.zeros(pair[1])}
        for key, pair in zip(keys[1:], itertools.pairwise(sizes), strict=True)
    ]


def network(params: Any, x: Any) -> Any:
    *hidden, last = params
    for layer in hidden:
        x = jax.nn.relu(x @ layer["kernel"] + layer["bias"])
    return x @ last["kernel"] + last["bias"]


def take_step(carry: Any, x: Any, y: Any) -> Any:
    params, state, correct = carry

    def loss_of(params: Any) -> Any:
        logits = network(params, x)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return losses.mean(), logits

    gradients, logits = jax.grad(loss_of, has_aux=True)(params)
    updates, state = OPTIMIZER.update(gradients, state, params)
    correct = correct + (logits.argmax(-1) == y).sum()
    return optax.apply_updates(params, updates), state, correct


@functools.partial(jax.jit, donate_argnums=0)
def step_on_rows(carry: Any, x: Any, y: Any, rows: Any) -> Any:
    return take_step(carry, x[rows], y[rows])


class Model(JaxLoop):
    def __init__(self, task: Task, setting: Any = None) -> None:
        super().__init__(task)
        self.params = jax.jit(initial, static_argnums=0)(task.sizes)
        self.state = OPTIMIZER.init(self.params)
        self.forward = jax.jit(lambda params, x: jax.nn.softmax(network(params, x)))

    def step(self, rows: np.ndarray) -> Any:
        carry = (self.params, self.state, self.correct)
        carry = step_on_rows(carry, self.x, self.y, rows)
        self.params, self.state, self.correct = carry
        return self.correct

    def probabilities(self, x: Any) -> Any:
        return self.forward(self.params, x)


make = Model
__all__ = ["device", "make", "settings"]

"""Equinox: a filtered jit over the model as a pytree, called from a Python loop.

Source: https://docs.kidger.site/equinox/examples/mnist/
"""

import itertools
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax

from bench.peers import Task
from bench.peers.loops import JaxLoop, device, settings

OPTIMIZER = optax.adam(1e-3)


class Network(eqx.Module):
    layers: list[eqx.nn.Linear]

    def __init__(self, sizes: tuple[int, ...], key: Any) -> None:
        keys = jax.random.split(key, len(sizes) - 1)
        pairs = itertools.pairwise(sizes)
        self.layers = [
            eqx.nn.Linear(*pair, key=key) for pair, key in zip(pairs, keys, strict=True)
        ]

    def __call__(self, x: Any) -> Any:
        *hidden, last = self.layers
        for layer in hidden:
            x = jax.nn.relu(layer(x))
        return last(x)


@eqx.filter_jit(donate="all-except-first")
def take_step(data: Any, carry: Any, rows: Any) -> Any:
    x, y = data[0][rows], data[1][rows]
    model, state, correct = carry

    def loss_of(model: Network) -> Any:
        logits = jax.vmap(model)(x)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return losses.mean(), logits

    gradients, logits = eqx.filter_grad(loss_of, has_aux=True)(model)
    updates, state = OPTIMIZER.update(gradients, state, eqx.filter(model, eqx.is_array))
    correct = correct + (logits.argmax(-1) == y).sum()
    return eqx.apply_updates(model, updates), state, correct


class Model(JaxLoop):
    def __init__(self, task: Task, setting: Any = None) -> None:
        super().__init__(task)
        self.model = Network(task.sizes, jax.random.key(0))
        self.state = OPTIMIZER.init(eqx.filter(self.model, eqx.is_array))
        self.forward = eqx.filter_jit(
            lambda model, x: jax.nn.softmax(jax.vmap(model)(x))
        )

    def step(self, rows: np.ndarray) -> Any:
        carry = (self.model, self.state, self.correct)
        carry = take_step((self.x, self.y), carry, rows)
        self.model, self.state, self.correct = carry
        return self.correct

    def probabilities(self, x: Any) -> Any:
        return self.forward(self.model, x)


make = Model
__all__ = ["device", "make", "settings"]

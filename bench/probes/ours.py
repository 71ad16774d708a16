"""This library from below: trainers, states, the fused loop; no `Sequential`."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnet_mini as jn
from jaxnet_mini.core.training import state
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import epoch_order
from jaxnet_mini.devices import programs
from jaxnet_mini.loops import prepare

CLASSES = 10


def trainer(hidden: list[int], repeated: int = 0, optimizer: str = "adam") -> Trainer:
    """Return a trainer of a softmax classifier with the accuracy metric.

    ``repeated`` more layers of the last hidden width come from `jaxnet_mini.repeat`.
    """
    layers = [jn.Dense(units, activation="relu") for units in hidden]
    if repeated:
        layer = jn.Dense(hidden[-1], activation="relu")
        layers.append(jn.repeat(layer, repeated))
    net = jn.serial(*layers, jn.Dense(CLASSES, activation="softmax"))
    return Trainer(net, "sparse_categorical_crossentropy", optimizer, ("accuracy",))


@dataclasses.dataclass
class Loop:
    """The fused loop over synthetic rows, as ``fit`` runs it."""

    trainer: Trainer
    features: int
    batch_size: int
    steps: int

    def __post_init__(self) -> None:
        rows = self.steps * self.batch_size
        padded = epoch_order.rounded_steps(self.steps) * self.batch_size
        generator = np.random.default_rng(0)
        x = generator.random((padded, self.features), np.float32)
        y = generator.integers(0, CLASSES, padded).astype(np.int32)
        self.data = jax.device_put(state.Data(x, y, None, np.int32(rows)))
        pieces = prepare.batch_pieces(self.trainer, self.batch_size)
        order = epoch_order.order([0], 0, rows, self.batch_size, pieces=pieces)
        self.order = jnp.asarray(order)
        self.state = self.trainer.init(jax.random.key(0), (self.features,))
        self.program = self.trainer.program()

    def arguments(self) -> tuple[Any, ...]:
        """Return what `jaxnet_mini.devices.programs.loop` takes for all steps."""
        sums = self.trainer.no_sums()
        first, last = np.int32(0), np.int32(self.steps)
        return self.program, self.state, self.data, self.order, first, last, sums

    def run(self) -> None:
        """Take all steps, and wait for them."""
        done = programs.loop(*self.arguments())
        self.state = jax.block_until_ready(done.state)

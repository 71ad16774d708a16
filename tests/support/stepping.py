"""Examples to take steps on, one at a time or in the compiled loop."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import Data, epoch_order
from jaxnet_mini.devices import programs
from jaxnet_mini.layers import Dense, Dropout

KEY = jax.random.key(0)
compiled_step = jax.jit(Trainer.step, static_argnums=0)
LOSS = "sparse_categorical_crossentropy"
FEATURES, CLASSES, BATCH = 6, 4, 8
RNG = np.random.default_rng(0)
ROWS = 100 * BATCH
X = RNG.normal(size=(ROWS, FEATURES)).astype(np.float32)
Y = np.argmax(X @ RNG.normal(size=(FEATURES, CLASSES)), -1).astype(np.int32)
WEIGHT = RNG.uniform(0.0, 3.0, ROWS).astype(np.float32)
NET = serial(Dense(16, "relu"), Dense(CLASSES, "softmax"))
DROPPING = serial(Dense(16, "relu"), Dropout(0.5), Dense(CLASSES, "softmax"))


def batches(rows=ROWS, weighted=False, dtype=np.float64):
    """Consecutive batches, the last one ragged: what padding must not change."""
    for first in range(0, rows, BATCH):
        part = slice(first, min(first + BATCH, rows))
        batch = X[part].astype(dtype), Y[part]
        yield (*batch, WEIGHT[part].astype(dtype)) if weighted else batch


def resident(rows=ROWS, weighted=False):
    """What the loop takes: the rows and their order, both with padding.

    Rows that the order does not name are NaN, and up to 64 rows share a program.
    """
    capacity = max(rows, 64)
    x, weight = (np.full_like(array[:capacity], np.nan) for array in (X, WEIGHT))
    x[:rows], weight[:rows] = X[:rows], WEIGHT[:rows]
    examples = Data(
        jnp.asarray(x),
        jnp.asarray(Y[:capacity]),
        jnp.asarray(weight) if weighted else None,
        jnp.asarray(rows),
    )
    order = epoch_order.order([0], epoch=0, rows=rows, batch_size=BATCH, shuffle=False)
    padding = max(0, 64 // BATCH - len(order))
    return examples, jnp.asarray(np.pad(order, ((0, padding), (0, 0))))


def stacked(rows, weighted=False, padding=0.0):
    """What evaluation takes: batches of one shape, padded with ``padding``."""
    steps = -(-rows // BATCH)

    def stack(array, fill):
        padded = np.full((steps * BATCH, *array.shape[1:]), fill, array.dtype)
        padded[:rows] = array[:rows]
        return jnp.asarray(padded.reshape(steps, BATCH, *array.shape[1:]))

    weight = stack(WEIGHT, padding) if weighted else None
    return Data(stack(X, padding), stack(Y, 0), weight, jnp.asarray(rows)), steps


def run_loop(trainer, state, rows=ROWS, weighted=False, cuts=()):
    """A whole epoch through the compiled loop, cut where told."""
    examples, order = resident(rows, weighted)
    steps = -(-rows // BATCH)
    sums, bounds = trainer.no_sums(), [0, *cuts, steps]
    for first, last in itertools.pairwise(bounds):
        progress = programs.loop(
            trainer.program(), state, examples, order, first, last, sums
        )
        assert int(progress.failed) == -1
        state, sums = progress.state, progress.sums
    return state, sums.value()

"""Random networks against float64 NumPy: outputs, loss, gradients and Adam's steps.

In float64 to 1e-12 and in float32 to 1e-5, both relative to the largest entry.
"""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
import reference
from oracles import assert_close, central_differences, x64

from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.state import Batch, TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import Data, epoch_order
from jaxnet_mini.devices import programs
from jaxnet_mini.layers import Dense
from jaxnet_mini.optimizers import Adam
from jaxnet_mini.regularizers import L1L2

pytestmark = pytest.mark.usefixtures("quick_compilation")

INSIDE = list(reference.ACTIVATIONS)
ENDS = {
    "sparse_categorical_crossentropy": ["softmax", "sigmoid", "softplus"],
    "categorical_crossentropy": ["softmax", "sigmoid"],
    "binary_crossentropy": ["sigmoid", "softmax"],
    "mean_squared_error": ["linear", "tanh", "softmax"],
    "mean_absolute_error": ["linear", "silu"],
    "huber": ["linear", "elu"],
}
STEPS = 4
RATE = 0.01
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def draw(seed):
    """Layers, loss, parameters and batches, all in float64."""
    rng = np.random.default_rng(seed)
    # Losses and activations in turn, so that none is left out.
    loss = list(ENDS)[seed % len(ENDS)]
    depth = 4 - seed % 3
    sizes = [int(size) for size in rng.integers(2, 12, depth + 1)]
    inside = [INSIDE[(3 * seed + n) % len(INSIDE)] for n in range(depth - 1)]
    names = [*inside, rng.choice(ENDS[loss])]
    penalties = rng.choice([0.0, 0.0, 0.01, 0.1], (depth, 2))
    layers = [
        reference.Dense(str(name), bool(rng.integers(4)), float(l1), float(l2))
        for name, (l1, l2) in zip(names, penalties, strict=True)
    ]
    params = [
        {"kernel": rng.normal(0.0, rows**-0.5, (rows, columns))}
        | ({"bias": rng.normal(0.0, 0.3, columns)} if layer.bias else {})
        for layer, rows, columns in zip(layers, sizes[:-1], sizes[1:], strict=True)
    ]
    batch_size = int(rng.integers(3, 9))
    rows = STEPS * batch_size - int(rng.integers(batch_size))
    shape = (rows, sizes[-1])
    y = rng.normal(size=shape)
    if loss == "sparse_categorical_crossentropy":
        y = rng.integers(0, sizes[-1], rows)
    elif loss == "categorical_crossentropy":
        y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], rows)]
    elif loss == "binary_crossentropy":
        y = rng.integers(0, 2, shape).astype(np.float64)
    x, weight = rng.normal(size=(rows, sizes[0])), rng.uniform(0.0, 3.0, rows)
    order = epoch_order.order((seed,), 0, rows, batch_size)
    # Exact in float32, so that rounding of the numbers given has no part in it.
    x, weight, y = (
        a.astype(np.float32).astype(np.float64) if a.dtype.kind == "f" else a
        for a in (x, weight, y)
    )
    params = jax.tree.map(lambda a: a.astype(np.float32).astype(np.float64), params)
    return layers, loss, params, (x, y, weight), order


def built(layers, loss, params):
    """The same network here, with Adam, which keeps the gradients that it was given."""
    optimizer = Adam(RATE)

    def init(params):
        return jax.tree.map(jnp.zeros_like, params), optimizer.init(params)

    def update(gradients, state, params=None):
        updates, own = optimizer.transformation().update(gradients, state[1], params)
        return updates, (gradients, own)

    net = serial(
        *(
            Dense(
                part["kernel"].shape[1],
                layer.activation,
                layer.bias,
                kernel_regularizer=L1L2(layer.l1, layer.l2),
            )
            for layer, part in zip(layers, params, strict=True)
        )
    )
    return Trainer(net, loss, optax.GradientTransformation(init, update))


# Compiled quickly rather than well: the loop is compiled as it always is.
quickly = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}


@functools.partial(jax.jit, static_argnums=0, compiler_options=quickly)
def outputs_and_step(trainer, state, batch):
    return trainer.net.apply(state.params, batch.x), trainer.step(state, batch)


def compare(seed, dtype):
    """Return the largest errors, relative to the scale of the values."""
    layers, loss, params, examples, order = draw(seed)
    rows, batch_size = len(examples[0]), order.shape[1]
    trainer = built(layers, loss, params)
    update = oracles.adam(RATE)

    def there(array):
        return jnp.asarray(array.astype(dtype if array.dtype.kind == "f" else np.int32))

    def errors(name, actual, expected):
        try:
            assert_close(actual, expected, TOLERANCE[dtype])
        except AssertionError as error:
            error.add_note(
                f"{name} of seed {seed} in {dtype.__name__}: {layers} {loss}"
            )
            raise

    def same_parts(name, actual, expected):
        for (layer, part), other in zip(sorted(actual.items()), expected, strict=True):
            assert set(part) == set(other)
            for key, value in part.items():
                errors(f"{name} {layer}/{key}", value, other[key])

    # Made by hand: drawing them would be a program for each shape.
    shape = (examples[0].shape[1],)
    like = jax.eval_shape(lambda: trainer.net.init(jax.random.key(0), shape)[1])
    own = jax.tree.map(there, dict(zip(sorted(like), params, strict=True)))
    zero = jnp.zeros((), jnp.int32)
    optimizer_state = jax.jit(trainer.optimizer.init, compiler_options=quickly)(own)
    start = TrainState(own, optimizer_state, jax.random.key(0), zero)

    # One step at a time, over masks that are not a row of ones with zeros at the end.
    rng = np.random.default_rng(seed)
    masked = []
    for places in order[:STEPS]:
        mask = (rng.permutation(batch_size) < rng.integers(1, batch_size + 1)) * 1.0
        masked.append((*(array[places] for array in examples), mask))
    state, before = start, params
    story = reference.train(layers, params, loss, update, masked)
    for batch, (total, gradients, after) in zip(masked, story, strict=True):
        outputs, (state, logs) = outputs_and_step(
            trainer, state, Batch(*map(there, batch))
        )
        errors("outputs", outputs, reference.forward(layers, before, batch[0])[0])
        errors("loss", logs["loss"], total)
        same_parts("gradient", state.optimizer_state[0], gradients)
        same_parts("params", state.params, after)
        before = after

    # The same in the fused loop, whose last batch is ragged.
    ragged = []
    for first in range(0, rows, batch_size):
        places = order.reshape(-1)[first : min(rows, first + batch_size)]
        ones = np.ones(len(places))
        ragged.append((*(array[places] for array in examples), ones))
    story = list(reference.train(layers, params, loss, update, ragged))
    there_examples = Data(*map(there, examples), jnp.asarray(rows, jnp.int32))
    progress = programs.loop(
        trainer, start, there_examples, jnp.asarray(order), 0, len(ragged)
    )
    same_parts("params of the loop", progress.state.params, story[-1][2])
    mean = sum(total * len(b[0]) for (total, *_), b in zip(story, ragged, strict=True))
    loss_of_loop = trainer.logs(progress.sums.value())["loss"]
    errors("loss of the loop", loss_of_loop, mean / rows)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)
def test_random_networks_compute_what_numpy_does(dtype, amount):
    with x64() if dtype is np.float64 else contextlib.nullcontext():
        # In float32 a few, for what is cast.
        several = len(ENDS) if dtype is np.float64 else 2
        for seed in range(amount(quick=several, long=300)):
            compare(seed, dtype)
            if seed % 50 == 49:
                # Linux lets a process map 65,530 pieces of memory: some 300 networks.
                jax.clear_caches()


@pytest.mark.parametrize("seed", range(12))
def test_the_gradients_of_the_reference_are_its_differences(seed):
    """So that two errors cannot agree."""
    layers, loss, params, (x, y, weight), _ = draw(seed)
    mask = np.where(np.arange(len(x)) % 3 == 0, 0.0, 1.0)

    batch = (x, y, weight, mask)

    def total(name, index, values):
        def of(value):
            changed = [dict(part) for part in params]
            changed[index][name] = value.reshape(params[index][name].shape)
            return reference.step(layers, changed, loss, *batch)[0]

        return [of(value) for value in values]

    gradients = reference.step(layers, params, loss, *batch)[1]
    for index, part in enumerate(params):
        for name, value in part.items():
            differences = central_differences(
                functools.partial(total, name, index), value.reshape(-1)
            )
            assert_close(gradients[index][name].reshape(-1), differences, 1e-6)

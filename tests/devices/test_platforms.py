"""The programs can be lowered for CPU, GPU and TPU alike, wherever the tests run."""

import jax
import numpy as np
import pytest
from jax import export
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini import layers, optimizers
from jaxnet_mini.core.training.epochs import Passes
from jaxnet_mini.data import epoch_order, stacks
from jaxnet_mini.data import resident as data
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.devices import programs

pytestmark = pytest.mark.usefixtures("quick_compilation")

PLATFORMS = ("cpu", "cuda", "tpu")
ROWS, SIZE = 20, 8
X = np.random.default_rng(0).integers(0, 256, (ROWS, 2, 3)).astype(np.uint8)
Y = (np.arange(ROWS) % 3).astype(np.int32)


def model_of(optimizer):
    model = jn.Sequential(
        [
            layers.Rescaling(1 / 255, input_shape=(2, 3)),
            layers.Flatten(),
            layers.Dense(8, "gelu", kernel_regularizer=jn.regularizers.L2(0.01)),
            layers.LayerNormalization(),
            layers.GaussianNoise(0.1),
            layers.Dropout(0.2),
            jn.repeat(layers.Dense(8, "relu"), 3),
            layers.PReLU(),
            layers.Dense(3, "softmax"),
        ]
    )
    metrics = ["accuracy", jn.metrics.SparseTopKCategoricalAccuracy(2)]
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics)
    return model


def calls(model):
    """Each program, with arguments that it is called with."""
    trainer, sums = model.trainer.program(), model.trainer.no_sums()
    seed, shape = np.uint32(0), (2, 3)
    resident = data.resident(Examples(X, Y, None), SIZE)
    stack = stacks.cut(X, Y, None, SIZE).stack(0)
    order = epoch_order.order((0,), 0, ROWS, SIZE)
    state = model.state
    untrained = state._replace(optimizer_state=None)
    return {
        "loop": (trainer, state, resident, order, 0, 3, sums),
        "epochs": (trainer, state, resident, Passes(np.stack([order, order]), 3, 2)),
        "evaluate": (trainer, state.params, stack, 0, 3, sums),
        "predict": (model.net, state.params, stack.x, 0, 3),
        "apply": (model.net, state.params, X),
        "fresh": (model.trainer, shape, seed),
        "untrained": (model.net, shape, seed),
        "with_optimizer": (model.trainer, untrained),
    }


@pytest.mark.one_in(3)
@pytest.mark.parametrize("optimizer", ["adam", optimizers.SGD(0.1, momentum=0.9)])
@pytest.mark.parametrize("name", calls(model_of("adam")))
def test_a_program_is_lowered_for_every_platform(name, optimizer):
    arguments = calls(model_of(optimizer))[name]
    program = getattr(programs, name)
    exported = export.export(program.jitted, platforms=PLATFORMS)(*arguments)
    assert exported.platforms == PLATFORMS


def test_every_program_is_among_them():
    made = {n for n, p in vars(programs).items() if isinstance(p, programs.Program)}
    assert made == set(calls(model_of("adam")))


@pytest.mark.slow
def test_what_is_lowered_computes_the_same():
    """Read again from bytes, on the device at hand."""
    model = model_of("adam")
    arguments = calls(model)["loop"]
    exported = export.export(programs.loop.jitted, platforms=PLATFORMS)(*arguments)
    # A tree of our own classes is taken apart, since files know none of them.
    leaves = jax.tree.leaves(arguments)
    there = jax.tree.leaves(exported.call(*arguments))
    here = jax.tree.leaves(programs.loop(*arguments))
    assert len(leaves) == len(exported.in_avals)
    assert_trees_identical(there, here)

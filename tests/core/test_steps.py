"""A hundred steps against oracles: float64 NumPy, and optax's own functions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from oracles import assert_trees_close, assert_trees_identical
from stepping import CLASSES, FEATURES, KEY, LOSS, NET, batches, compiled_step, run_loop

from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.layers import Dense
from jaxnet_mini.optimizers import SGD, Adam

pytestmark = pytest.mark.usefixtures("quick_compilation")

# A hundred steps against float64 NumPy

OPTIMIZERS = [
    (SGD(0.1), oracles.sgd(0.1)),
    (SGD(0.05, momentum=0.9), oracles.sgd(0.05, 0.9)),
    (SGD(0.05, momentum=0.9, nesterov=True), oracles.sgd(0.05, 0.9, True)),
    (Adam(), oracles.adam(0.001)),
    (Adam(0.01), oracles.adam(0.01)),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("optimizer", "update"), OPTIMIZERS, ids=[str(one) for one, _ in OPTIMIZERS]
)
@pytest.mark.one_in(6)
def test_a_hundred_steps_are_those_of_float64(optimizer, update, weighted):
    trainer = Trainer(NET, LOSS, optimizer)
    state = trainer.init(KEY, (FEATURES,))
    params, losses = oracles.train(state.params, update, batches(weighted=weighted))
    step, looped = (
        functools.partial(compiled_step, trainer.program()),
        run_loop(trainer, state, weighted=weighted),
    )
    for index, batch in enumerate(batches(weighted=weighted, dtype=np.float32)):
        state, logs = step(state, tuple(map(jnp.asarray, batch)))
        assert float(logs["loss"]) == pytest.approx(losses[index], rel=1e-4, abs=1e-5)
    assert int(state.step) == 100
    for actual in (state, looped[0]):
        jax.tree.map(
            lambda a, e: np.testing.assert_allclose(a, e, rtol=0, atol=2e-5),
            actual.params,
            params,
        )
    assert float(trainer.logs(looped[1])["loss"]) == pytest.approx(
        np.mean(losses), rel=1e-5
    )


# optax's own


def lax():
    """What optax computes by itself is not always written for strict promotion."""
    return jax.numpy_dtype_promotion("standard")


OPTAX = {
    "adam": optax.adam(0.01),
    "chain": optax.chain(optax.clip_by_global_norm(0.1), optax.adamw(0.01)),
    "injected": optax.inject_hyperparams(optax.adam)(learning_rate=0.01),
    "schedule": optax.sgd(optax.cosine_decay_schedule(0.1, 20)),
    "by name": optax.multi_transform(
        {"fast": optax.adam(0.01), "fixed": optax.set_to_zero()},
        lambda params: {
            name: "fixed" if name == "dense" else "fast" for name in params
        },
    ),
    "masked": optax.chain(
        optax.masked(
            optax.add_decayed_weights(0.1),
            lambda params: jax.tree.map_with_path(
                lambda path, _: path[-1].key == "kernel", params
            ),
        ),
        optax.sgd(0.1),
    ),
}


@pytest.mark.parametrize("name", OPTAX)
@pytest.mark.one_in(4)
def test_optax_transformations_go_in_unchanged(name):
    transformation = OPTAX[name]
    trainer = Trainer(NET, LOSS, transformation)
    assert trainer.transformation is transformation
    assert trainer.program() == trainer
    state = trainer.init(KEY, (FEATURES,))
    params, own = state.params, transformation.init(state.params)

    def objective(params, x, y):
        logits = serial(Dense(16, "relu"), Dense(CLASSES)).apply(params, x)
        losses = optax.losses.softmax_cross_entropy_with_integer_labels(logits, y)
        return jnp.mean(losses)

    @jax.jit
    def expected_step(params, own, x, y):
        gradient = jax.grad(objective)(params, x, y)
        updates, own = transformation.update(gradient, own, params)
        return optax.apply_updates(params, updates), own

    with lax():
        for batch in batches(64, dtype=np.float32):
            params, own = expected_step(params, own, *map(jnp.asarray, batch))
        looped, _ = run_loop(trainer, state, 64)
    assert_trees_close(looped.params, params, 1e-5)
    if name == "by name":
        before, after = state.params["dense"], looped.params["dense"]
        assert_trees_identical(before, after)

"""Constraints against Keras's own, step by step."""

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")


def stack(layers, constraints, own):
    """All constraints at work, in the words that both libraries have."""
    return [
        layers.Input((7,)),
        layers.Dense(
            6,
            "tanh",
            kernel_constraint=constraints.MaxNorm(0.9),
            bias_constraint="non_neg",
        ),
        layers.Dense(5, "tanh", kernel_constraint=constraints.UnitNorm(axis=1)),
        layers.PReLU(alpha_constraint="NonNeg"),
        layers.Dense(
            4,
            kernel_constraint=constraints.MinMaxNorm(0.4, 0.8, rate=0.5),
            bias_constraint=own,
        ),
        layers.Dense(3, kernel_constraint="unit_norm", trainable=False),
    ]


def test_weights_after_some_steps_are_those_of_keras(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(16, 7)).astype(np.float32)
    y = rng.normal(size=(16, 3)).astype(np.float32)
    settings = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
    path = tmp_path / "model.keras"
    with keras_on_jax() as keras:
        theirs = keras.Sequential(
            stack(keras.layers, keras.constraints, lambda w: keras.ops.abs(w))
        )
        optimizer = keras.optimizers.SGD(0.3, momentum=0.9)
        theirs.compile(optimizer, "mse")
        theirs.layers[3].bias_constraint = None  # a lambda, which no file holds
        theirs.save(path)
        before = theirs.get_weights()
        logs = theirs.fit(x, y, **settings).history
        after = theirs.get_weights()
    ours = jn.Sequential(stack(jn.layers, jn.constraints, jnp.abs))
    ours.set_weights(before)
    ours.compile(jn.optimizers.SGD(0.3, momentum=0.9), "mse")
    assert_close(ours.fit(x, y, **settings).history["loss"], logs["loss"], 1e-5)
    for mine, other in zip(ours.get_weights(), after, strict=True):
        assert_close(mine, other, 1e-5)
    # And so they are where the layers come from Keras's file.
    loaded = jn.models.load_model(path).layers
    own = stack(jn.layers, jn.constraints, None)[1:]
    for layer, wanted in zip(loaded, own, strict=True):
        for name in ("kernel_constraint", "bias_constraint", "alpha_constraint"):
            found = getattr(layer, name, None)
            assert found == jn.constraints.get(getattr(wanted, name, None))

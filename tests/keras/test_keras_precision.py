"""Mixed precision against Keras's: steps, and files both ways."""

import jax
import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.base.policies import choosing
from jaxnet_mini.layers import BatchNormalization, Dense, Input

pytestmark = [
    pytest.mark.usefixtures("quick_compilation"),
    pytest.mark.filterwarnings("ignore:bfloat16 is slower"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4)).astype(np.float32)
Y = (X @ RNG.normal(size=(4, 2))).astype(np.float32)
FIT = {"batch_size": 16, "epochs": 4, "shuffle": False, "verbose": 0}
MIXED = "mixed_bfloat16"
ROUNDOFF = 2.0**-8  # of bfloat16, which has 8 digits


def test_steps_and_files_are_those_of_keras(tmp_path):
    with keras_on_jax() as keras:
        layers = keras.layers
        policy = keras.mixed_precision.Policy(MIXED)
        options = {"activation": "tanh", "dtype": policy}
        theirs = keras.Sequential(
            [
                keras.Input((4,)),
                layers.Dense(8, **options),
                layers.BatchNormalization(dtype=policy),
                layers.Dense(8, **options),
                layers.Dense(2),
            ]
        )
        theirs.compile("sgd", "mse")
        theirs.save(tmp_path / "theirs.keras")
        first = theirs.get_weights()
        with choosing(MIXED):
            ours = jn.Sequential(
                [
                    Input((4,)),
                    Dense(8, "tanh"),
                    BatchNormalization(),
                    Dense(8, "tanh"),
                    Dense(2, dtype="float32"),
                ]
            )
        ours.compile("sgd", "mse")
        ours.set_weights(first)
        expected = theirs.fit(X, Y, **FIT).history["loss"]
        found = ours.fit(X, Y, **FIT).history["loss"]
        ours.save(tmp_path / "ours.keras")
        back = keras.saving.load_model(tmp_path / "ours.keras")
        names = [layer.dtype_policy.name for layer in back.layers]
        predicted = back.predict(X, verbose=0)
        after = theirs.get_weights()
    assert names == [MIXED] * 3 + ["float32"]
    # On its way there and back a gradient meets at most 4 roundings in each of 4
    # layers, of its inputs, of weights, of products and of sums: this share of all that
    # was moved may be another, and twice that of what two libraries round.
    share = 2 * 16 * ROUNDOFF
    moved = max(np.abs(a - b).max() for a, b in zip(first, after, strict=True))
    for own, weight in zip(ours.get_weights(), after, strict=True):
        assert np.abs(own - weight).max() <= share * moved
    np.testing.assert_allclose(found, expected, rtol=share)
    np.testing.assert_allclose(predicted, ours.predict(X), rtol=share, atol=share)
    read = jn.models.load_model(tmp_path / "theirs.keras")
    dtypes = [layer.compute_dtype for layer in read.layers]
    assert dtypes == ["bfloat16"] * 3 + ["float32"]
    copy = jn.models.clone_model(read)
    copy.set_weights(ours.get_weights())
    assert np.array_equal(copy.predict(X), ours.predict(X))
    assert {a.dtype.name for a in jax.tree.leaves(read.params)} == {"float32"}

"""Layers of categories and constraints against Keras's own, step by step."""

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.integers(0, 7, (16, 3))
Y = RNG.normal(size=(16, 2)).astype(np.float32)


def stack(library):
    """A network of them, in the words that both libraries have."""
    layers = library.layers
    return [
        layers.Input((3,)),
        layers.Embedding(
            7,
            4,
            embeddings_initializer=library.initializers.RandomNormal(stddev=0.5),
            embeddings_regularizer="l2",
            embeddings_constraint=library.constraints.MaxNorm(1.0, axis=1),
        ),
        layers.Permute((2, 1)),
        layers.AlphaDropout(0.0),
        layers.Flatten(),
        layers.RepeatVector(2),
        layers.Dense(
            3,
            activation=layers.LeakyReLU(0.1),
            kernel_constraint=library.constraints.MaxNorm(0.9),
            bias_constraint="non_neg",
        ),
        layers.Flatten(),
        layers.Dense(5, "tanh", kernel_constraint=library.constraints.UnitNorm(axis=1)),
        layers.PReLU(alpha_constraint="NonNeg"),
        layers.Dense(
            4, kernel_constraint=library.constraints.MinMaxNorm(0.4, 0.8, rate=0.5)
        ),
        layers.Dense(2, kernel_constraint="unit_norm", trainable=False),
    ]


def test_what_is_trained_is_what_keras_trains(tmp_path):
    path = tmp_path / "model.keras"
    settings = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
    with keras_on_jax() as keras:
        theirs = keras.Sequential(stack(keras))
        theirs.compile(keras.optimizers.SGD(0.5), "mse")
        theirs.save(path)
        logs = theirs.fit(X, Y, **settings).history
        weights = theirs.get_weights()
    ours = jn.models.load_model(path)
    assert [layer.name for layer in ours.layers][:2] == ["embedding", "permute"]
    for layer, written in zip(ours.layers, stack(jn)[1:], strict=True):
        assert layer.__class__ is written.__class__
        for name in ("dims", "n", "rate", "units", "input_dim", "output_dim"):
            assert getattr(layer, name, None) == getattr(written, name, None)
        for name in ("embeddings", "kernel", "bias", "alpha"):
            wanted = getattr(written, f"{name}_constraint", None)
            found = getattr(layer, f"{name}_constraint", None)
            assert found == jn.constraints.get(wanted)
    assert_close(ours.fit(X, Y, **settings).history["loss"], logs["loss"], 1e-5)
    for mine, other in zip(ours.get_weights(), weights, strict=True):
        assert_close(mine, other, 1e-5)


def test_what_is_written_is_read_by_keras(tmp_path):
    """And again here, with all arguments; a function of ours is an activation there."""
    layers, initializers = jn.layers, jn.initializers
    model = jn.Sequential(
        [
            *stack(jn)[:-1],
            layers.Dense(
                2,
                kernel_initializer=None,
                bias_initializer=initializers.Constant([1.0, 2.0]),
                kernel_constraint="min_max_norm",
            ),
            layers.Lambda(jn.activations.relu),
            layers.CategoryEncoding(9),
        ]
    )
    path = tmp_path / "model.keras"
    model.save(path)
    expected = model.predict(X)
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(path)
        np.testing.assert_allclose(theirs(X), expected, rtol=1e-6, atol=1e-6)
    again = jn.models.load_model(path)
    np.testing.assert_array_equal(again.predict(X), expected)
    last = again.layers[10]
    assert last.kernel_initializer is None
    assert last.bias_initializer == initializers.Constant([1.0, 2.0])
    assert last.kernel_constraint == jn.constraints.MinMaxNorm()
    assert again.layers[11] == layers.Activation("relu", name="lambda")


def test_categories_are_encoded_as_in_keras():
    with keras_on_jax() as keras:
        for mode in ("multi_hot", "one_hot", "count"):
            for x in (X, X[:, :1], X.reshape(4, 4, 3)[:, :, :2]):
                if mode != "one_hot" and x.ndim == 3:
                    continue  # Keras makes vectors of examples alone
                theirs = keras.layers.CategoryEncoding(7, output_mode=mode)(x)
                ours = jn.layers.CategoryEncoding(7, mode).apply({}, x)
                np.testing.assert_array_equal(ours, np.asarray(theirs))

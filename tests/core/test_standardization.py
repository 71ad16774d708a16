"""`Normalization` and what it is adapted to, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_close, assert_trees_identical, raises_text

import jaxnet_mini as jn
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError
from jaxnet_mini.layers import Dense, Normalization

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (20, 3)).astype(np.float32)
Y = RNG.normal(size=(20, 2)).astype(np.float32)
KEY = jax.random.key(0)
EXPECTED = (X - np.mean(np.float64(X), 0)) / np.std(np.float64(X), 0)


def outputs(layer, x=X):
    _, params = layer.init(KEY, x.shape[1:])
    state = protocol.init_state(layer, x.shape[1:])
    how = {"training": True}
    y, after = protocol.run(layer, params, state, jnp.asarray(x), **how)
    assert after is state
    return y


def test_it_is_adapted_to_arrays_files_and_streams(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    batches = [X[:7], X[7:8], X[8:]]
    pairs = ((x, None) for x in batches)
    for data in (X, mapped, jnp.asarray(X), X.tolist(), batches, pairs):
        assert_close(outputs(Normalization().adapted(data)), EXPECTED, 1e-5)
    far = np.float64(X) + 1e6  # whose squares have no digits left for a variance
    found = Normalization().adapted(iter([far[:9], far[9:]])).adapted_to
    assert_close(found[1], np.var(far, axis=0), 1e-5)
    several = RNG.normal(size=(5, 2, 3)).astype(np.float32)
    for axis, axes in ((None, (0, 1, 2)), (1, (0, 2)), ((1, 2), (0,))):
        shown = outputs(Normalization(axis).adapted(several), several)
        mean, std = (f(several, axis=axes, keepdims=True) for f in (np.mean, np.std))
        assert_close(shown, (several - mean) / std, 1e-5)


def test_given_statistics_are_used_and_nothing_is_remembered():
    given = Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.0, 1.0])
    assert not protocol.has_state(given)
    expected = (X - np.array([1.0, 2.0, 3.0])) / np.array([2.0, 1e-7, 1.0])
    assert_close(outputs(given), expected, 1e-5)
    undone = Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.0, 1.0], invert=True)
    assert_close(outputs(undone, np.asarray(outputs(given))), X, 1e-5)
    assert_close(outputs(Normalization(mean=1.0, variance=4.0)), (X - 1.0) / 2.0, 1e-6)


def test_as_it_is_written_for_keras(tmp_path):
    """And trained, saved and loaded; training changes none of it."""
    normalizer = Normalization(axis=-1)
    normalizer.adapt(np.array(X))
    assert_close(normalizer(np.array(X)), EXPECTED, 1e-5)
    assert normalizer == Normalization().adapted(X)
    assert normalizer != Normalization()
    model = jn.Sequential([normalizer, Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    state = model.layer_state["normalization"]
    assert_close(state["mean"], np.mean(X, axis=0), 1e-5)
    lines = []
    model.summary(print_fn=lines.append)
    assert " Non-trainable params: 7 " in lines[0]
    dense = jax.tree.map(np.float64, model.params["dense"])
    expected = EXPECTED @ dense["kernel"] + dense["bias"]
    assert_close(model.predict(X), expected, 1e-5)
    model.save(tmp_path / "model.safetensors")
    loaded = jn.models.load_model(tmp_path / "model.safetensors")
    assert loaded.layers == model.layers
    assert_trees_identical(loaded.state, model.state)
    again = jn.models.clone_model(model)
    assert_close(again.layer_state["normalization"]["mean"], state["mean"])


def test_what_stands_in_a_network_is_not_adapted():
    layer = Normalization()
    serial(layer)
    with raises_text(LayerError, "stands in a network", "adapt the layer first"):
        layer.adapt(X)


def test_what_a_layer_of_ones_own_calls_is_adapted_before_its_weights_are_there():
    """Afterwards no weights would know of it."""

    class Scaled(jn.layers.Layer):
        def __init__(self):
            super().__init__()
            self.scale = Normalization()

        def call(self, x):
            return self.scale(x)

    early, late = Scaled(), Scaled()
    early.scale.adapt(X)
    model = jn.Sequential([early, jn.Dense(1)])
    model.compile("sgd", "mse")
    model(X)
    mean, variance, *_ = model.get_weights()
    assert_close(mean, X.mean(0))
    assert_close(variance, X.var(0))
    jn.Sequential([late, jn.Dense(1)])(X)
    with raises_text(LayerError, "stands in a network", "adapt the layer first"):
        late.scale.adapt(X)


def test_bad_input_is_named():
    for make, *texts in (
        (lambda: Normalization(mean=1.0), "both, or neither"),
        (lambda: Normalization(mean=[1.0], variance=[1.0, 2.0]), "of one shape"),
        (lambda: Normalization(mean=1.0, variance=-1.0), "no variance below 0"),
        (lambda: Normalization(mean="a", variance=1.0), "mean must be", "'a'"),
        (lambda: Normalization(axis=0), "axis must be", "that of the batch"),
        (lambda: Normalization(mean=1.0, variance=1.0).adapt(X), "are given"),
        (lambda: Normalization().adapt(iter([])), "adapt got no rows"),
        (lambda: Normalization().adapt(3), "array or an iterable"),
        (lambda: Normalization().adapt(np.full((2, 2), np.nan)), "NaN or infinity"),
    ):
        with raises_text(ArgumentError, *texts):
            make()
    with raises_text(ShapeError, "(3,)", "(2,)"):
        Normalization().adapt(iter([X, X[:, :2]]))
    with raises_text(ShapeError, "statistics of shape (3,)", "they must be (4,)"):
        Normalization().adapted(X).init(KEY, (4,))

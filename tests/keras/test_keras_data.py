"""Data against Keras's own."""

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.data import checks, fit_arguments, in_place


@pytest.mark.parametrize(
    ("rows", "share"), [(10, 0.1), (10, 0.2), (7, 0.5), (1000, 0.333), (60_000, 0.1)]
)
def test_split_agrees_with_keras(rows, share):
    with keras_on_jax():
        from keras.src.trainers.data_adapters.array_slicing import (
            train_validation_split,
        )

        x = np.arange(rows)
        (left,), (held_out,) = train_validation_split((x,), share)
    at = fit_arguments.split(rows, share)
    np.testing.assert_array_equal(np.asarray(left), x[:at])
    np.testing.assert_array_equal(np.asarray(held_out), x[at:])


CLASSES = np.array([0, 2, 1, 1, 0, 2])


TABLE = {0: 0.5, 1: 2.0, 2: 3.5}


def keras_class_weights(y, table):
    with keras_on_jax():
        from keras.src.trainers.data_adapters.data_adapter_utils import (
            class_weight_to_sample_weights,
        )

        return np.asarray(class_weight_to_sample_weights(y, table))


@pytest.mark.parametrize(
    "y",
    [
        CLASSES,
        CLASSES.reshape(-1, 1),
        CLASSES.astype(np.float32),
        np.eye(3, dtype=np.float32)[CLASSES],
        np.eye(3)[CLASSES] * 0.8 + 0.1,
    ],
    ids=["sparse", "column", "float", "one-hot", "soft"],
)
@pytest.mark.parametrize("table", [TABLE, {1: 2.0}, {}, {0: 0.0, 1: 1.0}])
def test_class_weights_are_keras(y, table):
    ours = checks.class_weights(y, table, (3,))
    theirs = keras_class_weights(y, table)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("dtype", ["int64", "float32", "bool"])
def test_class_weights_of_two_classes(shape, dtype):
    y = np.array([0, 1, 1, 0]).astype(dtype).reshape(shape)
    ours = checks.class_weights(y, {0: 0.25, 1: 4.0}, (1,))
    np.testing.assert_array_equal(ours, [0.25, 4.0, 4.0, 0.25])
    if dtype != "bool":
        np.testing.assert_allclose(ours, keras_class_weights(y, {0: 0.25, 1: 4.0}))


def trained_on_what_a_hook_writes(library, x):
    y = np.arange(40.0, dtype=np.float32).reshape(40, 1) / 40
    ones = {"kernel_initializer": "ones"}
    model = library.Sequential([library.layers.Dense(1, **ones)])
    model.compile("sgd", "mse")

    class Writing(library.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            x[...] = epoch + 2

    hooks = [Writing()]
    model.fit(x, y, 8, 3, verbose=0, shuffle=False, callbacks=hooks)
    return [np.asarray(weight) for weight in model.get_weights()]


def test_large_arrays_are_read_where_they_lie(monkeypatch):
    """What a callback writes into them is learned, as in Keras."""
    x = np.random.default_rng(0).random((40, 3), np.float32)
    with keras_on_jax() as keras:
        theirs = trained_on_what_a_hook_writes(keras, x.copy())
    copied = trained_on_what_a_hook_writes(jn, x.copy())
    monkeypatch.setattr(in_place, "LEAST_BYTES", 1)
    ours = trained_on_what_a_hook_writes(jn, x.copy())
    for own, other, old in zip(ours, theirs, copied, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5)
        assert not np.allclose(old, other, rtol=1e-3)

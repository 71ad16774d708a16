"""Files of the legacy HDF5 format, as Keras 3 writes them, and as Keras 2 did."""

import json

import h5py
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import FileError, ShapeError
from jaxnet_mini.models.load import load_model

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4)).astype(np.float32)


def layers(kinds):
    return [
        kinds.Dense(3, "relu", kernel_regularizer="l2", name="odd"),
        kinds.Dropout(0.5, name="dropout"),
        kinds.LayerNormalization(name="layer_normalization"),
        kinds.Dense(2, name="dense"),
    ]


def test_what_keras_3_writes_is_read(tmp_path):
    whole, weights = tmp_path / "model.h5", tmp_path / "weights.h5"
    with keras_on_jax() as keras:
        theirs = keras.Sequential([keras.Input((4,)), *layers(keras.layers)])
        theirs.set_weights([RNG.normal(size=w.shape) for w in theirs.get_weights()])
        theirs.compile(keras.optimizers.AdamW(0.02), "mse", metrics=["mae"])
        theirs.save(whole)
        with h5py.File(whole) as file, h5py.File(weights, "w") as alone:
            for name in file["model_weights"]:  # as its save_weights once did
                file.copy(f"model_weights/{name}", alone)
        expected = np.asarray(theirs(X))
    with pytest.warns(UserWarning, match="the state of the optimizer is not read"):
        model = load_model(whole)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)
    assert model.trainer.optimizer == jn.optimizers.AdamW(0.02)
    assert [metric.name for metric in model.trainer.metrics] == ["mae"]
    assert model.layers[0].kernel_regularizer == jn.regularizers.L2(0.01)
    for path in (whole, weights):
        again = jn.Sequential([jn.Input((4,)), *layers(jn.layers)])
        again.load_weights(path)
        np.testing.assert_allclose(again.predict(X), expected, rtol=1e-5, atol=1e-6)
    other = jn.Sequential([jn.Input((4,)), *layers(jn.layers)[:-1], jn.Dense(2)])
    other.add(jn.Dense(2, name="more"))
    with raises_text(
        ShapeError, f"{str(weights)!r} does not fit", "more/kernel is missing there"
    ):
        other.load_weights(weights)
    with raises_text(FileError, "holds weights only: build the model"):
        load_model(weights)


def test_graphs_and_models_inside_models_are_read(tmp_path):
    path = tmp_path / "model.h5"
    with keras_on_jax() as keras:
        kinds, x = keras.layers, keras.Input((4,))
        inside = keras.Sequential([kinds.Dense(3, name="in it"), kinds.ReLU()])
        total = kinds.Add()([kinds.Dense(3, name="side")(x), inside(x)])
        theirs = keras.Model(x, total)
        theirs.set_weights([RNG.normal(size=w.shape) for w in theirs.get_weights()])
        theirs.save(path)
        expected = np.asarray(theirs(X))
    model = load_model(path)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)
    model.set_weights([0.0 * weight for weight in model.get_weights()])
    model.load_weights(path)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)


KERNEL, BIAS = (RNG.normal(size=shape).astype(np.float32) for shape in ((4, 2), (2,)))
MODEL = {
    "class_name": "Sequential",
    "config": {
        "name": "old",
        "layers": [
            {
                "class_name": "Dense",
                "config": {
                    "name": "dense_7",
                    "trainable": True,
                    "dtype": "float32",
                    "batch_input_shape": [None, 4],
                    "units": 2,
                    "activation": "sigmoid",
                    "use_bias": True,
                    "kernel_initializer": {
                        "class_name": "GlorotUniform",
                        "config": {"seed": None},
                    },
                    "bias_initializer": {"class_name": "Zeros", "config": {}},
                    "kernel_regularizer": None,
                    "bias_regularizer": None,
                    "activity_regularizer": None,
                    "kernel_constraint": None,
                    "bias_constraint": None,
                },
            },
        ],
    },
}
TRAINING = {
    "loss": "binary_crossentropy",
    "metrics": [
        [
            {
                "class_name": "MeanMetricWrapper",
                "config": {
                    "name": "accuracy",
                    "dtype": "float32",
                    "fn": "binary_accuracy",
                },
            }
        ]
    ],
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": {
        "class_name": "Custom>Adam",
        "config": {
            "name": "Adam",
            "weight_decay": None,
            "clipnorm": None,
            "global_clipnorm": None,
            "clipvalue": None,
            "use_ema": False,
            "ema_momentum": 0.99,
            "ema_overwrite_frequency": None,
            "jit_compile": False,
            "is_legacy_optimizer": False,
            "learning_rate": 0.009999999776482582,
            "beta_1": 0.9,
            "beta_2": 0.999,
            "epsilon": 1e-07,
            "amsgrad": False,
        },
    },
}


def test_what_keras_2_wrote_is_read(tmp_path):
    """Written as its documents and its code have it."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.12.0"
        file.attrs["model_config"] = json.dumps(MODEL)
        file.attrs["training_config"] = json.dumps(TRAINING)
        file["model_weights/dense_7/dense_7/kernel:0"] = KERNEL
        file["model_weights/dense_7/dense_7/bias:0"] = BIAS
        file["optimizer_weights/Adam/iter:0"] = np.int64(3)
    with pytest.warns(UserWarning, match="the state of the optimizer is not read"):
        model = load_model(path)
    expected = 1.0 / (1.0 + np.exp(-(X.astype(float) @ KERNEL + BIAS)))
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)
    assert model.input_shape == (None, 4)
    assert model.trainer.optimizer == jn.optimizers.Adam(0.01)
    assert [metric.name for metric in model.trainer.metrics] == ["accuracy"]
    MODEL["config"]["layers"].insert(
        0,
        {
            "class_name": "InputLayer",
            "config": {
                "batch_input_shape": [None, 4],
                "dtype": "float32",
                "sparse": False,
                "ragged": False,
                "name": "dense_7_input",
            },
        },
    )
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(MODEL)
        del file.attrs["training_config"]
    model = load_model(path)
    assert model.get_compile_config() is None
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)


def both(kinds, model):
    inner = model([kinds.Dense(3, name="inner"), kinds.BatchNormalization()])
    return [kinds.Dense(3, "relu", name="first"), inner, kinds.Dense(1, name="last")]


Y = RNG.normal(size=(7, 1)).astype(np.float32)
HOW = {"epochs": 2, "shuffle": False, "verbose": 0, "batch_size": 7}


def test_what_is_written_is_read_by_keras(tmp_path):
    path = tmp_path / "model.h5"
    model = jn.Sequential([jn.Input((4,)), *both(jn.layers, jn.Sequential)])
    model.compile(jn.optimizers.Adam(0.02), jn.losses.Huber(), ["mae"])
    model.fit(X, Y, **HOW)
    model.save(path)
    with keras_on_jax() as keras:
        theirs = keras.models.load_model(path)
        np.testing.assert_allclose(theirs(X), model.predict(X), rtol=1e-5, atol=1e-6)
        assert int(theirs.optimizer.iterations) == 2
        assert float(theirs.optimizer.learning_rate) == np.float32(0.02)
        assert theirs.loss.name == "huber_loss"
    found = load_model(path).fit(X, Y, **HOW).history
    assert found == model.fit(X, Y, **HOW).history  # to the bit
    with raises_text(FileError, "a name for weights alone"):
        model.save(tmp_path / "model.weights.h5")

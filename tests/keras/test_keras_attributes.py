"""Attributes against Keras's own."""

import pickle

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close, raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import (
    AbsentNameError,
)
from jaxnet_mini.layers import Dense


def test_what_is_read_and_not_there_is_answered_by_its_meaning():
    model = jn.Sequential([Dense(2, input_dim=2)])
    model.compile(jn.optimizers.SGD(0.1, momentum=0.5), "mse")
    with keras_on_jax() as keras:
        other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        other.compile("sgd", "mse")
        public = [name for name in dir(other) if not name.startswith("_")]
    missing = [name for name in public if not hasattr(model, name)]
    assert {"predict_step", "reset_metrics", "metrics_variables"} <= set(missing)
    for name in missing:
        with raises_text(AbsentNameError, repr(name), ". "):
            getattr(model, name)
    with raises_text(AbsentNameError, "'lr'. It is learning_rate"):
        model.optimizer.lr  # noqa: B018
    with raises_text(AbsentNameError, "model.trainer.optimizer.momentum"):
        model.optimizer.momentum  # noqa: B018
    assert model.trainer.optimizer.momentum == 0.5
    with raises_text(AttributeError, "'Sequential' object has no attribute 'fitt'"):
        model.fitt  # noqa: B018
    assert not hasattr(pickle.loads(pickle.dumps(model)), "reset_metrics")


@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2)])
def test_what_a_layer_was_adapted_to_is_shown(axis):
    """By the layer alone, put into a model before or after, and by the model's."""
    x = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)

    def shown(keras):
        layers = keras.layers
        alone, before, after = (layers.Normalization(axis=axis) for _ in range(3))
        found = [alone.mean]
        alone.adapt(x)
        found += [alone.mean, alone.variance]
        after.adapt(x + 1.0)
        first = keras.Sequential([layers.Input((4, 3)), after, layers.Dense(2)])
        found += [after.mean, first.layers[0].mean]
        second = keras.Sequential([layers.Input((4, 3)), before, layers.Dense(2)])
        before.adapt(x)
        found += [before.mean, second.layers[0].variance]
        second.predict(x, verbose=0)
        before.adapt(2.0 * x)
        found += [before.variance, second.layers[0].mean]
        second.layers[0].adapt(3.0 * x)
        return [*found, before.mean, second.layers[0].variance]

    ours = shown(jn)
    with keras_on_jax() as keras:
        theirs = shown(keras)
    assert ours[0] is theirs[0] is None
    for own, other in zip(ours[1:], theirs[1:], strict=True):
        assert own.shape == other.shape
        assert own.dtype == np.float32
        assert_close(own, np.asarray(other), 1e-5)
    assert type(ours[1].numpy()) is np.ndarray


def test_what_is_shown_is_no_argument():
    """Such a layer is equal, copied, printed and written as before."""
    x = np.arange(12.0).reshape(4, 3)
    layer = jn.layers.Normalization()
    layer.adapt(x + 1.0)
    layer.adapt(x)
    assert repr(layer) == "Normalization()"
    config = layer.get_config()
    assert config["mean"] is config["variance"] is None
    for same in (pickle.loads(pickle.dumps(layer)), type(layer)(**config)):
        assert same == layer
        assert same.has_state
        assert_close(same.mean, x.mean(0, keepdims=True), 1e-6)

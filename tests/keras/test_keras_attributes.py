"""Attributes against Keras's own."""

import pickle

from conftest import keras_on_jax
from oracles import raises_text

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

"""The optimizer of a model as Keras's users read and set it."""

import copy
import json

import numpy as np
import pytest

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_the_rate_answers_as_a_number_and_as_a_variable():
    model = jn.Sequential([jn.Dense(1, input_shape=(2,))], seed=0)
    model.compile(jn.optimizers.SGD(0.5, gradient_accumulation_steps=2), "mse")
    rate = model.optimizer.learning_rate
    assert isinstance(rate, float)
    assert (rate, float(rate), rate * 2, rate > 0.25) == (0.5, 0.5, 1.0, True)
    assert (repr(rate), f"{rate:.2f}", json.dumps(rate)) == ("0.5", "0.50", "0.5")
    assert type(rate.numpy()) is np.float32
    assert type(copy.deepcopy(rate)) is float
    rate.assign(0.25)
    assert (model.optimizer.learning_rate, rate) == (0.25, 0.5)
    model.optimizer.learning_rate.assign(model.optimizer.learning_rate * 0.5)
    assert model.optimizer.learning_rate.numpy() == 0.125
    with pytest.raises(jn.errors.ArgumentError, match="learning_rate must be a finite"):
        rate.assign(-1.0)
    assert model.optimizer.iterations == 0
    x = np.ones((6, 2), np.float32)
    model.fit(x, x[:, :1], batch_size=1, verbose=0)
    assert model.optimizer.iterations == 3
    assert type(model.optimizer.iterations.numpy()) is np.int32
    model.compile("sgd", "mse")
    assert model.optimizer.iterations == 0

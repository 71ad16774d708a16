"""The optimizer of a model as Keras's users read and set it."""

import copy
import json

import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini.sklearn import wrap

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


def test_a_rate_set_before_training_goes_for_all_that_is_made_of_the_model(tmp_path):
    """As if the model had been compiled with it; what a callback sets does not."""

    def model(rate):
        made = jn.Sequential([jn.Dense(1, input_shape=(2,))], seed=0)
        made.compile(jn.optimizers.SGD(rate), "mse")
        return made

    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    y, fit = x[:, 0], {"epochs": 2, "verbose": 0}
    own, given = model(0.3), model(0.01)
    own.fit(x, y, **fit)
    given.optimizer.learning_rate = 0.3
    kept = tmp_path / "kept"
    copies = [
        jn.models.clone_model(given),
        jn.sweep(given, {"seed": [0]}, x, y, **fit)[0].model,
        wrap(given, epochs=2).fit(x, y).model_,
    ]
    copies[0].fit(x, y, checkpoint=kept, **fit)
    for copied in copies:
        for one, other in zip(copied.get_weights(), own.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    text = "optimizer.config.learning_rate was 0.3 and is 0.01"
    with pytest.raises(jn.errors.FileError, match=text):
        model(0.01).fit(x, y, checkpoint=kept, **fit)
    slower = jn.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    given.fit(x, y, callbacks=slower, **fit)
    assert given.optimizer.learning_rate == pytest.approx(0.1)
    assert given.trainer.optimizer.learning_rate == 0.3


def layers_of_two():
    return [jn.Dense(2, "tanh", input_shape=(2,)), jn.Dense(1)]


X = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
Y = X[:, :1] * X[:, 1:]


@pytest.mark.parametrize("how", ["frozen", "added", "saved", "compiled", "another's"])
def test_a_rate_that_was_set_stays_where_the_optimizer_begins_afresh(how, tmp_path):
    """A step of SGD, whose size is the rate's; of a layer that is trained anyhow."""
    model = jn.Sequential(layers_of_two(), seed=0)
    model.compile(jn.optimizers.SGD(0.5), "mse")
    model.optimizer.learning_rate = 0.125
    if how == "added":
        model.add(jn.Dense(1))
    elif how == "another's":
        other, model = model, jn.Sequential(layers_of_two(), seed=1)
        model.compile(other.optimizer, "mse")
    else:
        model.layers[0].trainable = False
    if how == "compiled":
        model.compile(model.optimizer, "mse")
    if how == "saved":
        for name in ("model.keras", "model.safetensors"):
            model.save(tmp_path / name)
            model = jn.models.load_model(tmp_path / name)
    assert model.optimizer.learning_rate == 0.125
    bias = model.layers[-1].bias.numpy()
    slope = 2 * np.mean(model.predict(X) - Y, dtype=np.float64)
    model.train_on_batch(X, Y)
    expected = bias - 0.125 * slope
    np.testing.assert_allclose(model.layers[-1].bias.numpy(), expected, rtol=1e-5)


def test_an_optimizer_begins_afresh_where_others_are_trained_meanwhile():
    model = jn.Sequential(layers_of_two(), seed=0)
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    model.layers[0].trainable = False
    assert model.optimizer.iterations == 0
    model.layers[0].trainable = True
    assert model.optimizer.iterations == 3  # it was looked at, and took no step
    model.layers[0].trainable = False
    model.fit(X, Y, epochs=2, verbose=0)
    model.layers[0].trainable = True
    assert model.optimizer.iterations == 0
    model.compile("adam", "mse")
    model.layers[0].trainable = False
    model.layers[0].trainable = True
    assert model.optimizer.iterations == 0


class Twice(jn.Layer):
    """A layer of a user's own, which stays the same object when it is frozen."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = jn.Dense(2)

    def call(self, x):
        return 2 * self.dense(x)


def test_an_own_layer_is_frozen_and_thawed_without_compiling():
    model = jn.Sequential([jn.Input((2,)), Twice(), jn.Dense(1)], seed=0)
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    model.layers[0].trainable = False
    model.layers[0].trainable = True
    assert model.optimizer.iterations == 3
    model.layers[0].trainable = False
    frozen, free = (layer.get_weights() for layer in model.layers)
    model.fit(X, Y, epochs=2, verbose=0)
    assert model.optimizer.iterations == 2
    for before, after in zip(frozen, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
    assert not np.array_equal(free[0], model.layers[1].get_weights()[0])


def test_layers_that_cannot_be_frozen_stay_as_they_were():
    class Outer(jn.Model):
        def __init__(self):
            super().__init__()
            self.inner = Twice()

        def call(self, x):
            return self.inner(x)

    model = Outer()
    model(X)
    with pytest.raises(jn.errors.LayerError, match="where the layer is made"):
        model.trainable = False
    assert model.inner.trainable
    assert len(model.trainable_weights) == 2


@pytest.mark.parametrize("kind", [jn.optimizers.Adam, jn.optimizers.SGD])
def test_what_it_says_makes_an_optimizer_as_in_keras(kind):
    model = jn.Sequential([jn.Input((2,)), jn.Dense(1)])
    model.compile(kind(0.5, clipnorm=2.0), "mse")
    model.optimizer.learning_rate = 0.25
    made = kind.from_config(model.optimizer.get_config())
    assert made == kind(0.25, clipnorm=2.0)
    assert kind.from_config(made.get_config()) == made

"""Fit against Keras's own."""

import numpy as np
import pytest
from conftest import keras_on_jax
from fit_cases import CLASSES, FEATURES, ONES, classifier, line, problem
from oracles import assert_close

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_epoch_end"]
)
def test_stop_training_ends_where_keras_ends(hook):
    class OnBoth:
        """The same hook on both libraries' base class."""

    def stop(self, *index, logs=None):
        if hook == "on_train_begin" or index[0] == 2:
            self.model.stop_training = True

    def note(self, epoch, logs=None):
        ended.append((epoch, sorted(logs)))

    def callback(base):
        hooks = {"on_epoch_end": note}
        hooks[hook] = stop
        return type("Stops", (OnBoth, base), hooks)()

    model = classifier("sgd", dropout=0.0)
    call = {"epochs": 5, "batch_size": 8, "verbose": 0, "shuffle": False}
    with keras_on_jax() as keras:
        other = keras.Sequential(
            [
                keras.Input((FEATURES,)),
                keras.layers.Dense(6, "relu"),
                keras.layers.Dense(CLASSES, "softmax"),
            ]
        )
        other.set_weights(model.get_weights())
        other.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        ended = []
        expected = other.fit(
            *problem(), callbacks=[callback(keras.callbacks.Callback)], **call
        )
        their_end, their_weights = ended, other.get_weights()
    ended = []
    history = model.fit(*problem(), callbacks=callback(Callback), **call)
    assert ended == their_end
    assert history.epoch == expected.epoch
    assert list(history.history) == list(expected.history)
    assert_close(history.history["loss"], expected.history["loss"], 1e-5)
    for weight, reference in zip(model.get_weights(), their_weights, strict=True):
        assert_close(weight, reference, 1e-5)


def test_the_learning_rate_set_after_an_epoch_does_what_it_does_in_keras():
    def halve(self, epoch, logs=None):
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        self.model.optimizer.learning_rate = rate / 2

    def callback(base):
        return type("Halves", (base,), {"on_epoch_end": halve})()

    model = line(optimizer=jn.optimizers.Adam(0.1))
    call = {"epochs": 4, "batch_size": 8, "verbose": 0, "shuffle": False}
    with keras_on_jax() as keras:
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        other = keras.Sequential([keras.Input((1,)), layer])
        other.compile(keras.optimizers.Adam(0.1), "mse")
        their_callback = callback(keras.callbacks.Callback)
        expected = other.fit(ONES, -ONES, callbacks=[their_callback], **call)
        their_kernel = other.get_weights()[0]
    history = model.fit(ONES, -ONES, callbacks=callback(Callback), **call)
    assert_close(history.history["loss"], expected.history["loss"], 1e-5)
    np.testing.assert_allclose(model.get_weights()[0], their_kernel, atol=1e-4)
    assert model.optimizer.learning_rate == pytest.approx(0.1 / 16)


def test_weighted_metrics_count_examples_by_their_weights():
    x, y = problem()
    weight = np.random.default_rng(2).uniform(0.0, 2.0, len(x)).astype(np.float32)
    settings = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
    ours = jn.Sequential([jn.Dense(CLASSES, "softmax", input_shape=(FEATURES,))])
    with keras_on_jax() as keras:
        theirs = keras.Sequential(
            [
                keras.layers.Input((FEATURES,)),
                keras.layers.Dense(CLASSES, "softmax"),
            ]
        )
        theirs.set_weights(ours.get_weights())
        compiled = {
            "optimizer": "sgd",
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
            "weighted_metrics": ["accuracy", "sparse_categorical_crossentropy"],
        }
        theirs.compile(**compiled)
        logs = theirs.fit(
            x, y, sample_weight=weight, validation_data=(x, y, weight), **settings
        ).history
        # As a list, Keras gives the accuracy twice.
        values = theirs.evaluate(
            x, y, sample_weight=weight, verbose=0, return_dict=True
        )
    ours.compile(**compiled)
    history = ours.fit(
        x, y, sample_weight=weight, validation_data=(x, y, weight), **settings
    ).history
    assert list(history) == list(logs)
    assert "weighted_accuracy" in history
    assert history["weighted_accuracy"] != history["accuracy"]
    for name, expected in logs.items():
        assert_close(history[name], expected, 1e-5)
    actual = ours.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    for name in history:
        if not name.startswith("val_"):
            assert_close(actual[name], values[name], 1e-5)
    listed = ours.evaluate(x, y, sample_weight=weight, verbose=0)
    names = ["loss", "accuracy", "weighted_accuracy", "sparse_categorical_crossentropy"]
    assert listed == [actual[name] for name in names]

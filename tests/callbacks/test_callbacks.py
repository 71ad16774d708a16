"""Callbacks against Keras 3.15: the same hooks, in the same order, with the same logs.

The recorder's class is made twice, once on each library's own base class.
"""

import numpy as np
import pytest
from classifier import data, ours, theirs
from conftest import keras_on_jax
from oracles import assert_trees_identical, raises_text

from jaxnet_mini.callbacks import Callback, EarlyStopping, LambdaCallback
from jaxnet_mini.errors import ArgumentError, UnknownNameError

pytestmark = pytest.mark.usefixtures("quick_compilation")

RUN_HOOKS = [
    f"on_{job}_{moment}"
    for job in ("train", "test", "predict")
    for moment in ("begin", "end")
]
EPOCH_HOOKS = ["on_epoch_begin", "on_epoch_end"]
BATCH_HOOKS = [
    f"on_{job}_batch_{moment}"
    for job in ("train", "test", "predict")
    for moment in ("begin", "end")
]


def recorder(base, hooks, calls):
    """A callback that notes every call: hook, index where there is one, and logs."""

    def hook_named(hook):
        def call(self, *arguments, **named):
            *index, logs = (*arguments, *named.values())
            calls.append((hook, tuple(index), dict(logs), dict(self.params)))

        return call

    return type("Recorder", (base,), {hook: hook_named(hook) for hook in hooks})()


def jobs(model, callback):
    """Train with validation, evaluate and predict, all with ragged last batches."""
    model.fit(
        *data(),
        batch_size=8,
        epochs=2,
        shuffle=False,
        validation_data=data(7, seed=1),
        validation_batch_size=4,
        callbacks=[callback],
        verbose=0,
    )
    model.evaluate(*data(9, seed=2), batch_size=4, callbacks=[callback], verbose=0)
    model.predict(data(9, seed=2)[0], batch_size=4, callbacks=[callback], verbose=0)


@pytest.fixture(scope="module")
def keras_calls():
    """What Keras calls; hooks that are not overridden change nothing for the others."""
    calls = []
    with keras_on_jax() as keras:
        other = theirs(ours().get_weights())
        hooks = [*RUN_HOOKS, *EPOCH_HOOKS, *BATCH_HOOKS]
        jobs(other, recorder(keras.callbacks.Callback, hooks, calls))
    return calls


@pytest.mark.parametrize(
    "hooks",
    [
        [*RUN_HOOKS, *EPOCH_HOOKS, *BATCH_HOOKS],
        [*RUN_HOOKS, *EPOCH_HOOKS],
        BATCH_HOOKS,
        BATCH_HOOKS[:2],
        BATCH_HOOKS[3:4],
        BATCH_HOOKS[5:],
    ],
    ids=["all", "no batches", "batches", "training", "test end", "predict end"],
)
def test_every_hook_is_called_as_keras_calls_it(hooks, keras_calls):
    calls = []
    jobs(ours(), recorder(Callback, hooks, calls))
    expected = [call for call in keras_calls if call[0] in hooks]
    assert [call[:2] for call in calls] == [call[:2] for call in expected]
    for (hook, _, logs, params), (*_, their_logs, their_params) in zip(
        calls, expected, strict=True
    ):
        assert list(logs) == list(their_logs), hook
        assert params == their_params, hook
        for name, value in logs.items():
            assert np.shape(value) == np.shape(their_logs[name]), hook
            np.testing.assert_allclose(
                value, their_logs[name], rtol=1e-5, atol=1e-5, err_msg=hook
            )
            if name != "outputs":
                assert type(value) is float


def test_hooks_called_on_batch_are_short_for_those_of_training():
    calls = []
    hooks = ["on_batch_begin", "on_batch_end"]
    ours().fit(
        *data(), batch_size=8, callbacks=recorder(Callback, hooks, calls), verbose=0
    )
    assert [call[:2] for call in calls] == [
        (hook, (batch,)) for batch in range(3) for hook in hooks
    ]


def test_logs_stay_in_alphabetical_order_whatever_the_metrics_are_called():
    def z_metric(y_true, y_pred):
        return y_pred[:, 0]

    model = ours()
    model.compile("adam", "sparse_categorical_crossentropy", [z_metric, "accuracy"])
    history = model.fit(*data(), validation_split=0.5, verbose=0)
    names = list(history.history)
    assert names == sorted(names)
    assert len(names) == 6


def test_several_callbacks_are_called_in_the_order_given():
    order = []
    callbacks = [
        LambdaCallback(on_epoch_end=lambda epoch, logs, name=name: order.append(name))
        for name in "abc"
    ]
    ours().fit(*data(), epochs=2, callbacks=callbacks, verbose=0)
    assert order == list("abcabc")


def test_callbacks_may_add_to_the_logs_of_an_epoch():
    # Keras's history takes what stands in the logs when it is its turn, the last.
    def add(epoch, logs):
        logs["twice"] = 2.0 * logs["loss"]

    history = ours().fit(
        *data(), epochs=2, callbacks=LambdaCallback(on_epoch_end=add), verbose=0
    )
    np.testing.assert_array_equal(
        history.history["twice"], 2.0 * np.array(history.history["loss"])
    )


def test_the_model_and_its_params_are_known_to_a_callback_before_the_first_hook():
    seen = []

    class Looks(Callback):
        def on_train_begin(self, logs=None):
            seen.append((self.model, self.params))

    model = ours()
    history = model.fit(*data(), batch_size=8, epochs=2, callbacks=Looks(), verbose=0)
    assert seen == [(model, {"epochs": 2, "steps": 3, "verbose": 0})]
    assert history.params == {"epochs": 2, "steps": 3, "verbose": 0}
    assert history.model is model


# History


def test_a_history_plots_its_curves():
    history = ours().fit(*data(), epochs=3, validation_split=0.25, verbose=0)
    accuracy, loss = history.plot(["accuracy", "loss"]).axes
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        drawn = [line.get_ydata() for line in axes.lines]
        for values in (history.history[name], history.history[f"val_{name}"]):
            assert any(np.array_equal(line, values) for line in drawn), name
    assert len(history.plot().axes) == 2


# LambdaCallback


def test_a_lambda_callback_calls_its_functions_as_keras_does(keras_calls):
    hooks = [*EPOCH_HOOKS, "on_train_begin", "on_train_end", *BATCH_HOOKS[:2]]
    calls = []

    def note(hook):
        def call(*arguments):
            calls.append((hook, arguments[:-1], list(arguments[-1])))

        return call

    jobs(ours(), LambdaCallback(**{hook: note(hook) for hook in hooks}))
    assert calls == [
        (hook, index, list(logs))
        for hook, index, logs, _ in keras_calls
        if hook in hooks
    ]


def test_a_lambda_callback_takes_none_for_nothing():
    ours().fit(*data(), callbacks=LambdaCallback(on_epoch_end=None), verbose=0)


@pytest.mark.parametrize("wrong", ["on_epoch_finish", "epoch_end", "on_epoch"])
def test_a_lambda_callback_knows_a_hook_that_is_written_wrongly(wrong):
    with raises_text(
        UnknownNameError, repr(wrong), "did you mean 'on_epoch_", "Known: "
    ):
        LambdaCallback(**{wrong: print})


def test_a_lambda_callback_carries_what_is_no_hook_as_kerass_does():
    with keras_on_jax() as keras:
        expected = keras.callbacks.LambdaCallback(threshold=print).threshold
    assert LambdaCallback(threshold=print).threshold is expected is print


# What is no callback


class Foreign:
    def on_epoch_end(self, epoch, logs=None):
        """Looks like a callback and is none."""


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (EarlyStopping, ["class EarlyStopping", "write EarlyStopping(...)"]),
        ([EarlyStopping], ["class EarlyStopping", "write EarlyStopping(...)"]),
        ([Foreign()], ["Foreign", "is no Callback", "jaxnet_mini.callbacks.Callback"]),
        ([print], ["print", "is no Callback"]),
        ("EarlyStopping", ["'EarlyStopping'", "is no Callback"]),
    ],
)
@pytest.mark.parametrize("job", ["fit", "evaluate", "predict"])
def test_what_is_no_callback_is_refused_before_anything_runs(given, parts, job):
    model = ours()
    before = model.get_weights()
    with raises_text(ArgumentError, "callbacks holds", *parts):
        if job == "predict":
            model.predict(data()[0], callbacks=given)
        else:
            getattr(model, job)(*data(), callbacks=given, verbose=0)
    assert_trees_identical(model.get_weights(), before)


# Stopping early


def test_a_callback_ends_an_evaluation_and_a_prediction_as_in_keras():
    x, y = data()

    def stopping(base, job):
        class Stop(base):
            def on_test_batch_end(self, batch, logs=None):
                self.model.stop_evaluating = job == "test" and batch == 1

            def on_predict_batch_end(self, batch, logs=None):
                self.model.stop_predicting = job == "predict" and batch == 1

        return Stop()

    model = ours()
    with keras_on_jax() as keras:
        other = theirs(model.get_weights())
        stop = stopping(keras.callbacks.Callback, "test")
        settings = {"batch_size": 8, "verbose": 0, "callbacks": [stop]}
        expected = other.evaluate(x, y, return_dict=True, **settings)
        settings["callbacks"] = [stopping(keras.callbacks.Callback, "predict")]
        outputs = other.predict(x, **settings)
    logs = model.evaluate(
        x, y, 8, 0, callbacks=stopping(Callback, "test"), return_dict=True
    )
    assert logs == pytest.approx(expected, rel=1e-6)
    own = model.predict(x, batch_size=8, callbacks=stopping(Callback, "predict"))
    assert own.shape == outputs.shape == (16, outputs.shape[1])
    np.testing.assert_allclose(own, outputs, rtol=1e-5, atol=1e-6)
    # The next time nothing is stopped.
    assert len(model.predict(x, batch_size=8)) == len(x)

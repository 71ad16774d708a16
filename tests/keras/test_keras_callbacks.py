"""Callbacks against Keras's own."""

import numpy as np
import pytest
from classifier import data, ours, theirs
from conftest import keras_on_jax

from jaxnet_mini.callbacks import Callback, LambdaCallback

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


def test_a_callback_made_for_keras_is_called_as_keras_calls_it(keras_calls):
    calls, hooks = [], [*RUN_HOOKS, *EPOCH_HOOKS, *BATCH_HOOKS]
    with keras_on_jax() as keras:
        callback = recorder(keras.callbacks.Callback, hooks, calls)
    jobs(ours(), callback)
    assert [(*call[:2], list(call[2]), call[3]) for call in calls] == [
        (*call[:2], list(call[2]), call[3]) for call in keras_calls
    ]


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


def test_a_lambda_callback_carries_what_is_no_hook_as_kerass_does():
    with keras_on_jax() as keras:
        expected = keras.callbacks.LambdaCallback(threshold=print).threshold
    assert LambdaCallback(threshold=print).threshold is expected is print


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

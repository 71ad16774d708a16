"""Callbacks against Keras 3.15: the same hooks, in the same order, with the same logs.

The recorder's class is made twice, once on each library's own base class.
"""

import numpy as np
import pytest
from classifier import data, ours
from oracles import assert_trees_identical, raises_text

from jaxnet_mini.callbacks import Callback, EarlyStopping, LambdaCallback
from jaxnet_mini.errors import ArgumentError, CallError, UnknownNameError

pytestmark = pytest.mark.usefixtures("quick_compilation")


def recorder(base, hooks, calls):
    """A callback that notes every call: hook, index where there is one, and logs."""

    def hook_named(hook):
        def call(self, *arguments, **named):
            *index, logs = (*arguments, *named.values())
            calls.append((hook, tuple(index), dict(logs), dict(self.params)))

        return call

    return type("Recorder", (base,), {hook: hook_named(hook) for hook in hooks})()


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


def test_a_lambda_callback_takes_none_for_nothing():
    ours().fit(*data(), callbacks=LambdaCallback(on_epoch_end=None), verbose=0)


@pytest.mark.parametrize("wrong", ["on_epoch_finish", "epoch_end", "on_epoch"])
def test_a_lambda_callback_knows_a_hook_that_is_written_wrongly(wrong):
    with raises_text(
        UnknownNameError, repr(wrong), "did you mean 'on_epoch_", "Known: "
    ):
        LambdaCallback(**{wrong: print})


@pytest.mark.parametrize(
    ("wrong", "hook"),
    [(3, "on_epoch_end"), (lambda epoch: 0, "on_epoch_begin"), (max, None)],
)
def test_a_lambda_callback_refuses_what_cannot_be_called_as_the_hook_is(wrong, hook):
    if hook is None:
        with raises_text(CallError, "LambdaCallback takes no arguments by position"):
            LambdaCallback(wrong)
    else:
        with raises_text(ArgumentError, f"{hook} must be a function of (epoch, logs)"):
            LambdaCallback(**{hook: wrong})


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

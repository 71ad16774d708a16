"""Callbacks against Keras 3.15: the same hooks, in the same order, with the same logs.

The recorder's class is made twice, once on each library's own base class.
"""

import itertools
import warnings

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_trees_identical, raises_text

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, EarlyStopping, LambdaCallback
from jaxnet_mini.errors import ArgumentError, UnknownNameError

ROWS, FEATURES, CLASSES = 20, 4, 3

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


def data(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    return x, rng.integers(0, CLASSES, rows)


def ours():
    model = jn.Sequential(
        [jn.Dense(5, "relu", input_shape=(FEATURES,)), jn.Dense(CLASSES, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def theirs(weights):
    with keras_on_jax() as keras:
        model = keras.Sequential(
            [
                keras.Input((FEATURES,)),
                keras.layers.Dense(5, "relu"),
                keras.layers.Dense(CLASSES, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.set_weights(weights)
    return model


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


def test_a_lambda_callback_takes_none_for_nothing_and_known_hooks_only():
    ours().fit(*data(), callbacks=LambdaCallback(on_epoch_end=None), verbose=0)
    with raises_text(
        UnknownNameError, "'on_epoch_finish'", "did you mean 'on_epoch_", "Known: "
    ):
        LambdaCallback(on_epoch_finish=print)


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


# EarlyStopping


class OurModel:
    """As much of a model as the callback asks for: the parameters count the epochs."""

    def __init__(self):
        self.stop_training = False
        self.params = None


class TheirModel:
    def __init__(self):
        self.stop_training = False
        self.current = None
        self.metrics = []

    def get_weights(self):
        return self.current

    def set_weights(self, weights):
        self.current = weights


NAN, INF = float("nan"), float("inf")
SEQUENCES = {
    "falls": [5.0, 4.0, 3.0, 2.0, 1.0, 0.5],
    "rises": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    "flat": [1.0] * 6,
    "valley": [3.0, 2.0, 1.0, 1.0, 2.0, 3.0, 0.5, 0.4],
    "peak": [0.1, 0.5, 0.9, 0.8, 0.9, 0.7, 0.95],
    "small steps": [1.0, 0.95, 0.91, 0.85, 0.84, 0.7],
    "saw": [1.0, 2.0, 0.9, 2.0, 0.8, 2.0, 0.7],
    "NaN first": [NAN, 2.0, 1.0, 3.0, 3.0],
    "NaN later": [2.0, NAN, 1.0, NAN, NAN, NAN],
    "infinite": [INF, INF, 1.0, INF, -INF, 0.0],
    "negative": [-1.0, -2.0, -1.5, -1.5, -3.0],
    "one": [1.0],
}
SETTINGS = [
    dict(zip(("patience", "min_delta", "mode", "baseline"), values, strict=True))
    | {"start_from_epoch": start, "restore_best_weights": restore}
    for *values, start, restore in itertools.product(
        [0, 1, 3],
        [0.0, 0.1, -0.1],
        ["min", "max"],
        [None, 0.85, 10.0],
        [0, 2],
        [False, True],
    )
]


def drive(callback, model, weights_name, values, monitor="val_loss"):
    """Call the hooks as ``fit`` would; return what happened, epoch by epoch."""
    callback.set_model(model)
    story = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callback.on_train_begin({})
        for epoch, value in enumerate(values):
            setattr(model, weights_name, f"weights after epoch {epoch}")
            callback.on_epoch_end(epoch, {monitor: value})
            story.append((callback.wait, callback.best, callback.best_epoch))
            if model.stop_training:
                break
        callback.on_train_end({})
    story.append((callback.stopped_epoch, getattr(model, weights_name)))
    return story


def told(story):
    """The story as text: NaN is equal to NaN there."""
    return [repr(entry) for entry in story]


@pytest.mark.parametrize("values", SEQUENCES.values(), ids=SEQUENCES)
def test_early_stopping_does_what_kerass_does(values):
    with keras_on_jax() as keras:
        # Keras compares by a compiled operation; plain numbers do the same faster.
        for setting in SETTINGS:
            theirs = keras.callbacks.EarlyStopping(**setting)
            lower = setting["mode"] == "min"
            theirs.monitor_op = (
                (lambda value, best: value < best)
                if lower
                else (lambda value, best: value > best)
            )
            if lower:
                theirs.min_delta *= -1
            expected = drive(theirs, TheirModel(), "current", values)
            story = drive(EarlyStopping(**setting), OurModel(), "params", values)
            assert told(story) == told(expected), setting


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("min_delta", [0.0, 0.25])
def test_the_comparison_is_kerass_own(mode, min_delta):
    # The table above replaces this one part of Keras's.
    values = SEQUENCES["saw"]
    setting = {"mode": mode, "min_delta": min_delta, "patience": 2}
    with keras_on_jax() as keras:
        callback = keras.callbacks.EarlyStopping(**setting)
        expected = drive(callback, TheirModel(), "current", values)
    story = drive(EarlyStopping(**setting), OurModel(), "params", values)
    assert told(story) == told(expected)


def test_a_callback_can_be_used_again():
    callback = EarlyStopping(patience=1, restore_best_weights=True)
    first = drive(callback, OurModel(), "params", [1.0, 2.0, 3.0])
    assert drive(callback, OurModel(), "params", [1.0, 2.0, 3.0]) == first
    later = drive(callback, OurModel(), "params", [9.0, 8.0])
    assert later[-1] == (0, "weights after epoch 1")


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [3.0, 2.0], [1.0, 2.0]])
@pytest.mark.parametrize("restore", [False, True])
def test_early_stopping_says_what_kerass_says(values, restore, capsys):
    setting = {"patience": 1 if len(values) > 2 else 5, "verbose": 1}
    setting["restore_best_weights"] = restore
    with keras_on_jax() as keras:
        callback = keras.callbacks.EarlyStopping(**setting)
        drive(callback, TheirModel(), "current", values)
        expected = capsys.readouterr().out
    drive(EarlyStopping(**setting), OurModel(), "params", values)
    assert capsys.readouterr().out == expected
    drive(EarlyStopping(**setting | {"verbose": 0}), OurModel(), "params", values)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("loss", "outputs", "activation", "metric"),
    [
        ("sparse_categorical_crossentropy", 3, "softmax", "accuracy"),
        ("sparse_categorical_crossentropy", 3, "softmax", "acc"),
        (
            "sparse_categorical_crossentropy",
            3,
            "softmax",
            "sparse_categorical_accuracy",
        ),
        ("mse", 1, None, "mae"),
        ("mse", 1, None, "mean_squared_error"),
        ("mse", 1, None, "root_mean_squared_error"),
        ("binary_crossentropy", 1, "sigmoid", "binary_accuracy"),
        ("binary_crossentropy", 1, "sigmoid", "binary_crossentropy"),
    ],
)
def test_the_mode_auto_finds_kerass_direction(loss, outputs, activation, metric):
    x = np.zeros((4, 2), np.float32)
    y = np.zeros((4, 1), np.int32)
    with keras_on_jax() as keras:
        layer = keras.layers.Dense(outputs, activation)
        model = keras.Sequential([keras.Input((2,)), layer])
        model.compile("sgd", loss, metrics=[metric])
        model.compute_metrics(x, y, model(x))
        for monitor in (metric, f"val_{metric}", "loss", "val_loss"):
            callback = keras.callbacks.EarlyStopping(monitor)
            callback.set_model(model)
            callback._set_monitor_op()
            larger = bool(callback.monitor_op(2.0, 1.0))
            assert (EarlyStopping(monitor).sign == 1) is larger, monitor


def test_the_mode_auto_asks_where_it_cannot_know():
    with raises_text(ArgumentError, "'val_score'", "mode='min' or mode='max'"):
        EarlyStopping("val_score")
    assert EarlyStopping("val_score", mode="max").sign == 1
    with raises_text(UnknownNameError, "unknown mode 'maximum'", "did you mean 'max'"):
        EarlyStopping(mode="maximum")


def test_a_missing_monitor_is_a_warning_and_stops_nothing():
    model = ours()
    call = {"epochs": 3, "callbacks": EarlyStopping("val_loss"), "verbose": 0}
    with pytest.warns(UserWarning, match="'val_loss'.*accuracy, loss.*validation_data"):
        history = model.fit(*data(), **call)
    assert history.epoch == [0, 1, 2]
    # The fix that the message gives.
    call["validation_data"] = data(5, seed=1)
    model.fit(*data(), **call)


@pytest.mark.parametrize("stopped", [True, False])
def test_the_best_weights_are_those_after_the_best_epoch(stopped):
    # Trained far too fast, so that the best epoch is seldom the last.
    model = ours()
    model.compile(jn.optimizers.SGD(5.0), "sparse_categorical_crossentropy")
    after = []

    class Keeps(Callback):
        def on_epoch_end(self, epoch, logs=None):
            after.append(self.model.get_weights())

    stopping = EarlyStopping(
        "loss", patience=2 if stopped else 99, restore_best_weights=True
    )
    callbacks = [Keeps(), stopping]
    history = model.fit(
        *data(), batch_size=4, epochs=12, callbacks=callbacks, verbose=0, seed=2
    )
    losses = history.history["loss"]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1
    assert (len(losses) < 12) is stopped
    assert_trees_identical(model.get_weights(), after[best])


def test_training_ends_where_kerass_ends():
    with keras_on_jax() as keras:
        model = ours()
        other = theirs(model.get_weights())
        model.compile(jn.optimizers.SGD(3.0), "sparse_categorical_crossentropy")
        other.compile(keras.optimizers.SGD(3.0), "sparse_categorical_crossentropy")
        call = {"epochs": 30, "shuffle": False, "verbose": 0, "batch_size": 10}
        setting = {"monitor": "loss", "patience": 1, "min_delta": 0.01}
        expected = other.fit(
            *data(), callbacks=[keras.callbacks.EarlyStopping(**setting)], **call
        )
    history = model.fit(*data(), callbacks=[EarlyStopping(**setting)], **call)
    assert history.epoch == expected.epoch
    assert len(history.epoch) < 30

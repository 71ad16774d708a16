"""EarlyStopping against Keras 3.15, and which way its monitor is better."""

import itertools

import numpy as np
import pytest
from classifier import VALUES, OurModel, TheirModel, data, drive, ours, theirs
from conftest import keras_on_jax
from hypothesis import given, settings, strategies
from oracles import assert_trees_identical, raises_text

import jaxnet_mini as jn
from jaxnet_mini import metrics
from jaxnet_mini.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from jaxnet_mini.errors import ArgumentError, UnknownNameError

pytestmark = pytest.mark.usefixtures("quick_compilation")

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


def progress(callback, model, logs):
    return callback.wait, callback.best, callback.best_epoch, model.stop_training


def story_of(callback, model, values):
    """What happened, epoch by epoch, and how it ended."""
    story = drive(callback, model, values, progress)
    weights = getattr(model, model.weights_name)
    return [*story, callback.stopped_epoch, weights]


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
            expected = story_of(theirs, TheirModel(), values)
            story = story_of(EarlyStopping(**setting), OurModel(), values)
            assert story == expected, setting


@settings(deadline=None, max_examples=100)
@given(
    values=VALUES,
    setting=strategies.fixed_dictionaries(
        {
            "patience": strategies.integers(0, 4),
            "min_delta": strategies.sampled_from([0, 1, 0.125, -0.25]),
            "mode": strategies.sampled_from(["min", "max", "auto"]),
            "baseline": strategies.sampled_from([None, 0, 0.5, -1.0]),
            "start_from_epoch": strategies.integers(0, 3),
            "restore_best_weights": strategies.booleans(),
        }
    ),
)
def test_early_stopping_does_what_kerass_does_whatever_the_values(values, setting):
    with keras_on_jax() as keras:
        callback = keras.callbacks.EarlyStopping(**setting)
        expected = story_of(callback, TheirModel(), values)
    assert story_of(EarlyStopping(**setting), OurModel(), values) == expected


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("min_delta", [0.0, 0.25])
def test_the_comparison_is_kerass_own(mode, min_delta):
    # The table above replaces this one part of Keras's.
    values = SEQUENCES["saw"]
    setting = {"mode": mode, "min_delta": min_delta, "patience": 2}
    with keras_on_jax() as keras:
        callback = keras.callbacks.EarlyStopping(**setting)
        expected = story_of(callback, TheirModel(), values)
    story = story_of(EarlyStopping(**setting), OurModel(), values)
    assert story == expected


def test_a_callback_can_be_used_again():
    callback = EarlyStopping(patience=1, restore_best_weights=True)
    first = story_of(callback, OurModel(), [1.0, 2.0, 3.0])
    assert story_of(callback, OurModel(), [1.0, 2.0, 3.0]) == first
    later = story_of(callback, OurModel(), [9.0, 8.0])
    assert later[-2:] == [0, "weights after epoch 1"]


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [3.0, 2.0], [1.0, 2.0]])
@pytest.mark.parametrize("restore", [False, True])
def test_early_stopping_says_what_kerass_says(values, restore, capsys):
    setting = {"patience": 1 if len(values) > 2 else 5, "verbose": 1}
    setting["restore_best_weights"] = restore
    with keras_on_jax() as keras:
        callback = keras.callbacks.EarlyStopping(**setting)
        story_of(callback, TheirModel(), values)
        expected = capsys.readouterr().out
    story_of(EarlyStopping(**setting), OurModel(), values)
    assert capsys.readouterr().out == expected
    story_of(EarlyStopping(**setting | {"verbose": 0}), OurModel(), values)
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


@pytest.mark.parametrize(
    ("monitor", "larger"),
    [
        ("auc_1", True),
        ("val_f1_score", True),
        ("cosine_similarity", True),
        ("val_AUC", True),
        ("MeanSquaredError", False),
        ("hinge", False),
        ("val_kl_divergence", False),
        ("log_cosh", False),
        # The last word says what it is.
        ("accuracy_loss", False),
        ("val_recall_error", False),
    ],
)
def test_the_mode_auto_goes_by_the_words_of_a_name(monitor, larger):
    assert (EarlyStopping(monitor).sign == 1) is larger


@pytest.mark.parametrize(
    ("metric", "sign"),
    [
        (metrics.Recall(name="quality"), 1),
        (metrics.AUC(name="quality"), 1),
        (metrics.CategoricalAccuracy(name="quality"), 1),
        (metrics.MeanSquaredError(name="quality"), -1),
        (metrics.LogCoshError(name="quality"), -1),
        (metrics.MeanMetricWrapper(metrics.mean_absolute_error, name="quality"), -1),
        (metrics.MeanMetricWrapper(metrics.accuracy, name="quality"), 1),
    ],
    ids=str,
)
def test_the_mode_auto_goes_by_what_is_behind_a_name_of_ones_own(metric, sign):
    model = ours()
    for monitor in ("quality", "val_quality"):
        for where in ("metrics", "weighted_metrics"):
            loss = "sparse_categorical_crossentropy"
            model.compile("adam", loss, **{where: [metric]})
            callback = EarlyStopping(monitor)
            callback.set_model(model)
            assert callback.sign == sign


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_the_mode_auto_knows_every_metric_by_name(name):
    """And calls a direction as Keras does, where Keras knows one."""
    with keras_on_jax() as keras:
        larger = None
        if name not in ("acc", "accuracy", "crossentropy"):
            larger = getattr(keras.metrics.get(name), "_direction", None)
    sign = EarlyStopping(f"val_{name}").sign
    assert sign == EarlyStopping(metrics.get(name).name).sign
    assert larger is None or larger == {1: "up", -1: "down"}[sign]


def score(y_true, y_pred):
    return y_pred[:, 0]


@pytest.mark.parametrize(
    "make",
    [
        EarlyStopping,
        ReduceLROnPlateau,
        lambda *arguments, **named: ModelCheckpoint(
            "never.safetensors", *arguments, save_best_only=True, **named
        ),
    ],
)
def test_the_mode_auto_asks_where_it_cannot_know_before_anything_is_trained(make):
    model = ours()
    model.compile("adam", "sparse_categorical_crossentropy", [score])
    callback = make("val_score")
    with raises_text(ArgumentError, "'val_score'", "mode='min' or mode='max'"):
        model.fit(*data(), callbacks=callback, verbose=0)
    assert int(model.state.step) == 0
    # The fix that the message gives.
    assert make("val_score", mode="max").sign == 1


def test_another_mode_is_an_error_at_once():
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


def test_a_monitor_of_several_numbers_is_a_warning():
    model = ours()
    several = metrics.Precision(thresholds=[0.25, 0.5])
    model.compile("adam", "categorical_crossentropy", [several])
    x, y = data()
    call = {"epochs": 2, "callbacks": EarlyStopping("precision"), "verbose": 0}
    with pytest.warns(UserWarning, match=r"'precision'.*not one number but \[.*anoth"):
        history = model.fit(x, np.eye(3, dtype=np.float32)[y], **call)
    assert history.epoch == [0, 1]

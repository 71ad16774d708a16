"""Early stopping against Keras's own."""

import itertools

import numpy as np
import pytest
from classifier import VALUES, OurModel, TheirModel, data, drive, ours, theirs
from conftest import keras_on_jax
from hypothesis import given, settings, strategies

import jaxnet_mini as jn
from jaxnet_mini import metrics
from jaxnet_mini.callbacks import (
    EarlyStopping,
)

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

"""EarlyStopping against Keras 3.15, and which way its monitor is better."""

import numpy as np
import pytest
from classifier import OurModel, data, drive, ours
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


def progress(callback, model, logs):
    return callback.wait, callback.best, callback.best_epoch, model.stop_training


def story_of(callback, model, values):
    """What happened, epoch by epoch, and how it ended."""
    story = drive(callback, model, values, progress)
    weights = getattr(model, model.weights_name)
    return [*story, callback.stopped_epoch, weights]


def test_a_callback_can_be_used_again():
    callback = EarlyStopping(patience=1, restore_best_weights=True)
    first = story_of(callback, OurModel(), [1.0, 2.0, 3.0])
    assert story_of(callback, OurModel(), [1.0, 2.0, 3.0]) == first
    later = story_of(callback, OurModel(), [9.0, 8.0])
    assert later[-2:] == [0, "weights after epoch 1"]


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


def test_a_monitor_of_several_numbers_is_a_warning():
    model = ours()
    several = metrics.Precision(thresholds=[0.25, 0.5])
    model.compile("adam", "categorical_crossentropy", [several])
    x, y = data()
    call = {"epochs": 2, "callbacks": EarlyStopping("precision"), "verbose": 0}
    with pytest.warns(UserWarning, match=r"'precision'.*not one number but \[.*anoth"):
        history = model.fit(x, np.eye(3, dtype=np.float32)[y], **call)
    assert history.epoch == [0, 1]

"""ModelCheckpoint against Keras 3.15: when it saves, what, and under which name."""

import warnings
from pathlib import Path

import pytest
from classifier import OurModel, data, drive, ours
from model_checkpoint_cases import drive_batches, saved
from oracles import raises_text

from jaxnet_mini.callbacks import CallbackList, LearningRateScheduler, ModelCheckpoint
from jaxnet_mini.errors import ArgumentError, UnknownNameError

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Keras asks the file system whether its folder is there."""
    return tmp_path_factory.mktemp("checkpoints")


def test_the_best_of_the_batches_is_saved(folder):
    """Keras's own raises a TypeError here in the first epoch."""
    callback = ModelCheckpoint(
        folder / "{batch}.safetensors", "loss", save_best_only=True, save_freq=1
    )
    calls = drive_batches(callback, OurModel(), 2, 3)
    # 1, 1/2, 1/3; then 1/2, 1/3, 1/4 of which only the last is better.
    assert [Path(path).name[0] for _, path, _ in calls] == ["1", "2", "3", "3"]


def test_without_the_monitor_it_warns_and_saves_all_the_same(folder):
    path = folder / "it.safetensors"
    callback = ModelCheckpoint(path, "val_accuracy", save_best_only=True)
    model = OurModel()
    callback.set_model(model)
    callback.on_train_begin({})
    with pytest.warns(UserWarning, match=r"'val_accuracy'.*\(loss\).*saves all the"):
        callback.on_epoch_end(0, {"loss": 1.0})
    assert model.saved == [("save", str(path), True)]


def test_folders_are_made(tmp_path):
    callback = ModelCheckpoint(tmp_path / "{epoch}" / "run" / "it.safetensors")
    drive(callback, OurModel(), [1.0, 1.0], saved)
    assert (tmp_path / "1" / "run").is_dir()
    assert (tmp_path / "2" / "run").is_dir()


@pytest.mark.parametrize(("save_freq", "stepwise"), [("epoch", False), (3, True)])
def test_only_batches_make_the_loop_run_step_by_step(save_freq, stepwise):
    callback = ModelCheckpoint("it.safetensors", save_freq=save_freq)
    callbacks = CallbackList([callback], OurModel(), {})
    assert callbacks.watches_batches("train") is stepwise
    assert not callbacks.watches_batches("test")
    assert not callbacks.watches_batches("predict")


@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_a_hook_added_by_a_subclass_is_called(save_freq):
    seen = []

    class Watches(ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            seen.append(batch)

    callback = Watches("it.safetensors", save_freq=save_freq)
    model = OurModel()
    callbacks = CallbackList([callback], model, {})
    assert callbacks.watches_batches("train")
    for batch in range(4):
        callbacks.call("on_train_batch_end", batch, {})
    assert seen == [0, 1, 2, 3]
    assert len(model.saved) == (0 if save_freq == "epoch" else 1)


# What is refused


@pytest.mark.parametrize(
    ("path", "weights_only", "wanted"),
    [
        ("it", False, "must end in '.safetensors' or '.keras'"),
        ("it.weights.h5", False, "must end in '.safetensors' or '.keras'"),
        ("it.weights.safetensors", False, "and not in '.weights.safetensors'"),
        ("it.safetensors", True, "must end in '.weights.safetensors' or '.weights.h5'"),
        ("it.keras", True, "must end in '.weights.safetensors' or '.weights.h5'"),
    ],
)
def test_a_name_that_ends_otherwise_is_refused_at_once(path, weights_only, wanted):
    with raises_text(
        ArgumentError, "filepath", wanted, repr(path), f"only={weights_only}"
    ):
        ModelCheckpoint(path, save_weights_only=weights_only)


@pytest.mark.parametrize(
    "name",
    ["{}", "{0}", "{epoch", "epoch}", "{loss:02d}", "{loss:q}", "{a.b}", "{a:{b}}"],
)
def test_a_name_that_cannot_be_filled_in_is_refused_at_once(name):
    with raises_text(
        ArgumentError, "cannot be filled in", repr(f"{name}.safetensors"), "{val_loss"
    ):
        ModelCheckpoint(f"{name}.safetensors")


def test_a_batch_in_the_name_needs_a_number_of_batches():
    with raises_text(ArgumentError, "holds {batch}", "save_freq", "leave {batch} out"):
        ModelCheckpoint("{batch}.safetensors")
    ModelCheckpoint("{batch}.safetensors", save_freq=10)


def test_a_metric_of_several_values_is_formatted_as_it_is_or_not_at_all(folder):
    scores = [0.5, 0.25]
    callback = ModelCheckpoint(folder / "{r2}{f1:.2f}.safetensors")
    callback.set_model(OurModel())
    with raises_text(
        ArgumentError, "ModelCheckpoint: filepath", "'f1'", "[0.5, 0.25]: write {f1},"
    ):
        callback.on_epoch_end(0, {"f1": scores, "loss": 1.0, "r2": scores})
    callback = ModelCheckpoint(folder / "{f1}.safetensors")
    callback.set_model(model := OurModel())
    callback.on_epoch_end(0, {"f1": scores, "loss": 1.0})
    assert model.saved == [("save", str(folder / f"{scores}.safetensors"), True)]


@pytest.mark.parametrize("save_freq", ["batch", 0, -1])
def test_a_frequency_is_a_number_or_the_epoch(save_freq):
    with raises_text(ArgumentError, "save_freq must be", repr(save_freq)):
        ModelCheckpoint("it.safetensors", save_freq=save_freq)


def test_a_name_that_is_not_in_the_logs_is_an_error_with_the_nearest(folder):
    callback = ModelCheckpoint(folder / "{val_los:.2f}.safetensors")
    with raises_text(
        UnknownNameError,
        "ModelCheckpoint's filepath",
        "'val_los'",
        "did you mean 'val_loss'?",
        "validation_data",
        "Known: epoch, loss, val_loss",
    ):
        drive(callback, OurModel(), [1.0], saved)


# With real models


class Saves(type(ours())):
    """Notes the path and the steps taken instead of writing a file."""

    def save(self, path, overwrite):
        assert overwrite
        self.paths = [*getattr(self, "paths", []), (path, int(self.state.step))]


def test_logs_of_other_callbacks_may_stand_in_the_name(tmp_path):
    model = ours()
    model.__class__ = Saves
    checkpoint = ModelCheckpoint(tmp_path / "{learning_rate:.2f}.safetensors")
    scheduler = LearningRateScheduler(lambda epoch: 0.25 * (1 + epoch))
    with warnings.catch_warnings():
        model.fit(*data(), epochs=2, callbacks=[scheduler, checkpoint], verbose=0)
    assert [Path(path).name for path, _ in model.paths] == [
        "0.25.safetensors",
        "0.50.safetensors",
    ]


def test_what_is_saved_is_the_model_after_that_batch(tmp_path):
    model = ours()
    model.__class__ = Saves
    path = tmp_path / "{epoch}-{batch}.safetensors"
    checkpoint = ModelCheckpoint(path, save_freq=4)
    model.fit(*data(), batch_size=7, epochs=4, callbacks=checkpoint, verbose=0)
    assert [(Path(path).stem, step) for path, step in model.paths] == [
        ("2-1", 4),
        ("3-2", 8),
        ("4-3", 12),
    ]

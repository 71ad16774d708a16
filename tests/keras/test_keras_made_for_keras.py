"""Callbacks made for Keras in ``fit`` here: what they do is what they do in Keras."""

import csv
import inspect

import numpy as np
import pytest
from classifier import data, ours, theirs
from conftest import keras_on_jax
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, CallbackList, as_callbacks
from jaxnet_mini.callbacks.made_for_keras import REFUSED
from jaxnet_mini.errors import AbsentNameError, ArgumentError, NonFiniteError

pytestmark = pytest.mark.usefixtures("quick_compilation")


def several(keras, folder, seen):
    """One of each kind that Keras has and this library takes."""
    at_batches = {"save_weights_only": True, "save_freq": 4}
    return [
        keras.callbacks.EarlyStopping(
            "val_accuracy", patience=3, restore_best_weights=True
        ),
        keras.callbacks.ReduceLROnPlateau("val_accuracy", factor=0.5, patience=1),
        keras.callbacks.LearningRateScheduler(
            lambda epoch, rate: rate * (2.0 if epoch == 2 else 1.0)
        ),
        keras.callbacks.ModelCheckpoint(
            folder / "{epoch}.keras", "val_accuracy", save_best_only=True
        ),
        keras.callbacks.ModelCheckpoint(
            folder / "{epoch}-{batch}.weights.h5", **at_batches
        ),
        keras.callbacks.CSVLogger(folder / "log.csv"),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append((batch, sorted(logs)))
        ),
        keras.callbacks.History(),
    ]


REMEMBERED = "wait stopped_epoch best best_epoch best_weights cooldown_counter epoch"


def remembered(callbacks):
    named = [vars(callback) for callback in callbacks]
    return [{n: own[n] for n in REMEMBERED.split() if n in own} for own in named]


def table(folder):
    with (folder / "log.csv").open() as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, float)


def test_callbacks_made_for_keras_do_what_they_do_in_keras(tmp_path):
    settings = {"epochs": 9, "batch_size": 8, "shuffle": False, "verbose": 0}
    settings["validation_data"] = data(30, seed=1)
    model, stories = ours(), []
    with keras_on_jax() as keras:
        other = theirs(model.get_weights())
        for name, own in (("ours", model), ("theirs", other)):
            seen, folder = [], tmp_path / name
            folder.mkdir()
            callbacks = several(keras, folder, seen)
            own.optimizer.learning_rate = 0.05
            history = own.fit(*data(), **settings, callbacks=callbacks).history
            stories.append((history, remembered(callbacks), seen, own.get_weights()))
        kept = keras.models.load_model(tmp_path / "ours" / "1.keras")
        np.testing.assert_allclose(
            kept.predict(data()[0], verbose=0), other_at(keras, tmp_path), rtol=1e-5
        )
    assert type(model.history) is jn.callbacks.History
    (history, notes, seen, weights), (their_history, their_notes, *rest) = stories
    assert (seen, len(history["loss"])) == (rest[0], len(their_history["loss"]))
    assert len(set(history["learning_rate"])) > 2
    assert 0 < len(history["loss"]) < 9
    for name, values in their_history.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)
    for note, their in zip(notes, their_notes, strict=True):
        assert note.keys() == their.keys()
        for name, value in their.items():
            assert_alike(note[name], value, name)
    assert_alike(weights, rest[1], "weights")
    files = [
        sorted(p.name for p in (tmp_path / n).iterdir()) for n in ("ours", "theirs")
    ]
    assert files[0] == files[1]
    (header, rows), (their_header, their_rows) = (
        table(tmp_path / name) for name in ("ours", "theirs")
    )
    assert header == their_header
    np.testing.assert_allclose(rows, their_rows, rtol=1e-5)


def other_at(keras, tmp_path):
    kept = keras.models.load_model(tmp_path / "theirs" / "1.keras")
    return kept.predict(data()[0], verbose=0)


def assert_alike(value, expected, name):
    if isinstance(expected, list):
        for own, their in zip(value, expected, strict=True):
            np.testing.assert_allclose(own, their, rtol=1e-4, atol=1e-5, err_msg=name)
    else:
        assert value == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("raises", [False, True])
def test_terminate_on_nan_of_keras_ends_the_training_as_there(raises, capsys):
    model = ours()
    model.optimizer.learning_rate = 1e38
    with keras_on_jax() as keras:
        callback = keras.callbacks.TerminateOnNaN(raise_error=raises)
        if raises:
            with raises_text(RuntimeError, "NaN or Inf loss encountered at batch"):
                model.fit(*data(), epochs=5, callbacks=callback, verbose=0)
            return
        history = model.fit(*data(), epochs=5, callbacks=callback, verbose=0)
    assert "Invalid loss, terminating training" in capsys.readouterr().out
    assert 1 <= len(history.epoch) < 5
    assert np.isnan(history.history["loss"][-1])
    with pytest.raises(NonFiniteError):
        model.fit(*data(), epochs=5, verbose=0)


def test_what_asks_for_keras_own_loop_is_refused_by_what_to_take_instead(tmp_path):
    folder = str(tmp_path / "kept")
    with keras_on_jax() as keras:
        arguments = {"BackupAndRestore": [folder], "OrbaxCheckpoint": [folder]}
        given = []
        for name in REFUSED:
            kind = getattr(keras.callbacks, name)
            own = type("Own", (kind,), {"__init__": lambda self: None})
            given.append(
                own() if name == "OrbaxCheckpoint" else kind(*arguments.get(name, []))
            )
    model = ours()
    for callback, name in zip(given, REFUSED, strict=True):
        with raises_text(ArgumentError, "callbacks holds Keras's", name, REFUSED[name]):
            model.fit(*data(), callbacks=[callback], verbose=0)
        for word in REFUSED[name].split():
            if word.startswith("jaxnet_mini."):
                assert inspect.isclass(getattr(jn.callbacks, word.split(".")[-1]))


def test_hooks_for_batches_that_do_nothing_leave_the_loop_running(tmp_path):
    with keras_on_jax() as keras:
        kinds = keras.callbacks
        weights = {"filepath": tmp_path / "a.weights.h5", "save_weights_only": True}
        own = type("Own", (kinds.ModelCheckpoint,), {"on_train_batch_end": print})
        given = [
            (kinds.EarlyStopping(), []),
            (kinds.ModelCheckpoint(**weights), []),
            (kinds.TerminateOnNaN(), []),
            (kinds.ModelCheckpoint(**weights, save_freq=2), ["train"]),
            (own(**weights), ["train"]),
            (kinds.LambdaCallback(on_batch_end=print), ["train"]),
            (kinds.LambdaCallback(on_predict_batch_end=print), ["predict"]),
        ]
    for callback, jobs in given:
        called = CallbackList(as_callbacks(callback), ours(), {})
        watched = [j for j in ("train", "test", "predict") if called.watches_batches(j)]
        assert watched == jobs, callback


def test_a_run_is_kept_with_what_a_callback_made_for_keras_gives(tmp_path):
    with keras_on_jax() as keras:

        class Counts(keras.callbacks.Callback):
            epochs = 0

            def on_epoch_end(self, epoch, logs=None):
                self.epochs += 1

            def state_dict(self):
                return {"epochs": self.epochs}

            def load_state_dict(self, state):
                self.epochs = int(state["epochs"])

        settings = {"checkpoint": tmp_path, "verbose": 0}
        ours().fit(*data(), epochs=2, callbacks=Counts(), **settings)
        counts = Counts()
        with pytest.warns(UserWarning, match="EarlyStopping of Keras begins anew"):
            ours().fit(
                *data(),
                epochs=3,
                validation_split=0.0,
                callbacks=[counts, keras.callbacks.EarlyStopping("loss")],
                **settings,
            )
    assert counts.epochs == 3


def test_a_sweep_names_a_callback_of_keras_that_writes(tmp_path):
    with keras_on_jax() as keras:
        stop, log = (
            keras.callbacks.EarlyStopping("loss"),
            keras.callbacks.CSVLogger("a"),
        )
    with raises_text(ArgumentError, "CSVLogger writes a file"):
        jn.sweep(ours(), {"seed": [0]}, *data(), callbacks=log, verbose=0)
    result = jn.sweep(ours(), {"seed": [0, 1]}, *data(), callbacks=stop, verbose=0)
    assert len(result) == 2
    assert stop.model is None  # each member had a copy


def test_the_optimizer_of_a_model_answers_what_trackers_ask():
    model = ours()
    with keras_on_jax() as keras:
        expected = theirs(model.get_weights()).optimizer
        theirs_config = expected.get_config()
        assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) > 0
    model.optimizer.learning_rate = 0.5
    config = model.optimizer.get_config()
    assert config.pop("learning_rate") == 0.5
    assert theirs_config["name"].startswith(config.pop("name").lower())
    assert config == {name: theirs_config[name] for name in config}
    assert model.optimizer.learning_rate.shape == expected.learning_rate.shape == ()
    with pytest.raises(AbsentNameError):
        model.optimizer.optimizers  # noqa: B018


def test_a_callback_of_ours_is_taken_as_it_is():
    callback = Callback()
    assert as_callbacks([callback]) == [callback]

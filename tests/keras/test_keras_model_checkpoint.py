"""Model checkpoint against Keras's own."""

import pytest
from classifier import VALUES, OurModel, TheirModel, drive
from conftest import keras_on_jax
from hypothesis import given, settings, strategies
from model_checkpoint_cases import drive_batches, saved

from jaxnet_mini.callbacks import ModelCheckpoint

pytestmark = pytest.mark.usefixtures("quick_compilation")

NAME = "{epoch:02d}-{loss:.3f}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Keras asks the file system whether its folder is there."""
    return tmp_path_factory.mktemp("checkpoints")


@settings(deadline=None, max_examples=100)
@given(
    values=VALUES,
    setting=strategies.fixed_dictionaries(
        {
            "mode": strategies.sampled_from(["min", "max", "auto"]),
            "save_best_only": strategies.booleans(),
            "initial_value_threshold": strategies.sampled_from([None, 0, 0.5, -0.5]),
            "verbose": strategies.sampled_from([0, 1]),
        }
    ),
    weights_only=strategies.booleans(),
    times=strategies.sampled_from([1, 2]),
)
def test_epochs_are_saved_when_keras_saves_them(
    values, setting, weights_only, times, folder
):
    """A second training goes on from the best value of the first."""
    endings = (".weights.h5", ".weights.safetensors")
    endings = endings if weights_only else (".keras", ".safetensors")
    with keras_on_jax() as keras:
        callback = keras.callbacks.ModelCheckpoint(
            folder / f"{NAME}{endings[0]}", save_weights_only=weights_only, **setting
        )
        expected = [drive(callback, TheirModel(), values, saved) for _ in range(times)]
    callback = ModelCheckpoint(
        folder / f"{NAME}{endings[1]}", save_weights_only=weights_only, **setting
    )
    stories = [drive(callback, OurModel(), values, saved) for _ in range(times)]
    assert repr(stories).replace(endings[1], endings[0]) == repr(expected)


@pytest.mark.parametrize("save_freq", [1, 2, 3, 5, 7, 11, "epoch"])
@pytest.mark.parametrize("weights_only", [False, True])
def test_batches_are_counted_as_keras_counts_them(save_freq, weights_only, folder):
    name = NAME if save_freq == "epoch" else f"{NAME}-{{batch:03d}}"
    ours, theirs = ".safetensors", ".keras"
    if weights_only:
        ours, theirs = ".weights.safetensors", ".weights.h5"
    setting = {"save_freq": save_freq, "save_weights_only": weights_only}
    with keras_on_jax() as keras:
        path = str(folder / f"{name}{theirs}")
        callback = keras.callbacks.ModelCheckpoint(path, **setting)
        expected = drive_batches(callback, TheirModel(), 4, 5)
    callback = ModelCheckpoint(str(folder / f"{name}{ours}"), **setting)
    calls = drive_batches(callback, OurModel(), 4, 5)
    assert [(c, path.replace(ours, theirs), o) for c, path, o in calls] == expected
    assert len(calls) == (4 if save_freq == "epoch" else 20 // save_freq)


def lines_of(callback, model, values, capsys):
    drive(callback, model, values, saved)
    return [line for line in capsys.readouterr().out.splitlines() if line]


@pytest.mark.parametrize("best_only", [False, True])
def test_it_says_what_kerass_says(best_only, folder, capsys):
    setting = {"save_best_only": best_only, "verbose": 1}
    with keras_on_jax() as keras:
        path = folder / "it.keras"
        callback = keras.callbacks.ModelCheckpoint(path, **setting)
        expected = lines_of(callback, TheirModel(), [0.5, 0.75, 0.25], capsys)
    # One line tells all: a saving that fails raises.
    expected = [line for line in expected if "finished saving" not in line]
    callback = ModelCheckpoint(folder / "it.safetensors", **setting)
    lines = lines_of(callback, OurModel(), [0.5, 0.75, 0.25], capsys)
    assert [line.replace(".safetensors", ".keras") for line in lines] == expected
    assert len(lines) == 3
    callback = ModelCheckpoint(folder / "it.safetensors", save_best_only=best_only)
    assert lines_of(callback, OurModel(), [0.5, 0.75, 0.25], capsys) == []

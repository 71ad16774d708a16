"""Csv logger against Keras's own."""

import csv

import pytest
from classifier import data, ours, theirs
from conftest import keras_on_jax
from hypothesis import given, settings, strategies

from jaxnet_mini.callbacks import (
    CSVLogger,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

CALL = {"batch_size": 8, "shuffle": False, "verbose": 0}


def written_by(callback, path, logs):
    """The file after training of so many epochs, without training."""
    callback.on_train_begin({})
    for epoch, entries in enumerate(logs):
        callback.on_epoch_end(epoch, dict(entries))
    callback.on_train_end({})
    return path.read_bytes()


NAMES = strategies.sampled_from(["loss", "accuracy", "val_loss", "val_accuracy", "lr"])


FLOATS = strategies.floats() | strategies.sampled_from([float("nan"), float("inf")])


@settings(deadline=None, max_examples=60)
@given(
    logs=strategies.lists(
        strategies.dictionaries(NAMES, FLOATS, min_size=1), min_size=1, max_size=4
    ),
    separator=strategies.sampled_from([",", ";", "\t", "|"]),
    append=strategies.booleans(),
)
def test_the_file_is_that_of_keras_to_the_byte(
    logs, separator, append, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("logs")
    setting = {"separator": separator, "append": append}
    with keras_on_jax() as keras:
        path = folder / "theirs.csv"
        callback = keras.callbacks.CSVLogger(path, **setting)
        expected = [written_by(callback, path, logs) for _ in range(2)]
    path = folder / "ours.csv"
    callback = CSVLogger(path, **setting)
    assert [written_by(callback, path, logs) for _ in range(2)] == expected


def rows_of(path, separator=","):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def test_keras_trains_to_the_same_file(tmp_path):
    with keras_on_jax() as keras:
        model = ours()
        other = theirs(model.get_weights())
        path = tmp_path / "theirs.csv"
        logger = keras.callbacks.CSVLogger(path)
        other.fit(*data(), epochs=2, callbacks=[logger], **CALL)
    model.fit(*data(), epochs=2, callbacks=CSVLogger(tmp_path / "ours.csv"), **CALL)
    expected, rows = rows_of(path), rows_of(tmp_path / "ours.csv")
    assert list(rows[0]) == list(expected[0])
    for row, their_row in zip(rows, expected, strict=True):
        for name in ("epoch", "loss", "accuracy"):
            assert float(row[name]) == pytest.approx(float(their_row[name]), rel=1e-5)
        assert row["val_loss"] == their_row["val_loss"] == "NA"

"""CSVLogger: the file that Keras 3.15 writes, and what readers make of it."""

import csv
import json

import numpy as np
import pytest
from classifier import data, ours
from oracles import raises_text

from jaxnet_mini import metrics
from jaxnet_mini.callbacks import (
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    TerminateOnNaN,
)
from jaxnet_mini.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("quick_compilation")

CALL = {"batch_size": 8, "shuffle": False, "verbose": 0}


def rows_of(path, separator=","):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def test_every_number_of_the_history_comes_back_from_the_file(tmp_path):
    path = tmp_path / "log.csv"
    history = ours().fit(
        *data(), epochs=3, validation_split=0.25, callbacks=CSVLogger(path), **CALL
    )
    rows = rows_of(path)
    assert [int(row.pop("epoch")) for row in rows] == [0, 1, 2]
    read = {name: [float(row[name]) for row in rows] for name in rows[0]}
    assert read == history.history


def test_an_epoch_without_validation_is_na(tmp_path):
    path = tmp_path / "log.csv"
    call = {"epochs": 4, "validation_split": 0.25, "validation_freq": 2} | CALL
    history = ours().fit(*data(), callbacks=CSVLogger(path), **call)
    values = [row["val_loss"] for row in rows_of(path)]
    assert values[::2] == ["NA", "NA"]
    assert [float(value) for value in values[1::2]] == history.history["val_loss"]
    # What is read as NaN by genfromtxt, as by pandas.
    table = np.genfromtxt(path, delimiter=",", names=True, missing_values="NA")
    assert np.isnan(table["val_loss"]).tolist() == [True, False, True, False]


def test_training_goes_on_in_the_same_file(tmp_path):
    path = tmp_path / "log.tsv"
    model = ours()
    for first in (0, 2):
        logger = CSVLogger(path, separator="\t", append=True)
        call = {"initial_epoch": first, "epochs": first + 2} | CALL
        model.fit(*data(), callbacks=logger, **call)
    assert path.read_text().count("epoch") == 1
    assert [row["epoch"] for row in rows_of(path, "\t")] == ["0", "1", "2", "3"]
    # Without append it begins anew.
    model.fit(*data(), callbacks=CSVLogger(path), **CALL)
    assert [row["epoch"] for row in rows_of(path)] == ["0"]


def test_a_header_of_another_order_is_followed(tmp_path):
    """Keras writes the numbers under other names."""
    path = tmp_path / "log.csv"
    path.write_text("loss,epoch,accuracy,val_loss,note\r\n")
    history = ours().fit(*data(), callbacks=CSVLogger(path, append=True), **CALL)
    (row,) = rows_of(path)
    assert float(row["loss"]) == history.history["loss"][0]
    assert float(row["accuracy"]) == history.history["accuracy"][0]
    assert (row["epoch"], row["val_loss"], row["note"]) == ("0", "NA", "NA")


def test_a_file_without_a_column_is_not_appended_to(tmp_path):
    path = tmp_path / "log.csv"
    model = ours()
    model.fit(*data(), callbacks=CSVLogger(path), **CALL)
    before = path.read_bytes()
    scheduler = LearningRateScheduler(lambda epoch: 0.1)
    with raises_text(
        ArgumentError,
        "CSVLogger",
        repr(str(path)),
        "the columns epoch, accuracy, loss, val_accuracy, val_loss",
        "none for learning_rate",
        "another filename, or append=False",
    ):
        model.fit(*data(), callbacks=[scheduler, CSVLogger(path, append=True)], **CALL)
    assert path.read_bytes() == before
    # The fixes that the message gives.
    for logger in (CSVLogger(tmp_path / "new.csv", append=True), CSVLogger(path)):
        model.fit(*data(), callbacks=[scheduler, logger], **CALL)
        assert float(rows_of(path.parent / logger.filename)[0]["learning_rate"]) > 0.0


def test_an_interrupted_training_leaves_whole_rows(tmp_path):
    path = tmp_path / "log.csv"

    def interrupt(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    callbacks = [CSVLogger(path), LambdaCallback(on_epoch_begin=interrupt)]
    with pytest.raises(KeyboardInterrupt):
        ours().fit(*data(), epochs=9, callbacks=callbacks, **CALL)
    assert len(rows_of(path)) == 2


def test_an_epoch_that_turned_nan_is_a_row_like_any_other(tmp_path):
    path = tmp_path / "log.csv"
    x, y = data()
    model = ours()
    model.optimizer.learning_rate = 1e38
    history = model.fit(
        x, y, epochs=9, callbacks=[TerminateOnNaN(), CSVLogger(path)], **CALL
    )
    rows = rows_of(path)
    assert len(rows) == len(history.epoch)
    assert rows[-1]["loss"] == "nan"


def test_a_path_that_cannot_be_written_costs_no_epoch(tmp_path):
    model = ours()
    callback = CSVLogger(tmp_path / "absent" / "log.csv")
    with pytest.raises(FileNotFoundError, match="absent"):
        model.fit(*data(), callbacks=callback, **CALL)
    assert int(model.state.step) == 0


@pytest.mark.parametrize("separator", ["", ", "])
def test_a_separator_is_one_character(separator):
    with raises_text(ArgumentError, "separator must be one character", repr(separator)):
        CSVLogger("log.csv", separator=separator)


def test_a_metric_of_several_numbers_is_a_list_in_one_cell(tmp_path):
    path = tmp_path / "log.csv"
    model = ours()
    several = metrics.Precision(thresholds=[0.25, 0.5])
    model.compile("adam", "categorical_crossentropy", [several])
    x, y = data()
    one_hot = np.eye(3, dtype=np.float32)[y]
    history = model.fit(x, one_hot, callbacks=CSVLogger(path), **CALL)
    (row,) = rows_of(path)
    assert json.loads(row["precision"]) == history.history["precision"][0]

"""Short epochs that nobody looks at: begun in a row, and the same to the bit."""

import os
import signal
import threading

import jax
import numpy as np
import pytest
from looking import Looks
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini import callbacks as cb
from jaxnet_mini import layers as L
from jaxnet_mini.errors import NonFiniteError
from jaxnet_mini.loops import in_a_row
from jaxnet_mini.loops.in_a_row import InARow

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 100)
EPOCHS = 40


class MyHistory(cb.History):
    """One that might look."""


@pytest.fixture
def rows(monkeypatch):
    """How many epochs came at a time, where they came in a row."""
    seen, take = [], InARow.take

    def noted(self, first, last):
        logs = take(self, first, last)
        seen.extend([len(logs)] if logs else [])
        return logs

    monkeypatch.setattr(InARow, "take", noted)
    # However slow the machine is.
    monkeypatch.setattr(in_a_row, "SECONDS", 1e6)
    return seen


def made(*layers, optimizer="adam", **settings):
    last = jn.Dense(3, activation="softmax")
    model = jn.Sequential([L.Input((6,)), *layers, last], seed=3)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], **settings)
    return model


def small(**settings):
    return made(jn.Dense(8, activation="relu"), **settings)


def remembering():
    return made(jn.Dense(8), L.BatchNormalization(), L.Dropout(0.3))


def centred():
    """A net of which padding would count, so that the last batch comes by itself."""
    return made(L.Lambda(lambda x: x - x.mean(0, keepdims=True)), jn.Dense(8))


def scheduled():
    rate = jn.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    return small(optimizer=jn.optimizers.SGD(rate, momentum=0.9, use_ema=True))


def fitted(model, *callbacks, x=X, y=Y, **settings):
    settings = {"epochs": EPOCHS, "batch_size": 16, "verbose": 0} | settings
    history = model.fit(x, y, callbacks=list(callbacks), **settings)
    return history.epoch, history.history, history.epochs_of, model.state


@pytest.mark.parametrize("build", [small, remembering, centred, scheduled])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"validation_split": 0.3},
        {"validation_data": (X[:37], Y[:37]), "validation_freq": [3, 4, 20, 40]},
        {"steps_per_epoch": 5, "initial_epoch": 2, "validation_split": 0.2},
        {"shuffle": False, "sample_weight": np.linspace(0, 1, len(X)), "seed": 5},
    ],
    ids=["plain", "split", "freq", "steps", "weights"],
)
def test_a_row_is_the_same_as_one_epoch_after_another(rows, build, settings):
    many = fitted(build(), **settings)
    first = settings.get("initial_epoch", 0)
    assert sum(rows) == EPOCHS - first - 1
    assert max(rows) > 1
    rows.clear()
    singly = fitted(build(), Looks(), **settings)
    assert not rows
    np.testing.assert_equal(many[:3], singly[:3])
    assert_trees_identical(many[3], singly[3])


def test_several_inputs_and_outputs_in_a_row(rows):
    def build():
        one, two = L.Input((6,), name="one"), L.Input((6,), name="two")
        both = L.Concatenate()([L.Dense(4)(one), L.Dense(4)(two)])
        outputs = [L.Dense(1, name="a")(both), L.Dense(2, name="b")(both)]
        model = jn.Model([one, two], outputs)
        model.compile("adam", ["mse", "mae"])
        return model

    x, y = [X, X + 1], [X[:, :1], X[:, :2]]
    many = fitted(build(), x=x, y=y, validation_split=0.2)
    assert max(rows) > 1
    singly = fitted(build(), Looks(), x=x, y=y, validation_split=0.2)
    np.testing.assert_equal(many[:3], singly[:3])
    assert_trees_identical(many[3], singly[3])


def diverging():
    """A model whose weights overflow within one of the later epochs."""
    model = jn.Sequential([L.Input((6,)), jn.Dense(1)], seed=3)
    model.compile(jn.optimizers.SGD(0.8), "mse")
    return model


def test_what_turns_nan_in_a_row_is_found_where_it_did(rows):
    errors, states = [], []
    for callbacks in [], [Looks()]:
        model = diverging()
        with pytest.raises(NonFiniteError) as error:
            fitted(model, *callbacks, epochs=3000)
        errors.append((str(error.value), error.value.batch))
        states.append((model.state, model.history.history))
    assert max(rows) > 1
    assert "epoch 1 " not in errors[0][0]
    assert errors[0] == errors[1]
    np.testing.assert_equal(states[0][1], states[1][1])
    assert_trees_identical(states[0][0], states[1][0])


def test_an_orderly_end_by_nan_is_the_same_in_a_row(rows):
    results = []
    for callbacks in [cb.TerminateOnNaN()], [cb.TerminateOnNaN(), Looks()]:
        results.append(fitted(diverging(), *callbacks, epochs=3000))
    assert max(rows) > 1
    np.testing.assert_equal(results[0][:3], results[1][:3])
    assert_trees_identical(results[0][3], results[1][3])


@pytest.mark.parametrize(
    "callback",
    [
        lambda folder: Looks(),
        lambda folder: MyHistory(),
        lambda folder: cb.EarlyStopping("loss"),
        lambda folder: cb.CSVLogger(folder / "log.csv"),
        lambda folder: cb.BackupAndRestore(folder / "kept"),
        lambda folder: cb.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
    ],
    ids=["own", "history", "stopping", "file", "kept", "rate"],
)
def test_who_looks_at_epochs_sees_each(rows, callback, tmp_path):
    fitted(small(), callback(tmp_path), epochs=6)
    assert not rows


def test_a_bar_is_drawn_after_each_epoch(rows, capsys):
    fitted(small(), epochs=6, verbose=2)
    assert not rows
    assert capsys.readouterr().out.count("accuracy") == 6


def test_long_epochs_and_large_states_come_one_by_one(rows, monkeypatch):
    monkeypatch.setattr(in_a_row, "SECONDS", 1e-9)
    fitted(small(), epochs=6)
    monkeypatch.setattr(in_a_row, "SECONDS", 1e6)
    monkeypatch.setattr(in_a_row, "MOST_BYTES", 2000)
    fitted(small(), epochs=6)
    assert not rows


def test_a_row_waits_for_no_epoch(rows, monkeypatch):
    get, waited = jax.device_get, []

    def noted(tree):
        on_device = [isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(tree)]
        waited.extend([1] if any(on_device) else [])
        return get(tree)

    monkeypatch.setattr(jax, "device_get", noted)
    model = small()
    fitted(model, epochs=1, validation_split=0.2)
    of_one_epoch = len(waited)
    waited.clear()
    fitted(model, validation_split=0.2)
    assert len(rows) == 4
    assert len(waited) == of_one_epoch + len(rows)


def test_ctrl_c_in_a_row_leaves_whole_epochs(rows, monkeypatch):
    monkeypatch.setattr(in_a_row, "SECONDS", 0.1)
    model = small()
    fitted(model, epochs=1)
    # Where tests are run in the background, nobody presses it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fitted(model, epochs=10**6)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    steps = -(-len(X) // 16)
    done, rest = divmod(int(model.state.step), steps)
    assert rest == 0
    assert done - 1 == len(model.history.epoch)
    assert np.isfinite(model.history.history["loss"]).all()

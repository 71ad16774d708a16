"""Short epochs of many members: several are one program, with the bits of ``fit``."""

import numpy as np
import pytest
from looking import Looks
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini import callbacks as cb
from jaxnet_mini import layers as L
from jaxnet_mini.devices import programs, threads
from jaxnet_mini.loops import stretches

RNG = np.random.default_rng(0)
X = RNG.normal(size=(110, 9)).astype(np.float32)
Y = RNG.integers(0, 3, len(X))
EPOCHS = 21
"""One program of sixteen, and one of five."""

LAYERS = {
    "dense": lambda: [jn.Dense(12, activation="relu")],
    "remembers": lambda: [jn.Dense(8), L.BatchNormalization(), L.Dropout(0.3)],
    "normalizes": lambda: [
        jn.Dense(8, "silu", kernel_regularizer="l2"),
        L.LayerNormalization(),
        L.GaussianNoise(0.1),
    ],
    "residual": lambda: [jn.Dense(8), jn.residual(jn.Dense(8, "gelu"), jn.Dense(8))],
    "unit": lambda: [jn.Dense(7, "tanh"), L.UnitNormalization(), jn.Dense(5, "elu")],
}


@pytest.fixture
def counts(monkeypatch):
    """How many epochs came in one program, each time."""
    seen, run = [], programs.Program.__call__

    def noted(self, *arguments):
        if self is programs.epochs and arguments[3].epochs:
            seen.append(arguments[3].epochs)
        return run(self, *arguments)

    monkeypatch.setattr(programs.Program, "__call__", noted)
    return seen


def made(kind="dense", seed=None, optimizer="adam"):
    layers = [L.Input((9,)), *LAYERS[kind](), jn.Dense(3, activation="softmax")]
    model = jn.Sequential(layers, seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


SPACE = {"learning_rate": [1e-3, 1e-2], "seed": range(4)}


def swept(kind="dense", space=SPACE, **settings):
    settings = {"epochs": EPOCHS, "batch_size": 16, "verbose": 0} | settings
    return jn.sweep(made(kind), space, X, Y, **settings)


def fitted(member, kind, **settings):
    """A model with the settings of a member, trained by its own fit."""
    model = made(kind, seed=member.settings["seed"])
    model.optimizer.learning_rate = member.settings["learning_rate"]
    settings = {"epochs": EPOCHS, "batch_size": 16, "verbose": 0} | settings
    model.fit(X, Y, callbacks=[cb.TerminateOnNaN(), Looks()], **settings)
    return model


@pytest.mark.parametrize("kind", LAYERS)
def test_members_are_as_their_own_fits_to_the_bit(counts, kind):
    settings = {"validation_split": 0.3, "validation_freq": 2}
    result = swept(kind, **settings)
    assert counts == [16, 5] * 8
    for member in result[::3]:
        alone = fitted(member, kind, **settings)
        np.testing.assert_equal(member.history.history, alone.history.history)
        np.testing.assert_equal(member.history.epochs_of, alone.history.epochs_of)
        assert_trees_identical(member.model.state, alone.state)


def test_members_side_by_side_are_the_same(counts, monkeypatch):
    one = swept(validation_split=0.2)
    monkeypatch.setattr(threads, "SECONDS", 1e-9)
    counts.clear()
    two = swept(validation_split=0.2)
    assert sum(counts) == 8 * EPOCHS
    for member, other in zip(one, two, strict=True):
        np.testing.assert_equal(member.history.history, other.history.history)
        assert_trees_identical(member.model.state, other.model.state)


def test_a_member_that_turns_nan_ends_where_its_fit_would(counts):
    space = {"learning_rate": [1e-2, 1e30], "seed": range(4)}
    result = swept(space=space)
    assert 16 in counts
    notes = [member.note for member in result]
    assert notes.count("") == 4
    for member in result[3:5]:
        alone = fitted(member, "dense")
        np.testing.assert_equal(member.history.history, alone.history.history)
        assert_trees_identical(member.model.state, alone.state)


@pytest.mark.usefixtures("quick_compilation")
@pytest.mark.parametrize(
    "settings",
    [
        {"space": {"seed": range(7)}},
        {"callbacks": [cb.EarlyStopping("loss")]},
        {"rungs": jn.Rungs(3), "monitor": "loss"},
        {"steps_per_epoch": 5},
        {"epochs": 1},
    ],
    ids=["few", "stopping", "rungs", "steps", "one epoch"],
)
def test_where_somebody_looks_or_it_does_not_pay_epochs_come_singly(counts, settings):
    swept(**settings)
    assert not counts


@pytest.mark.usefixtures("quick_compilation")
def test_long_epochs_come_singly(counts, monkeypatch):
    monkeypatch.setattr(stretches, "SHORT_SECONDS", 1e-9)
    swept()
    assert not counts


@pytest.mark.usefixtures("quick_compilation")
def test_rows_that_fill_up_come_in_no_program_where_they_would_count(counts):
    layers = [L.Lambda(lambda x: x - x.mean(0, keepdims=True)), jn.Dense(3, "softmax")]
    model = jn.Sequential([L.Input((9,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    jn.sweep(model, {"seed": range(8)}, X, Y, epochs=3, batch_size=16, verbose=0)
    assert not counts

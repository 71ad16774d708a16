"""Successive halving: members that fall behind stop early."""

import numpy as np
import pytest
from cores import several_cores
from oracles import assert_trees_identical, raises_text, unchecked_types
from test_sweep import CALL, X, Y, model
from test_sweep_running import in_groups_of

import jaxnet_mini as jn
from jaxnet_mini.callbacks import EarlyStopping
from jaxnet_mini.datasets import digits
from jaxnet_mini.devices import programs, threads
from jaxnet_mini.errors import ArgumentError, UnknownNameError

pytestmark = pytest.mark.usefixtures("quick_compilation")

RATES = [1e-5, 1e-4, 0.001, 0.01, 0.03, 0.1, 0.3, 1e30]
SPACE = {"learning_rate": RATES}
LONG = CALL | {"epochs": 9}


def lengths(result):
    return [len(member.history.epoch) for member in result]


def ranked_by_hand(full, factor, rungs):
    """Return how long each member of a full sweep would train, and who is left."""
    ahead, expected = list(range(len(full))), lengths(full)
    for epochs in rungs:
        losses = {
            i: np.inf if full[i].note else full[i].history.history["val_loss"][:epochs]
            for i in ahead
        }
        best = sorted(ahead, key=lambda i: np.ravel(losses[i])[-1])
        best = best[: -(-len(ahead) // factor)]
        for i in set(ahead) - set(best):
            expected[i] = min(expected[i], epochs)
        ahead = sorted(best)
    return expected, ahead


def assert_beginnings(result, full):
    for member, own in zip(result, full, strict=True):
        assert member.history.epoch == own.history.epoch[: len(member.history.epoch)]
        for name, values in own.history.history.items():
            found = member.history.history[name]
            np.testing.assert_allclose(found, values[: len(found)], rtol=1e-5)


def of_digits(optimizer="adam", seed=0):
    layers = [jn.Flatten(), jn.Dense(16, "relu"), jn.Dense(10, "softmax")]
    one = jn.Sequential(layers, seed=seed)
    one.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return one


def test_the_same_best_of_the_digits_for_half_of_the_work():
    (x, y), _ = digits.load_data()
    call = {"epochs": 9, "verbose": 0, "validation_split": 0.2}
    call |= {"x": x[:800] / 16, "y": y[:800]}
    space = {"learning_rate": RATES, "seed": [0, 1]}
    full = jn.sweep(of_digits(), space, **call)
    result = jn.sweep(of_digits(), space, **call, rungs=jn.Rungs(factor=3))
    expected, ahead = ranked_by_hand(full, 3, [1, 3])
    assert lengths(result) == expected
    assert sum(lengths(result)) == 16 * 1 + 6 * 2 + 2 * 6 <= 0.5 * sum(lengths(full))
    assert_beginnings(result, full)
    assert_trees_identical(result.best().state, full.best().state)
    assert {id(member) for member in result.ranked()} == {id(result[i]) for i in ahead}
    behind = next(m for m in result if m.note == "fell behind in epoch 3")
    optimizer = jn.optimizers.Adam(behind.settings["learning_rate"])
    own = of_digits(optimizer, behind.settings["seed"])
    own.fit(**call | {"epochs": 3})
    assert_trees_identical(behind.model.state, own.state)


@pytest.mark.slow
def test_members_of_groups_fall_behind_others(monkeypatch):
    in_groups_of(monkeypatch, 3)
    call = LONG | {"rungs": jn.Rungs(2, 2), "callbacks": EarlyStopping(patience=0)}
    result = jn.sweep(model(), SPACE, X, Y, **call)
    full = jn.sweep(model(), SPACE, X, Y, **call | {"rungs": None})
    assert any(len(m.history.epoch) < 9 for m in full if not m.note)
    assert lengths(result) == ranked_by_hand(full, 2, [2, 4, 8])[0]
    assert_beginnings(result, full)


@pytest.mark.long
@several_cores
def test_members_side_by_side_wait_where_they_began(monkeypatch):
    call = LONG | {"rungs": jn.Rungs(2)}
    monkeypatch.setattr(threads, "SECONDS", 1e9)
    expected = jn.sweep(model(), SPACE, X, Y, **call)
    monkeypatch.setattr(threads, "SECONDS", 1e-9)
    for one, two in zip(jn.sweep(model(), SPACE, X, Y, **call), expected, strict=True):
        assert one.note == two.note
        np.testing.assert_equal(one.history.history, two.history.history)
        assert_trees_identical(one.model.state, two.model.state)


RUNGS = {"rungs": jn.Rungs()}
BAD = [
    ({"rungs": jn.Rungs(3, 9)}, "min_resource=9 must be less than epochs"),
    (RUNGS | {"validation_split": 0.0}, "nothing is held out"),
    (RUNGS | {"validation_freq": 2}, "none is validated before"),
    (RUNGS | {"monitor": "val_los"}, "val_los"),
    (RUNGS | {"mode": "most"}, "mode"),
    ({"sampler": "tpe", "n_trials": 2}, "sampler must be a study of Optuna"),
    ({"n_trials": 2}, "give the study as sampler"),
]


@pytest.mark.parametrize(("given", "text"), BAD)
def test_bad_races_are_refused_before_anything_is_compiled(given, text):
    before = programs.loop.jitted._cache_size()
    with pytest.raises((ArgumentError, UnknownNameError)) as caught:
        jn.sweep(model(), SPACE, X, Y, **LONG | given)
    assert text in str(caught.value)
    assert programs.loop.jitted._cache_size() == before


@pytest.mark.parametrize("given", [{"factor": 1}, {"min_resource": 0}, {"factor": 2.5}])
def test_bad_rungs_are_refused(given):
    text = f"Rungs: {next(iter(given))}"
    with unchecked_types(), raises_text(ArgumentError, text):
        jn.Rungs(**given)

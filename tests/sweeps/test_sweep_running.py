"""How a sweep runs: in groups, what it says meanwhile, and how it ends early."""

import re
import signal

import jax
import numpy as np
import pytest
from oracles import assert_trees_close, assert_trees_identical, raises_text
from test_sweep import CALL, X, Y, model, momentum, solo

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, EarlyStopping
from jaxnet_mini.callbacks.progress_bar import SweepBar
from jaxnet_mini.devices import memory, programs
from jaxnet_mini.errors import DataError
from jaxnet_mini.sklearn import wrap
from jaxnet_mini.sweeps import group

pytestmark = pytest.mark.usefixtures("quick_compilation")

SPACE = {"learning_rate": [0.001, 0.03], "seed": range(3)}


@pytest.fixture(autouse=True)
def as_in_the_foreground():
    """A shell starts what runs in the background with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def in_groups_of(monkeypatch, most):
    """Let members train together on this device, as they do on other ones."""
    monkeypatch.setattr(group, "at_once", lambda state, shards, needed: most)


def assert_is_its_own_fit(member, own):
    """To rounding: members of a group are computed together."""
    assert_trees_close(member.model.params, own.params, 1e-5)
    found, expected = member.history.history, own.history.history
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    assert member.history.epoch == own.history.epoch
    assert member.history.epochs_of == own.history.epochs_of


# Members that train together


@pytest.mark.one_in(2)
@pytest.mark.parametrize("most", [4, 100])
def test_members_of_groups_are_fits_of_their_own(monkeypatch, most):
    in_groups_of(monkeypatch, most)
    template = model(optimizer=jn.optimizers.Adam())
    # Rates go round within a group: one of them for all would be seen.
    space = {"seed": range(3), "learning_rate": [0.001, 0.03]}
    for member in jn.sweep(template, space, X, Y, **CALL):
        optimizer = jn.optimizers.Adam(member.settings["learning_rate"])
        own = solo(seed=member.settings["seed"], optimizer=optimizer)
        assert_is_its_own_fit(member, own)


@pytest.mark.slow
def test_groups_are_of_one_size_so_that_one_program_serves_them(monkeypatch):
    in_groups_of(monkeypatch, 4)
    loops, evaluations = group._programs(None)
    before = loops.jitted._cache_size(), evaluations.jitted._cache_size()
    template = model(units=11)
    jn.sweep(template, SPACE | {"seed": range(5)}, X, Y, **CALL)  # 4, 4 and 2
    after = loops.jitted._cache_size(), evaluations.jitted._cache_size()
    assert [n - m for n, m in zip(after, before, strict=True)] == [1, 1]


@pytest.mark.slow
def test_numbers_of_layers_differ_within_a_group(monkeypatch):
    in_groups_of(monkeypatch, 8)
    space = {"rate": [0.0, 0.3], "l2": [0.0, 0.02], "seed": range(2)}
    for member in jn.sweep(model(), space, X, Y, **CALL):
        assert_is_its_own_fit(member, solo(**member.settings))


@pytest.mark.slow
def test_whatever_fit_takes_reaches_the_members_of_a_group(monkeypatch):
    in_groups_of(monkeypatch, 2)
    weights = np.linspace(0.1, 2.0, len(X), dtype=np.float32)
    call = {
        "batch_size": 16,
        "epochs": 4,
        "verbose": 0,
        "sample_weight": weights,
        "validation_data": (X[:50], Y[:50], weights[:50]),
        "validation_freq": 2,
        "steps_per_epoch": 5,
    }
    for member in jn.sweep(model(), {"seed": range(2)}, X, Y, **call):
        own = model(seed=member.settings["seed"])
        own.fit(X, Y, **call)
        assert_is_its_own_fit(member, own)


class Called(jn.Model):
    """Layers one after another, in a class of one's own."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = [*parts]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def kept_parts(how):
    """A model of which training changes the last layer alone, and what comes to that.

    Args:
        how: the parts stand in a "row", in the "call" of a class, or in "another"
            model that has their weights.
    """
    parts = [
        jn.layers.Normalization(input_shape=(X.shape[1],)),
        jn.Dense(5, "tanh", trainable=False),
        jn.layers.BatchNormalization(trainable=False),
    ]
    last = jn.Dense(3, "softmax")
    base = jn.Sequential(parts) if how == "another" else None
    row = [*parts, last] if base is None else [base, last]
    one = Called(*row) if how == "call" else jn.Sequential(row)
    one.compile(jn.optimizers.SGD(1e-9), "sparse_categorical_crossentropy")
    owner = base or one
    owner.predict(X)
    owner.layers[0].adapt(3 * X + 1)
    mean, variance = (3 * X + 1).mean(0), (3 * X).var(0)
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(X.shape[1], 5)), rng.normal(size=5)
    moments = rng.normal(size=5), rng.uniform(1, 2, 5)
    owner.layers[1].set_weights([kernel, bias])
    owner.layers[2].set_weights([np.ones(5), np.zeros(5), *moments])
    hidden = np.tanh((X - mean) / np.sqrt(variance) @ kernel + bias)
    return one, (hidden - moments[0]) / np.sqrt(moments[1] + 1e-3)


def assert_loss_of(model, loss, hidden):
    """That of the softmax of the last layer, by NumPy."""
    kernel, bias = (np.float64(w) for w in model.layers[-1].get_weights())
    logits = hidden @ kernel + bias
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -logits[np.arange(len(Y)), Y].mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("how", ["row", "call", "another"])
def test_members_keep_what_training_does_not_change(monkeypatch, how, most):
    in_groups_of(monkeypatch, most)
    template, hidden = kept_parts(how)
    before = [np.array(weight) for weight in template.get_weights()]
    found = jn.sweep(template, {"seed": range(2)}, X, Y, epochs=1, verbose=0)
    for member in found:
        assert_loss_of(member.model, member.history.history["loss"][0], hidden)
    first, second = (m.model.layers[-1].get_weights()[0] for m in found)
    assert not np.allclose(first, second)
    for weight, old in zip(template.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("how", ["row", "call", "another"])
def test_an_estimator_keeps_what_training_does_not_change(how):
    template, hidden = kept_parts(how)
    for given in (template, lambda: kept_parts(how)[0]):
        net = wrap(given, random_state=3).fit(X, Y)
        assert_loss_of(net.model_, net.history_["loss"][0], hidden)


@pytest.mark.parametrize("restore", [False, True])
def test_a_member_of_a_group_stops_when_it_would_alone(monkeypatch, restore):
    in_groups_of(monkeypatch, 3)

    def stopping():
        return EarlyStopping("val_loss", patience=1, restore_best_weights=restore)

    call = CALL | {"epochs": 12}
    space = {"learning_rate": [1e-4, 0.03, 0.3]}
    lengths = set()
    for member in jn.sweep(model(), space, X, Y, callbacks=stopping(), **call):
        own = model(optimizer=momentum(member.settings["learning_rate"]))
        own.fit(X, Y, callbacks=stopping(), **call)
        assert_is_its_own_fit(member, own)
        lengths.add(len(member.history.epoch))
    assert len(lengths) > 1


def test_a_member_of_a_group_that_turns_nan_ends_alone(monkeypatch):
    in_groups_of(monkeypatch, 3)
    space = {"learning_rate": [0.001, 1e30, 0.01]}
    first, bad, last = jn.sweep(model(), space, X, Y, **CALL)
    for member in (first, last):
        rate = member.settings["learning_rate"]
        assert_is_its_own_fit(member, solo(optimizer=momentum(rate)))
        assert member.note == ""
    assert re.fullmatch(r".* turned NaN or infinite in epoch 1", bad.note)
    assert np.isnan(bad.logs["loss"])
    assert all(np.isfinite(w).all() for w in bad.model.get_weights())


# Memory


@pytest.mark.parametrize("members", [1, 5])
def test_half_of_the_free_memory_is_for_members(monkeypatch, members):
    state = solo().state
    leaves = jax.tree.leaves(state._replace(key=None))
    each = sum(np.asarray(leaf).nbytes for leaf in leaves)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    # Four copies of each, and 1,000 bytes for the examples; a byte less is one less.
    free = 2 * members * 4 * each + 1000
    monkeypatch.setattr(memory, "available", lambda: free)
    assert group.at_once(state, 1, 1000) == members
    assert group.at_once(state, 4, 1000) == 4 * members
    monkeypatch.setattr(memory, "available", lambda: free - 2)
    assert group.at_once(state, 1, 1000) == max(1, members - 1)


def test_groups_are_said(monkeypatch, capsys):
    in_groups_of(monkeypatch, 4)
    jn.sweep(model(), SPACE, X, Y, **CALL | {"verbose": 1})
    out = capsys.readouterr().out
    assert "6 members train in groups of 4, as memory allows." in out


def test_too_many_members_are_refused_before_one_is_trained(monkeypatch):
    free = 60_000
    monkeypatch.setattr(memory, "available", lambda device=None: free)
    before = programs.loop.jitted._cache_size()
    template = model(units=13)
    start = "Weights and optimizers of all members would take "
    advice = "which has 58.59 KB left: go through fewer combinations at a time."
    with raises_text(DataError, start, advice):
        jn.sweep(template, {"seed": range(100)}, X, Y, **CALL)
    assert programs.loop.jitted._cache_size() == before
    assert not template.built


# What is said


def test_silent(capsys):
    jn.sweep(model(), {"seed": range(2)}, X, Y, **CALL)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("most", [1, 4])
def test_a_line_for_each_member(monkeypatch, capsys, most):
    in_groups_of(monkeypatch, most)
    space = {"learning_rate": [0.01, 1e30], "seed": range(2)}
    result = jn.sweep(model(), space, X, Y, **CALL | {"verbose": 2})
    lines = [one for one in capsys.readouterr().out.splitlines() if " - " in one]
    *each, end = lines
    assert len(each) == 4
    for line, member in zip(each, result, strict=True):
        rate, seed = member.settings["learning_rate"], member.settings["seed"]
        assert line.startswith(f"learning_rate={rate}, seed={seed} - accuracy: ")
        assert line.endswith(member.note)
        if not member.note:
            assert f" - val_loss: {member.logs['val_loss']:.4f}" in line
    best = min(m.logs["val_loss"] for m in result if not m.note)
    assert end.startswith("Sweep: 4/4 members, ")
    assert end.endswith(f" - best val_loss: {best:.4f}")


def test_without_a_terminal_a_bar_is_one_line(capsys):
    call = CALL | {"verbose": 1, "validation_split": 0.0}
    result = jn.sweep(model(), {"seed": range(3)}, X, Y, **call)
    (line,) = capsys.readouterr().out.splitlines()
    best = min(member.logs["loss"] for member in result)
    expected = rf"Sweep: 3/3 members, [\d.]+ m?s - best loss: {best:.4f}"
    assert re.fullmatch(expected, line)


# Sweeps that end early


class Press(Callback):
    """Presses Ctrl-C, or fails, in the second epoch of the second member."""

    epochs = 0

    def __init__(self, act):
        self.act = act

    def on_epoch_end(self, epoch, logs=None):
        Press.epochs += 1
        if Press.epochs == CALL["epochs"] + 2:
            self.act()


def fail():
    raise KeyError("mine")


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: signal.raise_signal(signal.SIGINT), KeyboardInterrupt),
        (fail, KeyError),
    ],
)
@pytest.mark.parametrize("built", [False, True])
def test_a_sweep_that_ends_early_leaves_the_model_as_it_was(act, error, built):
    template = model()
    before = None
    if built:
        template.fit(X, Y, 16, verbose=0)
        before = template.state
    Press.epochs = 0
    with pytest.raises(error):
        jn.sweep(template, {"seed": range(4)}, X, Y, callbacks=[Press(act)], **CALL)
    assert Press.epochs == CALL["epochs"] + 2
    assert template.built == built
    if built:
        assert_trees_identical(template.state, before)
    (member,) = jn.sweep(template, {"seed": [1]}, X, Y, **CALL)
    assert_trees_identical(member.model.params, solo(seed=1).params)


def test_ctrl_c_ends_a_group(monkeypatch):
    in_groups_of(monkeypatch, 3)
    shown = []

    def press(bar, *arguments):
        shown.append(arguments)
        if len(shown) == 2:
            signal.raise_signal(signal.SIGINT)

    template = model()
    with monkeypatch.context() as patch:
        patch.setattr(SweepBar, "update", press)
        with pytest.raises(KeyboardInterrupt):
            jn.sweep(template, {"seed": range(3)}, X, Y, **CALL | {"epochs": 50})
    assert len(shown) < 5
    assert not template.built
    for member in jn.sweep(template, {"seed": range(3)}, X, Y, **CALL):
        assert_is_its_own_fit(member, solo(seed=member.settings["seed"]))

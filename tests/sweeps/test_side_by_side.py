"""Members of a sweep on cores of their own: the same as one after another."""

import itertools
import os
import signal
import threading
import time

import jax
import numpy as np
import pytest
from cores import several_cores
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.callbacks import EarlyStopping
from jaxnet_mini.devices import pools, threads
from jaxnet_mini.devices.products import StepProducts
from jaxnet_mini.loops import epochs

pytestmark = [several_cores, pytest.mark.usefixtures("quick_compilation")]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 20)).astype(np.float32)
Y = RNG.integers(0, 3, 200)
SPACE = {"learning_rate": [1e-3, 1e-2, 1e30], "seed": range(2)}


@pytest.fixture
def where(monkeypatch):
    """Let members train side by side, and note on which devices they did."""
    monkeypatch.setattr(threads, "SECONDS", 1e-9)
    seen, train = [], epochs.train_epochs

    def noted(call, compiling):
        seen.append((threading.get_ident(), call.prepared.place.device))
        yield from train(call, compiling)

    monkeypatch.setattr(epochs, "train_epochs", noted)
    return seen


def made():
    layers = [jn.Dense(16, "relu", input_dim=20), jn.Dropout(0.2)]
    model = jn.Sequential([*layers, jn.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def swept(**settings):
    settings = {"epochs": 4, "verbose": 0, "validation_split": 0.2} | settings
    return jn.sweep(made(), SPACE, X, Y, **settings)


def one_after_another(monkeypatch, **settings):
    with monkeypatch.context() as patch:
        patch.setattr(threads, "SECONDS", 1e9)
        return swept(**settings)


def assert_same(result, other):
    for one, two in zip(result, other, strict=True):
        assert one.settings == two.settings
        assert (one.note, one.epoch) == (two.note, two.epoch)
        np.testing.assert_equal(one.history.history, two.history.history)
        assert_trees_identical(one.model.state, two.model.state)


def test_they_are_the_same_as_one_after_another(where, monkeypatch):
    stopping = EarlyStopping(patience=1, restore_best_weights=True)
    result = swept(callbacks=stopping)
    devices = {device for _, device in where}
    assert len(where) == 6
    assert devices == {pools.of_one_thread(i) for i in range(pools.number())}
    assert len({thread for thread, _ in where}) == len(devices)
    assert any(member.note for member in result), "no member turned NaN"
    where.clear()
    assert_same(result, one_after_another(monkeypatch, callbacks=stopping))
    assert {device for _, device in where} == {None}
    for member in result:
        for leaf in jax.tree.leaves(member.model.state):
            assert pools.own_of(leaf) is None


def test_callbacks_of_a_user_are_called_in_one_thread(where):
    swept(callbacks=jn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None))
    assert set(where) == {(threading.get_ident(), None)}


def test_settings_of_this_thread_alone_hold_for_all(where, monkeypatch):
    with jax.default_matmul_precision("bfloat16"):
        assert not threads.are_alike()
        swept(epochs=1)
    assert {device for _, device in where} == {None}


def test_examples_are_not_copied_for_each_core():
    prepared, examples = [], np.ones((64, 1000), np.float32)
    home = jax.device_put(examples)
    for index in range(2):
        own = jax.device_put(np.asarray(home), pools.of_one_thread(index))
        prepared.append(own.unsafe_buffer_pointer())
    assert set(prepared) == {home.unsafe_buffer_pointer()}


def test_an_error_of_one_ends_all_and_is_raised(where, monkeypatch):
    train, calls = epochs.train_epochs, []

    def broken(call, compiling):
        calls.append(call)
        if len(calls) == 2:
            raise OSError("no such disk")
        yield from train(call, compiling)

    monkeypatch.setattr(epochs, "train_epochs", broken)
    with pytest.raises(OSError, match="no such disk"):
        swept()
    assert len(calls) < 6


def test_ctrl_c_ends_all(where, monkeypatch):
    train, ended, pressed = epochs.train_epochs, [], itertools.count()

    def slow(call, compiling):
        if next(pressed) == 0:  # a second one would act at once
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
        yield from train(call, compiling)
        ended.append(len(call.history.epoch))

    monkeypatch.setattr(epochs, "train_epochs", slow)
    # Where tests are run in the background, nobody presses it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            swept(epochs=10**6)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(ended) <= pools.number()
    assert all(count < 10**6 for count in ended)


def test_it_is_not_worth_while_for_little_nor_where_bits_would_differ(monkeypatch):
    step = StepProducts(32, ((20, 16), (16, 3)))
    assert threads.side_by_side(step, 8, 1.9 * threads.SECONDS) == []
    assert len(threads.side_by_side(step, 8, 2 * threads.SECONDS)) == 2
    assert threads.side_by_side(step, 1, 1e9) == []
    assert threads.side_by_side(StepProducts(513, step.kernels), 8, 1e9) == []
    assert threads.side_by_side(StepProducts(32, ()), 8, 1e9) == []
    monkeypatch.setattr(threads, "has_bits_of_the_pool", lambda step, device: False)
    assert threads.side_by_side(step, 8, 1e9) == []


def test_the_bar_says_how_many_at_a_time(where, capsys):
    swept(verbose=2, epochs=1)
    told = f"6 members train {pools.number()} at a time, one on each core."
    assert told in capsys.readouterr().out

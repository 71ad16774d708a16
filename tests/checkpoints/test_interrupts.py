"""Training that is interrupted anywhere leaves a model that is as good as any."""

import functools
import signal
import threading

import pytest
from interpreter import run

from jaxnet_mini.base import interrupts

SCRIPT = """
import os, random, signal, sys, threading, time
import jax
import numpy as np
import jaxnet_mini as jn
from jaxnet_mini.data import resident
from jaxnet_mini.devices import programs
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.plan import Plan

# A shell starts what runs in the background with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
random.seed(0)
x = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
y = (np.arange(1000) % 3).astype(np.int32)


def model_of(units):
    model = jn.Sequential([jn.Dense(units, "relu"), jn.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def press(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGINT)


def same(one, other):
    one, other = (jax.tree.leaves(s._replace(key=None)) for s in (one, other))
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


options = dict(batch_size=10, epochs=10**6, verbose=0, validation_split=0.2)
examples = jax.device_put(resident.resident(Examples(x[:800], y[:800], None), 10))


def after(before, steps):
    # Taken without a break.
    seed = (model.seed, int(before.step))
    plan = Plan(800, 10, 1, 0, None, shuffle=True, seed=seed)
    state, number = before, 0
    while steps:
        count = min(steps, 80)
        order, none = plan.order(number), model.trainer.no_sums()
        program = model.trainer.program()
        state = programs.loop(program, state, examples, order, 0, count, none).state
        steps, number = steps - count, number + 1
    return state


model = model_of(8)
model.fit(x, y, **options | dict(epochs=1))
whole_epochs = 0
for number in range(int(sys.argv[1])):
    # Some are models of their own, interrupted while they compile.
    compiling = number % 40 == 0
    if compiling:
        model = model_of(9 + number)
    before, history_before = None if compiling else model.state, model.history
    seconds = random.uniform(0.0, 0.6 if compiling else 0.05)
    finger = threading.Thread(target=press, args=(seconds,))
    try:
        finger.start()
        model.fit(x, y, **options)
    except KeyboardInterrupt:
        pass
    finger.join()
    history = model.history.history if model.history else {}
    lengths = {len(values) for values in history.values()}
    assert len(lengths) <= 1, history.keys()
    if compiling:
        # Whatever was there by then: training begins or goes on.
        model.fit(x, y, **options | dict(epochs=1))
    else:
        steps = int(model.state.step - before.step)
        began = model.history is not history_before
        epochs = len(model.history.epoch) if began else 0
        assert lengths <= {epochs} or not began
        assert epochs * 80 <= steps, (epochs, steps)
        # The weights are those of a completed step.
        assert same(model.state, after(before, steps)), (number, steps)
        whole_epochs += epochs
    if number % 10 == 0:
        assert all(np.isfinite(model.evaluate(x, y, verbose=0)))
        assert np.isfinite(model.predict(x)).all()
    if compiling:
        model = model_of(8)
        model.fit(x, y, **options | dict(epochs=1))
print(whole_epochs)
"""


def test_every_interrupt_leaves_a_model(amount):
    interrupts = amount(quick=20, long=200)
    # They came at all sorts of moments.
    assert int(run("-c", SCRIPT, str(interrupts))) > interrupts // 2


def press():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def as_in_the_foreground():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def held(*actions):
    with interrupts.held_back():
        for action in actions:
            action()


def test_the_first_press_waits_for_a_good_moment():
    seen = []
    note = functools.partial(seen.append, "went on")
    with pytest.raises(KeyboardInterrupt):
        held(press, note, interrupts.let_in, note)
    assert seen == ["went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    interrupts.let_in()


def test_a_press_is_not_lost_at_the_end():
    with pytest.raises(KeyboardInterrupt):
        held(press)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_press_acts_at_once():
    seen = []
    note = functools.partial(seen.append, "went on")
    with pytest.raises(KeyboardInterrupt):
        held(press, note, press, note)
    assert seen == ["went on"]
    held(interrupts.let_in)  # none is left over


def test_an_error_comes_before_a_press():
    with pytest.raises(ZeroDivisionError):
        held(press, lambda: 1 / 0)
    held(interrupts.let_in)


def test_an_inner_call_leaves_it_to_the_outer_one():
    seen = []
    inner = functools.partial(held, press, interrupts.let_in)
    with pytest.raises(KeyboardInterrupt):
        held(functools.partial(held, press), lambda: seen.append("after it"))
    assert seen == ["after it"]
    with pytest.raises(KeyboardInterrupt):
        held(inner, lambda: seen.append("never"))
    assert seen == ["after it"]


def test_a_handler_of_the_programs_own_stays_in_charge():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("own"))
    try:
        with interrupts.held_back():
            press()
            interrupts.let_in()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["own"]


def test_other_threads_hold_nothing_back():
    handlers = []

    def work():
        with interrupts.held_back():
            handlers.append(signal.getsignal(signal.SIGINT))
            interrupts.let_in()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]

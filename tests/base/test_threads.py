"""Several threads of Python: models of their own are left alone, one model is guarded.

What must not happen is that steps are lost without a word.
"""

import concurrent.futures
import copy
import dataclasses
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_trees_identical, raises_text

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, LambdaCallback
from jaxnet_mini.devices.programs import Program
from jaxnet_mini.errors import StateError
from jaxnet_mini.layers import Base, Dense

ROWS, FEATURES = 64, 5
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, FEATURES)).astype(np.float32)
Y = X.sum(1, keepdims=True)
WAIT = 60.0


def made(seed=0):
    model = jn.Sequential([Dense(1, input_shape=(FEATURES,))], seed=seed)
    model.compile("adam", "mse")
    return model


def trained(seed=0, **settings):
    model = made(seed)
    model.fit(X, Y, epochs=3, verbose=0, **settings)
    return model


def in_a_thread(job):
    """Return what a job returns in another thread."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(job).result(WAIT)


def refusal(job):
    """Return what another thread is told; nothing where it may do that."""
    try:
        in_a_thread(job)
    except StateError as error:
        return str(error)
    return None


def test_models_in_threads_of_their_own_end_with_the_bits_that_they_have_alone():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(trained, range(4)))
    for seed, model in enumerate(together):
        assert_trees_identical(model.params, trained(seed).params)


TRAINING = {
    "fit": lambda model: model.fit(X, Y, verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(X, Y),
}
CHANGES = {
    "the weights": lambda model: model.set_weights(model.get_weights()),
    "the state": lambda model: setattr(model.optimizer, "learning_rate", 0.5),
    "how to train": lambda model: model.compile("sgd", "mae"),
    "the layers": lambda model: model.add(Dense(1)),
}


def test_one_model_in_two_threads_loses_no_step():
    told, found = {}, {}

    def meanwhile(epoch, logs):
        for name, job in (TRAINING | CHANGES).items():
            told[name] = refusal(lambda job=job: job(model))
        found["loss"] = in_a_thread(lambda: model.evaluate(X, Y, verbose=0))
        found["outputs"] = in_a_thread(lambda: model.predict(X))
        assert_trees_identical(found["outputs"], model.predict(X))

    model = made()
    model.fit(
        X, Y, epochs=3, verbose=0, callbacks=LambdaCallback(on_epoch_begin=meanwhile)
    )
    for name in TRAINING:
        assert told[name] == (
            f"{name} is called while another call trains the same model, and the steps "
            "of one of them would be lost: wait until that one has returned, or train "
            "a copy, made with jaxnet_mini.models.clone_model."
        )
    for name in CHANGES:
        in_callbacks = name in ("the weights", "the state")
        assert told[name] == (
            f"{name} cannot be changed while another thread trains the model, and the "
            "change might be lost: wait until that has returned"
            f"{', or make it in a callback' if in_callbacks else ''}."
        )
    assert_trees_identical(model.params, trained().params)
    assert int(model.state.step) == 6
    # The advice: afterwards all of it may be done.
    for job in (*TRAINING.values(), *CHANGES.values()):
        in_a_thread(lambda job=job: job(model))


def test_two_threads_that_meet_at_one_model_count_all_steps():
    """Whoever comes second is told so; all steps of the others are there."""
    model, attempts = made(), 40
    start = threading.Barrier(4)

    def work():
        start.wait(WAIT)
        refused = 0
        for _ in range(attempts):
            try:
                model.train_on_batch(X, Y)
            except StateError:
                refused += 1
        return refused

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work) for _ in range(4)]
        refused = [future.result(WAIT) for future in working]
    assert int(model.state.step) == 4 * attempts - sum(refused)


class Meddler(Callback):
    """Trains the model that is being trained, and then a copy of it."""

    def __init__(self, job):
        self.job = job

    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights(self.model.get_weights())
        self.job(copy.deepcopy(self.model))
        self.job(self.model)


@pytest.mark.parametrize("name", TRAINING)
def test_a_callback_trains_copies_alone(name):
    model = made()
    with raises_text(StateError, f"{name} is called while another call trains"):
        model.fit(X, Y, verbose=0, callbacks=Meddler(TRAINING[name]))
    # What went wrong has ended, and the model is free again.
    assert int(model.state.step) == 2
    model.fit(X, Y, verbose=0)
    assert int(model.state.step) == 4


@dataclasses.dataclass(frozen=True)
class Slow(Base):
    """Waits while weights are made in some thread."""

    gate: threading.Event
    slow: frozenset

    def init(self, key, input_shape):
        if threading.current_thread().name in self.slow:
            self.gate.wait(0.5)
        return input_shape, {"factor": jnp.ones(())}

    def forward(self, params, x):
        return x * params["factor"]


def test_weights_that_another_thread_is_making_do_not_replace_trained_ones():
    gate = threading.Event()
    model = jn.Sequential(
        [Slow(gate, frozenset({"looks"}), input_shape=(FEATURES,)), Dense(1)]
    )
    model.compile("sgd", "mse")
    looking = threading.Thread(target=lambda: model.params, name="looks")
    looking.start()
    model.fit(X, Y, verbose=0)
    gate.set()
    looking.join(WAIT)
    assert int(model.state.step) == 2


def test_who_waits_for_a_program_does_not_compile_it_again():
    compiled = []

    def listen(event, duration, **details):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(5):
            x = jnp.full((16, 16), float(number))
            program = Program(lambda a, number=number: jnp.linalg.svd(a + number)[0])
            compiled.clear()
            program.compile_ahead(x)
            start = threading.Barrier(8)

            def call(program=program, x=x, start=start):
                start.wait(WAIT)
                return program(x)

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for future in [pool.submit(call) for _ in range(8)]:
                    future.result(WAIT)
            assert len(compiled) == 1
    finally:
        sys.setswitchinterval(before)
        jax.monitoring.unregister_event_duration_listener(listen)

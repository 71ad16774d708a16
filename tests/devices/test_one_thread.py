"""Training with one thread of a CPU: the same bits, and nobody else notices."""

import collections
import concurrent.futures
import itertools
import os
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cores import several_cores
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, TerminateOnNaN
from jaxnet_mini.devices import pools, programs, threads, trials
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.devices.products import StepProducts
from jaxnet_mini.errors import NonFiniteError
from jaxnet_mini.loops import choose_place, faster

pytestmark = several_cores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 20)).astype(np.float32)
Y = RNG.integers(0, 3, 200)
STEP = StepProducts(32, ((20, 16), (16, 3)))


@pytest.fixture
def choose(monkeypatch):
    """Return what makes all further fits take one thread, or the pool."""

    def chosen(one):
        monkeypatch.setattr(threads, "SECONDS", 0.0)
        monkeypatch.setattr(threads, "_was_faster", {})
        monkeypatch.setattr(threads, "_taken", collections.Counter())
        monkeypatch.setattr(trials, "one_is_faster", lambda thread, pool: one)

    return chosen


def made(loss="sparse_categorical_crossentropy", optimizer="adam"):
    layers = [jn.Dense(16, "relu", input_dim=20), jn.Dropout(0.2), jn.Dense(3)]
    model = jn.Sequential([*layers, jn.layers.Softmax()], seed=3)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def batches():
    for start in range(0, 192, 32):
        yield X[start : start + 32], Y[start : start + 32]


class Batches:
    def __iter__(self):
        return batches()

    def __len__(self):
        return 6


WAYS = {
    "arrays": lambda model: model.fit(X, Y, epochs=3, verbose=0),
    "weights and validation": lambda model: model.fit(
        X, Y, epochs=3, verbose=0, sample_weight=np.arange(200.0), validation_split=0.2
    ),
    "batches": lambda model: model.fit(Batches(), epochs=3, verbose=0),
    "twice": lambda model: [model.fit(X, Y, verbose=0) for _ in range(2)][-1],
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("way", WAYS)
def test_one_thread_ends_with_the_bits_of_the_pool(choose, way):
    ends = []
    for one in (False, True):
        choose(one)
        model = made()
        history = WAYS[way](model)
        assert history.timing["threads"] == (1 if one else pools.number())
        ends.append((model.state, history.history))
    (pool, logs), (one, own_logs) = ends
    assert_trees_identical(pool, one)
    assert logs == own_logs


@pytest.mark.slow
def test_a_callback_sees_weights_that_go_with_other_arrays(choose):
    choose(True)
    where, sums, model = [], [], made()

    class Looks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            kernel = jax.tree.leaves(self.model.params)[-1]
            where.append(pools.own_of(kernel))
            sums.append(float(jnp.sum(kernel * jnp.ones(kernel.shape))))
            self.model.predict(X[:3], verbose=0)
            self.model.evaluate(X, Y, verbose=0)
            self.model.layers[0].set_weights(self.model.layers[0].get_weights())

    model.fit(X, Y, epochs=2, verbose=0, callbacks=Looks())
    assert None not in where
    assert np.isfinite(sums).all()


def test_afterwards_all_lies_where_it_lay_before(choose):
    choose(True)
    model = made()
    model.fit(X, Y, verbose=0)
    for leaf in jax.tree.leaves(model.state):
        assert leaf.devices() == {jax.devices()[0]}
        assert not leaf.committed
    own = jax.device_put(np.float32(2), jax.devices()[0])
    assert (jax.tree.leaves(model.params)[0] * own).devices() == {jax.devices()[0]}


@pytest.mark.slow
@pytest.mark.parametrize("callbacks", [None, TerminateOnNaN()])
def test_where_the_loss_turns_nan_the_weights_come_home_too(choose, callbacks):
    choose(True)
    x, model = X.copy(), made(loss=lambda y, p: jnp.log(p[:, 0] - 0.3))
    try:
        model.fit(x, Y, verbose=0, callbacks=callbacks)
    except NonFiniteError:
        assert callbacks is None
    for leaf in jax.tree.leaves(model.state):
        assert leaf.devices() == {jax.devices()[0]}


@pytest.mark.slow
def test_constants_that_a_user_has_put_somewhere_are_taken(choose):
    factors = jax.device_put(np.float32([1, 2, 3]), jax.devices()[0])

    def loss(y, p):
        return -jnp.sum(jax.nn.one_hot(y, 3) * jnp.log(p) * factors[None], -1)

    losses = []
    for one in (False, True):
        choose(one)
        losses.append(made(loss).fit(X, Y, verbose=0).history["loss"])
    assert losses[0] == losses[1]


def test_a_kept_run_goes_on_in_the_other_way(choose, tmp_path):
    choose(False)
    whole = made()
    whole.fit(X, Y, epochs=4, verbose=0)
    for one, epochs in ((True, 2), (False, 3), (True, 4)):
        choose(one)
        model = made()
        model.fit(X, Y, epochs=epochs, verbose=0, checkpoint=tmp_path)
    assert_trees_identical(model.state, whole.state)


def test_who_says_where_is_asked_nothing(choose, monkeypatch):
    choose(True)
    history = made().fit(X, Y, verbose=0, mesh=jax.make_mesh((1,), ("data",)))
    assert history.timing["threads"] == pools.number()
    with jax.default_device(jax.devices()[0]):
        assert threads.fitting(STEP, 1.0) == (None, None)


def test_a_short_fit_is_not_worth_a_trial_and_goes_by_the_last(choose, monkeypatch):
    choose(True)
    monkeypatch.setattr(threads, "SECONDS", 1.0)
    assert threads.fitting(STEP, 1.0) == (None, None)
    device = pools.of_one_thread()
    threads._was_faster[STEP] = True
    for steps, expected in ((1e9, (None, device)), (1.0, (device, None))):
        devices = threads.fitting(STEP, steps)
        with threads.given_back(*devices):
            assert devices == expected
            assert threads._taken[0] == 1
        assert not threads._taken[0]
    threads._was_faster[STEP] = False
    assert threads.fitting(STEP, 1.0) == (None, None)
    assert pools.own_of(jax.device_put(X, device)) is device
    assert threads.fitting(STEP._replace(rows=513), 1e9) == (None, None)
    # Batches without an end are no reason to try what is never handed out.
    endless = threads.fitting(StepProducts(31, ((16, 16), (8, 8))), 1e18)
    assert endless == (None, None)


def test_a_process_that_is_told_to_takes_one_thread(monkeypatch):
    """joblib tells its processes so, that there are no more threads than cores."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    devices = threads.fitting(STEP, 1.0)
    with threads.given_back(*devices):
        assert devices == (pools.of_one_thread(), None)
    assert made().fit(X, Y, verbose=0).timing["threads"] == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads.fitting(STEP, 1.0) == (None, None)


def differs(step):
    """Tell whether two threads and one compute the gradient of a kernel otherwise."""
    rng = np.random.default_rng(0)
    ((inputs, outputs),) = step.kernels
    arrays = [
        rng.normal(size=(step.rows, size)).astype(np.float32)
        for size in (inputs, outputs)
    ]
    product = jax.jit(lambda x, y: x.T @ y)
    devices = jax.devices()[0], pools.of_one_thread()
    results = [np.asarray(product(*jax.device_put(arrays, d))) for d in devices]
    return not np.array_equal(*results)


def test_a_step_whose_bits_depend_on_threads_takes_the_pool(monkeypatch):
    # XLA cuts these sums by threads; which of them differs with its version.
    steps = [
        StepProducts(1024, ((784, 10),)),
        StepProducts(128, ((784, 10),)),
        StepProducts(1024, ((512, 512),)),
    ]
    step = next(filter(differs, steps))
    monkeypatch.setattr(threads, "MOST_ROWS", 2000)
    assert threads.fitting(step, 1e9) == (None, None)


def test_one_thread_is_taken_unless_all_cores_save_time(monkeypatch):
    for one, pool, expected in ((2.2, 1.0, False), (1.0, 0.97, True), (1.0, 2.2, True)):
        # A run that something else has slowed down is not the time that it takes.
        seconds = iter([one, pool, 9.0, pool, one, 9.0, *[one, pool] * 20])
        monkeypatch.setattr(
            trials, "_seconds", lambda run, seconds=seconds: next(seconds)
        )
        assert trials.one_is_faster(lambda: 0, lambda: 0) == expected


def test_both_ways_are_run_before_they_are_timed(monkeypatch):
    ran = []
    monkeypatch.setattr(trials, "_seconds", lambda run: ran.append("timed") or 1.0)
    trials.one_is_faster(lambda: ran.append("one"), lambda: ran.append("pool"))
    assert ran == ["one", "pool"] + ["timed"] * 2 * trials.TURNS


def test_training_goes_on_where_it_is_faster_by_now(choose, monkeypatch):
    """Each second epoch on one thread, with the bits of an untroubled pool."""
    choose(False)
    whole = made()
    logs = whole.fit(X, Y, epochs=6, verbose=0, validation_split=0.2).history
    found, where = itertools.cycle([True, False]), []
    monkeypatch.setattr(faster, "AGAIN", 0.0)
    monkeypatch.setattr(trials, "one_is_faster", lambda one, pool: next(found))
    model = made()

    def look(epoch, logs):
        where.append(pools.own_of(jax.tree.leaves(model.params)[0]))

    look = jn.callbacks.LambdaCallback(on_epoch_end=look)
    history = model.fit(X, Y, epochs=6, verbose=0, validation_split=0.2, callbacks=look)
    assert where == [pools.of_one_thread(), None] * 3
    assert history.timing["threads"] == pools.number()
    assert history.history == logs
    assert_trees_identical(model.state, whole.state)


def test_trials_change_nothing_and_take_the_examples(choose, monkeypatch):
    choose(False)
    ends, taken = [], []

    def tried(one, pool):
        for run in (one, pool, one):
            taken.append(run())
        return True

    for trial in (None, tried):
        if trial:
            monkeypatch.setattr(trials, "one_is_faster", trial)
        model = made()
        model.fit(X, Y, epochs=2, verbose=0)
        ends.append(model.state)
    assert_trees_identical(*ends)
    assert [pools.number_of(pools.own_of(t.state.step)) for t in taken] == [
        1,
        pools.number(),
        1,
    ]
    assert_trees_identical(taken[0].state, taken[1].state)
    assert int(taken[0].state.step) == 8  # as many as an order has


@pytest.mark.parametrize("way", ["arrays", "batches"])
def test_what_trials_take_lies_where_it_is_computed(choose, monkeypatch, way):
    """Of a stream they were timed with a copy of a chunk in each run."""
    choose(False)
    trying, places, loop = [], [], programs.loop

    def tried(one, pool):
        trying.append(True)
        one(), pool()
        trying.clear()
        return False

    def ran(trainer, state, *rest):
        if trying:
            examples, order, *_ = rest
            leaves = jax.tree.leaves((state, examples, order))
            places.append({leaf.device for leaf in leaves})
        return loop(trainer, state, *rest)

    ran.has_effects, ran.compile_ahead = loop.has_effects, loop.compile_ahead
    monkeypatch.setattr(trials, "one_is_faster", tried)
    monkeypatch.setattr(programs, "loop", ran)
    WAYS[way](made())
    assert places == [{pools.of_one_thread()}, {jax.devices()[0]}]


def test_what_tells_python_something_is_tried_nowhere(choose, monkeypatch):
    """A loss that prints would print for trials, too."""
    choose(True)
    told = []

    def loss(y, p):
        jax.debug.callback(lambda: told.append("step"))
        return -jnp.sum(jax.nn.one_hot(y, 3) * jnp.log(p), -1)

    history = made(loss).fit(X, Y, epochs=2, verbose=0)
    jax.effects_barrier()
    assert history.timing["threads"] == pools.number()
    assert len(told) == 14


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_one_thread_is_one(monkeypatch):
    monkeypatch.setenv("NPROC", "61")
    monkeypatch.setattr(pools, "_of_one", [])
    before = pool_size()
    if not before:
        pytest.skip("this version of JAX gives its threads no names")
    device = pools.of_one_thread()
    assert pool_size() - before == 1
    assert os.environ["NPROC"] == "61"
    assert pools.own_of(jax.device_put(X, device)) is device
    assert pools.own_of(jax.device_put(X)) is None


def pool_size():
    tasks = Path("/proc/self/task").iterdir()
    return sum((t / "comm").read_text().startswith("tf_XLAEigen") for t in tasks)


def test_devices_share_a_step_where_that_pays(monkeypatch):
    mesh = jax.make_mesh((1,), ("data",))
    small, large = StepProducts(32, ((784, 128),)), StepProducts(8192, ((784, 128),))
    for step in (small, large):
        assert choose_place.for_steps(Placement(mesh), step, 1.0) == Placement()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert choose_place.for_steps(Placement(mesh), small, 1.0) == Placement()
    unknown = StepProducts(32, ())
    for step in (large, unknown):
        assert choose_place.for_steps(Placement(mesh), step, 1.0) == Placement(mesh)


def test_fits_at_the_same_time_have_threads_of_their_own(choose):
    choose(True)
    meet = threading.Barrier(2, timeout=60)

    def trained(seed):
        met, model = [], made()

        def look(epoch, logs):
            if not met:
                meet.wait()  # both are within
            met.append(pools.own_of(jax.tree.leaves(model.params)[0]))

        look = jn.callbacks.LambdaCallback(on_epoch_end=look)
        model.fit(X, Y, epochs=2, verbose=0, callbacks=look)
        return model, met

    alone = made()
    alone.fit(X, Y, epochs=2, verbose=0)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(trained, range(2)))
    devices = {device for _, met in both for device in met}
    assert devices == {pools.of_one_thread(0), pools.of_one_thread(1)}
    for model, _ in both:
        assert_trees_identical(model.params, alone.params)
    # Afterwards the first is free again.
    assert threads.fitting(STEP, 1.0).rival is pools.of_one_thread(0)


def test_fits_that_begin_together_share_the_cores_out(choose):
    """Even where one alone is faster on all of them."""
    choose(False)
    meet = threading.Barrier(2, timeout=60)

    class Meeting(Callback):
        def __init__(self):
            self.met = False

        def __getattribute__(self, name):
            # What looks at callbacks first, before a place is chosen, waits here.
            if not object.__getattribute__(self, "__dict__").get("met", True):
                self.met = True
                meet.wait()
            return object.__getattribute__(self, name)

    def trained(_):
        model = made()
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[Meeting()])
        return model

    alone = made()
    history = alone.fit(X, Y, epochs=2, verbose=0)
    assert history.timing["threads"] == pools.number()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(trained, range(2)))
    for model in both:
        assert model.history.timing["threads"] == 1
        assert_trees_identical(model.params, alone.params)


def test_a_fit_in_a_thread_of_its_own_lets_others_begin(choose, monkeypatch):
    choose(False)
    waited = []
    monkeypatch.setattr(threads.time, "sleep", waited.append)
    threads.fitting(STEP, 1.0)
    assert waited == []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(threads.fitting, STEP, 1.0).result()
    assert waited == [threads.MOMENT]


def test_numbers_in_lists_are_not_looked_through(choose):
    choose(True)
    history = made().fit(X.tolist(), Y.tolist(), verbose=0)
    assert history.timing["threads"] == pools.number()


def test_without_a_choice_nothing_is_moved():
    place = choose_place.for_steps(Placement(), STEP, 1.0)
    assert place == Placement()
    assert place.put(place.everywhere(np.ones(3))).devices() == {jax.devices()[0]}


def test_a_thread_that_is_being_made_is_not_taken_for_all_there_are(monkeypatch):
    """XLA is told its number by an environment variable, which others read too."""
    making, read = threading.Event(), []
    usual = pools.xla_client.make_cpu_client

    def slowly(**options):
        making.set()
        asking.join(0.2)  # which waits for the variable to be as it was
        return usual(**options)

    monkeypatch.setattr(pools.xla_client, "make_cpu_client", slowly)
    expected = pools.number()
    asking = threading.Thread(
        target=lambda: (making.wait(), read.append(pools.number())), daemon=True
    )
    asking.start()
    pools._new(1)
    asking.join()
    assert read == [expected]
    assert expected > 1

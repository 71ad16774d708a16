"""Large arrays stay where they lie, once, and nobody but their owner changes them."""

import gc
import threading
import time
import weakref

import jax
import numpy as np
import pytest
from oracles import where_jax_may_share

import jaxnet_mini as jn
from jaxnet_mini.core.training.state import Data
from jaxnet_mini.data import in_place, stacks
from jaxnet_mini.devices import memory, pools, programs
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.errors import DataError
from jaxnet_mini.loops import feed, forward, predict
from jaxnet_mini.models import few_rows

ROWS, FEATURES = 96, 12

pytestmark = [
    pytest.mark.usefixtures("quick_compilation"),
    pytest.mark.skipif(
        jax.default_backend() != "cpu", reason="other devices have memory of their own"
    ),
]


@pytest.fixture
def all_large(monkeypatch):
    monkeypatch.setattr(in_place, "LEAST_BYTES", 1)


def at(start, dtype=np.float32, rows=ROWS):
    """Random rows that begin so many bytes behind a multiple of 64."""
    drawn = np.random.default_rng(0).integers(0, 9, (rows, FEATURES))
    return where_jax_may_share(drawn.astype(dtype), behind=start)


Y = np.random.default_rng(1).integers(0, 3, ROWS)


def model(**options):
    jn.utils.set_random_seed(3)
    model = jn.Sequential([jn.Rescaling(0.2), jn.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", **options)
    return model


def trained(x, y=Y, **options):
    one = model()
    history = one.fit(x, y, batch_size=8, epochs=2, verbose=0, **options)
    return [*one.get_weights(), np.array(history.history["loss"])]


@pytest.mark.parametrize("start", [0, 16, 20, 60])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
def test_rows_are_read_from_the_memory_in_which_they_lie(start, dtype):
    x = at(start, dtype)
    rows = in_place.flat_rows(x)
    placed = jax.device_put(rows)
    begin = x.ctypes.data - start
    assert placed.flat.unsafe_buffer_pointer() == begin
    assert placed.flat.nbytes == start + x.nbytes
    wanted = np.array([3, 0, ROWS - 1, 3])
    np.testing.assert_array_equal(jax.jit(lambda r: r.take(wanted))(placed), x[wanted])
    # Members of a sweep share it, and it lives for as long as one of them looks there.
    data = Data(rows, None, None, np.int32(ROWS))
    other = Placement(device=pools.of_one_thread())
    shared = feed.Resident(data, Placement()).at(other)
    assert shared._device.x.flat.devices() == {other.device}
    assert shared._device.x.flat.unsafe_buffer_pointer() == begin
    lying = weakref.ref(x.base)
    del x, rows, data, placed
    gc.collect()
    assert lying() is not None
    del shared
    gc.collect()
    assert lying() is None


def test_only_large_arrays_that_are_as_the_device_has_them_stay_there():
    assert in_place.fits(np.empty((1 << 16, 256), np.float32))
    assert in_place.fits(np.empty((1 << 16, 1024), np.uint8))
    assert not in_place.fits(np.empty(((1 << 16) - 1, 256), np.float32))
    large = np.empty((1 << 16, 256), np.float64)
    for other in (large, large.view(np.float32)[:, ::2], large.view(">f4")):
        assert not in_place.fits(other)
    odd = np.empty((1 << 26) + 65, np.uint8)[1:-64].view(np.float32)
    assert odd.nbytes == 1 << 26
    assert not in_place.fits(odd)
    assert not in_place.fits(np.broadcast_to(np.float32(0), (1 << 16, 256)))


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "x", [at(16), at(60, np.uint8), jax.numpy.asarray(at(0))], ids=["", "uint8", "jax"]
)
def test_the_bits_are_those_of_a_copy(monkeypatch, x):
    trims = []
    monkeypatch.setattr(memory, "give_back", lambda: trims.append(1))
    copied = trained(x)
    assert not trims  # it takes longer than a small fit
    monkeypatch.setattr(in_place, "LEAST_BYTES", 1)
    for own, other in zip(copied, trained(x), strict=True):
        np.testing.assert_array_equal(own, other)
    assert trims


@pytest.mark.parametrize(("least", "units"), [(1, 5), (1 << 40, 6)])
def test_beside_large_arrays_one_program_is_compiled_at_a_time(
    monkeypatch, least, units
):
    """Each takes 30 to 70 MB; the compiler's memory is given back between them."""
    monkeypatch.setattr(in_place, "LEAST_BYTES", least)
    begun, ended, trims, later = [], [], [], []
    compiled, called = jax.stages.Lowered.compile, programs.Program.__call__

    def compile_slowly(self, *arguments, **options):
        if threading.current_thread() is threading.main_thread():
            return compiled(self, *arguments, **options)  # what is known by then
        begun.append((len(ended), len(trims)))
        time.sleep(0.3)
        try:
            return compiled(self, *arguments, **options)
        finally:
            ended.append(None)

    def call(self, *arguments):
        if self is programs.evaluate:
            later.append((len(ended), len(trims)))
        return called(self, *arguments)

    def make(self):
        later.append("made")

    monkeypatch.setattr(jax.stages.Lowered, "compile", compile_slowly)
    monkeypatch.setattr(programs.Program, "__call__", call)
    monkeypatch.setattr(memory, "give_back", lambda: trims.append(None))
    # Normal numbers are made by a compiled program, others by NumPy at once.
    normal = jn.Dense(units, kernel_initializer="he_normal")
    one = jn.Sequential([normal, jn.Dense(3, activation="softmax")])
    one.compile("adam", "sparse_categorical_crossentropy")
    with monkeypatch.context() as patch:
        patch.setattr(stacks.PlacedStacks, "make", make)
        one.fit(at(16), Y, verbose=0, validation_split=0.25)
    if least == 1:
        # The weights, then the loop, then the evaluation, then the stacks.
        assert begun == [(0, 1), (1, 2)]
        assert later[:3] == [(2, 3), "made", (2, 4)]
        assert len(trims) == 4
    else:
        assert begun == [(0, 0)] * 3
        assert later[0] == "made"  # before anything is compiled
        assert not trims


class Looking(jn.callbacks.Callback):
    """Notes where arrays lie that are as large as the examples."""

    def __init__(self, least):
        self.least, self.places = least, []

    def on_epoch_end(self, epoch, logs=None):
        arrays = [a for a in jax.live_arrays() if a.nbytes >= self.least]
        self.places = [(a.unsafe_buffer_pointer(), a.nbytes) for a in arrays]


@pytest.mark.usefixtures("all_large")
def test_no_array_of_their_size_is_made():
    x = at(16, rows=5000)
    y = x[:, :3].copy()
    looking = Looking(y.nbytes // 2)
    one = jn.Sequential([jn.Dense(3)])
    one.compile("sgd", "mse")
    one.fit(x, y, 1000, verbose=0, callbacks=[looking])
    where = [(a.ctypes.data % 64, a) for a in (x, y)]
    assert sorted(looking.places) == sorted(
        (a.ctypes.data - before, a.nbytes + before) for before, a in where
    )
    # Smaller ones are there twice, which shows that this looks at the right thing.
    in_place.LEAST_BYTES = 1 << 40
    one.fit(x, y, 1000, verbose=0, callbacks=[looking])
    own = range(x.ctypes.data, x.ctypes.data + x.nbytes)
    assert len(looking.places) == 2
    assert not any(place in own for place, _ in looking.places)


@pytest.mark.usefixtures("all_large")
def test_nothing_is_written_there_and_afterwards_nobody_looks_there():
    x, others = at(16), at(16).copy()
    x.flags.writeable = False
    one = model(metrics=["accuracy"])
    one.fit(x, Y, verbose=0, validation_data=(x, Y), epochs=2)
    np.testing.assert_array_equal(x, others)
    before = one.get_weights(), one.evaluate(others, Y, verbose=0)
    x.flags.writeable = True
    x[...] = 77
    np.testing.assert_array_equal(one.evaluate(others, Y, verbose=0), before[1])
    for own, other in zip(one.get_weights(), before[0], strict=True):
        np.testing.assert_array_equal(own, other)
    lying = weakref.ref(x.base)
    del x
    gc.collect()
    assert lying() is None


@pytest.mark.usefixtures("all_large")
def test_they_are_checked_first():
    x = at(16)
    x[90, 4] = np.nan
    one = model()
    with pytest.raises(DataError, match=r"^x holds nan at row 90, position 4: remove"):
        one.fit(x, Y, verbose=0)
    assert not one.built


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_held_out_is_checked_first_as_well(dtype):
    x = at(16, dtype)
    x[90, 4] = np.inf
    one = model()
    with pytest.raises(DataError, match=r"^x holds inf at row 90, position 4: remove"):
        one.fit(x, Y, verbose=0, validation_split=0.25)
    bad = np.ones(ROWS)
    bad[7] = np.nan
    held_out = at(16), Y, bad
    with pytest.raises(
        DataError, match=r"^validation sample_weight holds nan at row 7"
    ):
        one.fit(at(16), Y, verbose=0, validation_data=held_out)
    assert not one.built


class Overwriting(jn.callbacks.Callback):
    """Overwrites arrays as soon as the training begins."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def on_train_begin(self, logs=None):
        for array in self.arrays:
            array[...] = 0


@pytest.mark.usefixtures("all_large")
def test_what_is_held_out_is_what_it_was_when_fit_was_called(monkeypatch):
    monkeypatch.setattr(stacks, "STACK_STEPS", 1)

    def histories(*hooks):
        x, y, held_out = at(16), Y.copy(), (at(0)[:40], Y[:40].copy())
        split = [hook(x[72:], y[72:]) for hook in hooks]
        data = [hook(*held_out) for hook in hooks]
        options = {"verbose": 0, "epochs": 2, "validation_batch_size": 8}
        return [
            model().fit(x, y, **options, callbacks=own, **more).history
            for own, more in (
                (data, {"validation_data": held_out}),
                (split, {"validation_split": 0.25}),
            )
        ]

    assert histories(Overwriting) == histories()


def test_what_compiling_took_is_given_back_before_rows_are_copied(monkeypatch):
    """Once for each program, beside stacks of some size; they follow one another."""
    seen, fill = [], stacks.fill
    monkeypatch.setattr(memory, "give_back", lambda: seen.append("room"))
    monkeypatch.setattr(stacks, "fill", lambda *a: seen.append("stack") or fill(*a))
    monkeypatch.setattr(stacks, "STACK_STEPS", 1)
    one = jn.Sequential([jn.Input((FEATURES,)), jn.Dense(7), jn.Dense(2)])
    one.compile("sgd", "mse")
    x = at(0, rows=2 * few_rows.MOST_ROWS)

    def evaluate():
        one.evaluate(x, x[:, :2], verbose=0)

    def predict():
        one.predict(x, verbose=0)

    evaluate()
    predict()
    assert "room" not in seen
    monkeypatch.setattr(forward, "LEAST_BYTES", 1)
    for job, arrays in ((evaluate, 2), (predict, 1)):
        seen.clear()
        job()
        assert seen.index("room") == arrays  # after the first of eight stacks
        assert len(seen) == 1 + 8 * arrays
        job()
        assert seen.count("room") == 1


@pytest.mark.parametrize("rows", [5, 300, 5000])
def test_what_is_predicted_is_the_users_own_and_there_once(rows, monkeypatch):
    """Rows that fit into one stack were JAX's memory, which is read-only."""
    left = []
    one = jn.Sequential([jn.Input((FEATURES,)), jn.Dense(3), jn.Dense(FEATURES)])
    x = at(0, rows=rows)
    plain = one.predict_on_batch(x)
    rows_of = predict._rows
    monkeypatch.setattr(
        predict, "_rows", lambda *piece: left.append(wide()) or rows_of(*piece)
    )

    def wide():
        return sum(a.shape[2:] == (FEATURES,) for a in jax.live_arrays())

    found = one.predict(x, verbose=0)
    np.testing.assert_allclose(found, plain, rtol=1e-5)
    assert found.flags.owndata
    assert found.flags.writeable
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == len(left)

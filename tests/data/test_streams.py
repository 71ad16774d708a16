"""Examples that come in chunks: memory-mapped files, generators, data loaders."""

import itertools
import re
import threading
import time

import jax
import numpy as np
import oracles
import pytest
from oracles import assert_trees_close, assert_trees_identical, raises_text

import jaxnet_mini as jn
from jaxnet_mini.core.training.state import NO_ROW
from jaxnet_mini.data import epoch_order
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.errors import DataError
from jaxnet_mini.loops import choose_feed
from jaxnet_mini.loops import stream as streams

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS, FEATURES, CLASSES = 500, 6, 3
GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((ROWS, FEATURES), np.float32)
Y = (X[:, 0] * CLASSES).astype(np.int32)
WEIGHT = GENERATOR.random(ROWS).astype(np.float32)


def model(seed=0):
    one = jn.Sequential([jn.Dense(8, "relu"), jn.Dense(CLASSES, "softmax")], seed=seed)
    one.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return one


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of four batches of 8, each mixed from blocks of two rows."""
    monkeypatch.setattr(streams, "CHUNK_BYTES", 4 * 8 * FEATURES * 4)
    monkeypatch.setattr(choose_feed, "CHUNK_BYTES", 4 * 8 * FEATURES * 4)


def mapped(tmp_path, array=X):
    np.save(tmp_path / "x.npy", array)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def plan(rows=ROWS, batch_size=8, **changes):
    settings = {"epochs": 2, "initial_epoch": 0, "steps_per_epoch": None}
    settings |= {"shuffle": True, "seed": (3,)}
    return Plan(rows, batch_size, **settings | changes)


def rows_of(pieces):
    """The rows that pieces train on, in order; each row of x holds its own number."""
    for piece in pieces:
        x, order = np.asarray(piece.examples.x), np.asarray(piece.order)
        for places in order.reshape(len(order), -1)[piece.first : piece.last]:
            yield [int(x[place, 0]) for place in places if place != NO_ROW]


def numbered(rows, batch_size=8):
    """A stream of rows that hold their numbers."""
    x = np.repeat(np.arange(rows, dtype=np.float32)[:, None], FEATURES, axis=1)
    examples = Examples(x, np.arange(rows, dtype=np.int32), None)
    return streams.StreamedArrays(examples, batch_size, Placement())


# The order


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("rows", [1, 7, 31, 32, 33, 100, 255, 256, 500])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_comes_exactly_once_an_epoch(rows, shuffle):
    stream, own = numbered(rows), plan(rows, shuffle=shuffle)
    orders = []
    for epoch in range(3):
        batches = list(rows_of(stream.pieces(own, epoch)))
        assert len(batches) == own.steps
        assert [len(batch) for batch in batches[:-1]] == [8] * (own.steps - 1)
        orders.append(list(itertools.chain(*batches)))
        assert sorted(orders[-1]) == list(range(rows))
        if not shuffle:
            assert orders[-1] == list(range(rows))
    if shuffle and rows > 7:
        assert orders[0] != orders[1] != orders[2]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("done", [0, 1, 3, 4, 5, 37, 62])
def test_an_epoch_goes_on_anywhere(done):
    stream, own = numbered(ROWS), plan()
    for epoch in range(2):
        whole = list(rows_of(stream.pieces(own, epoch)))
        assert list(rows_of(stream.pieces(own, epoch, done))) == whole[done:]


@pytest.mark.usefixtures("small_chunks")
def test_the_order_is_given_by_the_seed_and_the_epoch():
    def order(seed, epoch):
        return list(rows_of(numbered(ROWS).pieces(plan(seed=seed), epoch)))

    assert order((3,), 1) == order((3,), 1)
    orders = [order((seed,), epoch) for seed in range(2) for epoch in range(2)]
    orders.append(order((0, 1), 0))
    assert all(a != b for a, b in itertools.combinations(orders, 2))


@pytest.mark.usefixtures("small_chunks")
def test_rows_are_mixed_across_the_file():
    """Neighbours in the file are far apart, and each place sees all of it."""
    stream, own = numbered(ROWS), plan()
    places = np.empty((40, ROWS))
    for epoch in range(40):
        order = list(itertools.chain(*rows_of(stream.pieces(own, epoch))))
        places[epoch, order] = np.arange(ROWS)
    # Of an even distribution over 500 places: mean 249.5, deviation 144.3.
    np.testing.assert_allclose(places.mean(0), 249.5, atol=6 * 144.3 / 40**0.5)
    np.testing.assert_allclose(places.std(), 144.3, rtol=0.02)


@pytest.mark.usefixtures("small_chunks")
def test_steps_per_epoch_go_on_where_the_epoch_before_ended():
    stream, own = numbered(100), plan(100, steps_per_epoch=5)
    batches = [b for epoch in range(3) for b in rows_of(stream.pieces(own, epoch))]
    assert sorted(itertools.chain(*batches[:13])) == list(range(100))
    assert len(batches) == 15


# Training


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("weighted", [False, True])
def test_a_streamed_fit_is_the_steps_of_numpy(tmp_path, weighted):
    """In the order that the stream says."""
    one = model()
    one.build((None, FEATURES))
    start = one.params
    weight = WEIGHT if weighted else None
    history = one.fit(
        mapped(tmp_path), Y, 8, epochs=2, verbose=0, seed=3, sample_weight=weight
    )
    batches = [
        (X[rows].astype(np.float64), Y[rows])
        + ((WEIGHT[rows].astype(np.float64),) if weighted else ())
        for epoch in range(2)
        for rows in rows_of(numbered(ROWS).pieces(plan(), epoch))
    ]
    expected, losses = oracles.train(start, oracles.adam(0.001), batches)
    assert_trees_close(one.params, expected, 1e-5)
    sizes = [len(batch[0]) for batch in batches]
    half = len(batches) // 2
    means = [
        np.average(losses[part], weights=sizes[part])
        for part in (slice(half), slice(half, None))
    ]
    np.testing.assert_allclose(history.history["loss"], means, rtol=1e-5)


@pytest.mark.usefixtures("small_chunks")
def test_unshuffled_a_stream_gives_the_bits_of_resident_arrays(tmp_path):
    fitted = []
    for x in (X, mapped(tmp_path)):
        one = model()
        one.fit(x, Y, 8, epochs=2, verbose=0, shuffle=False, validation_split=0.2)
        fitted.append(one)
    assert_trees_identical(fitted[0].state, fitted[1].state)
    assert fitted[0].history.history == fitted[1].history.history


@pytest.mark.usefixtures("small_chunks")
def test_a_stream_is_two_programs_however_many_chunks(tmp_path):
    from jaxnet_mini.devices import programs

    one = model()
    one.fit(mapped(tmp_path), Y, 8, epochs=1, verbose=0)
    before = programs.loop.jitted._cache_size()
    one.fit(mapped(tmp_path), Y, 8, epochs=3, verbose=0)
    one.fit(mapped(tmp_path, X[:300]), Y[:300], 8, epochs=1, verbose=0)
    assert programs.loop.jitted._cache_size() == before


@pytest.mark.usefixtures("small_chunks")
def test_a_nan_in_a_file_is_named_by_its_row(tmp_path):
    x = X.copy()
    x[471, 2] = np.nan
    one = model()
    with raises_text(DataError, "x holds nan at row 471, position 2"):
        one.fit(mapped(tmp_path, x), Y, 8, verbose=0)
    assert int(one.state.step) < 63  # what came before was learned
    assert all(np.isfinite(w).all() for w in one.get_weights())


def batches_of(size=50, weighted=False):
    for first in range(0, ROWS, size):
        part = slice(first, first + size)
        yield (X[part], Y[part], WEIGHT[part]) if weighted else (X[part], Y[part])


class Loader:
    """Batches as a data loader gives them: it has a length and begins again."""

    def __init__(self, size=50):
        self.size = size
        self.begun = 0

    def __len__(self):
        return -(-ROWS // self.size)

    def __iter__(self):
        self.begun += 1
        return batches_of(self.size)


def resident(epochs, size=50, **options):
    one = model()
    one.fit(X, Y, size, epochs=epochs, verbose=0, shuffle=False, **options)
    return one


@pytest.mark.parametrize("size", [50, 64])
def test_a_loader_gives_the_bits_of_the_arrays_in_its_order(size):
    one, loader = model(), Loader(size)
    one.fit(loader, epochs=3, verbose=0)
    assert_trees_identical(one.state, resident(3, size).state)
    assert loader.begun == 3


def test_generators_give_weights_and_any_length():
    one, other = model(), model()
    one.fit(batches_of(weighted=True), steps_per_epoch=10, verbose=0)
    other.fit(X, Y, 50, verbose=0, shuffle=False, sample_weight=WEIGHT)
    assert_trees_identical(one.state, other.state)
    endless = (batch for _ in itertools.count() for batch in batches_of())
    one = model()
    history = one.fit(endless, steps_per_epoch=4, epochs=5, verbose=0)
    assert_trees_identical(one.state, resident(2).state)
    assert history.params["steps"] == 4


def test_a_loader_with_steps_goes_on_and_begins_again():
    one, loader = model(), Loader()
    one.fit(loader, steps_per_epoch=4, epochs=5, verbose=0)
    assert_trees_identical(one.state, resident(2).state)
    assert loader.begun == 2


def test_a_generator_that_gives_out_says_so_and_nothing_is_lost():
    one = model()
    message = (
        "x gave out after 10 batches, and an epoch has 6: let it give as many as "
        "steps_per_epoch times epochs, or ask for fewer."
    )
    with raises_text(DataError, message):
        one.fit(batches_of(), steps_per_epoch=6, epochs=2, verbose=0)
    steps = int(one.state.step)
    assert 6 <= steps <= 10
    part = jn.models.clone_model(one)
    part.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    part.fit(batches_of(), steps_per_epoch=steps, verbose=0)
    assert_trees_identical(one.params, part.params)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            (X[:8].astype(np.uint8), Y[:8]),
            "batch 2 of x has dtype uint8 for x, and the first had dtype float32",
        ),
        (
            (X[:8], Y[:8], WEIGHT[:8]),
            "batch 2 of x has dtype float64 for sample_weight, and the first had none",
        ),
        ((X[:8, :2], Y[:8]), "layer 'dense' takes inputs of shape (6,)"),
        ((X[:8], Y[:8] + 3), "y holds the class"),
    ],
)
def test_batches_that_differ_from_the_first_are_refused(second, message):
    given = [(X[:8], Y[:8]), second]
    with pytest.raises(ValueError, match=r"\w") as caught:
        model().fit(iter(given), steps_per_epoch=2, verbose=0)
    assert message in str(caught.value)


def test_waiting_for_data_is_named(capsys):
    def slow():
        for batch in batches_of():
            time.sleep(0.05)
            yield batch

    history = model().fit(slow(), steps_per_epoch=10, verbose=2)
    (waited,), (seconds,) = (
        history.timing[f"{name}_seconds"] for name in ("waiting", "epoch")
    )
    assert 0.3 < waited < seconds
    assert re.search(r" \d+% of the time waiting for data", capsys.readouterr().out)


def test_who_stops_waits_for_one_batch_and_not_for_a_chunk():
    """A first chunk of 256 batches comes at once; those of the second are slow."""
    drawn = []

    def batches():
        while True:
            drawn.append(len(drawn))
            if len(drawn) > streams.CHUNK_STEPS + 1:
                time.sleep(0.02)
            yield X[:2], Y[:2]

    def stop(batch, logs):
        while len(drawn) < streams.CHUNK_STEPS + 3:  # the second has begun
            time.sleep(0.01)
        raise KeyboardInterrupt

    stopping = jn.callbacks.LambdaCallback(on_train_batch_end=stop)
    with pytest.raises(KeyboardInterrupt):
        model().fit(batches(), steps_per_epoch=1000, verbose=0, callbacks=stopping)
    assert len(drawn) < 1.5 * streams.CHUNK_STEPS


def test_no_thread_is_left(tmp_path):
    before = threading.active_count()

    class Stop(jn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError("stop")

    with pytest.raises(KeyError):
        model().fit(Loader(8), verbose=0, callbacks=[Stop()])
    model().fit(Loader(8), verbose=0)
    assert threading.active_count() == before


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("kind", ["a file", "a loader", "a generator"])
def test_a_stream_that_is_killed_ends_with_the_same_bits(tmp_path, kind):
    def fit(one, folder, callbacks=(), epochs=3):
        x, y = mapped(tmp_path), Y
        options = {"batch_size": 8}
        if kind == "a loader":
            x, y, options = Loader(8), None, {}
        elif kind == "a generator":
            x = (batch for _ in range(3) for batch in batches_of(8))
            y, options = None, {"steps_per_epoch": 63}
        backup = jn.callbacks.BackupAndRestore(
            folder, save_freq=10, delete_checkpoint=False
        )
        callbacks = [backup, *callbacks]
        one.fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks, **options)
        return one

    class Stop(jn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.state.step) == 90:
                raise KeyError("stop")

    whole = fit(model(), tmp_path / "whole")
    with pytest.raises(KeyError):
        fit(model(), tmp_path / "cut", [Stop()])
    resumed = fit(model(), tmp_path / "cut")
    assert_trees_identical(resumed.state, whole.state)
    assert resumed.history.history == whole.history.history


def test_a_grain_data_set_gives_batches():
    import grain

    source = grain.MapDataset.range(ROWS).map(lambda n: (X[n], Y[n])).batch(50)
    one = model()
    one.fit(source.to_iter_dataset(), steps_per_epoch=10, epochs=2, verbose=0)
    assert_trees_identical(one.state, resident(2).state)


def test_the_chunks_of_large_rows_hold_one_batch():
    x = np.broadcast_to(np.float32(0), (1000, 4_000_000))
    assert streams.steps_of_chunk(x, 32, 32) == 1
    assert streams.steps_of_chunk(X, 32, 10**6) == streams.CHUNK_STEPS
    assert streams.steps_of_chunk(X, 32, 3) == epoch_order.rounded_steps(3)
    nbytes = streams.StreamedArrays(
        Examples(x[:40], Y[:40], None), 32, Placement()
    ).nbytes
    assert nbytes == 3 * (32 * (4_000_000 * 4 + 4) + 4)


def test_a_stream_leaves_the_device_as_it_was(tmp_path):
    one = model()
    one.fit(Loader(), verbose=0)
    before = len(jax.live_arrays())
    one.fit(Loader(), verbose=0)
    assert len(jax.live_arrays()) == before

"""Whatever gives batches: generators, iterators, data loaders, sequences."""

import traceback

import numpy as np
import pytest
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.callbacks import BackupAndRestore, Callback

SIZE = 4
GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((100 * SIZE, 3), np.float32)
Y = X @ np.float32([[1], [2], [-1]])


def model(**settings):
    """A linear one that learns."""
    one = jn.Sequential([jn.Dense(1)])
    one.compile(**{"optimizer": "sgd", "loss": "mse"} | settings)
    return one


def identity(learning_rate=0.0):
    """A model that returns its one input, of which the loss is the mean."""
    one = jn.Sequential([jn.Dense(1, kernel_initializer="ones", input_dim=1)])
    one.compile(jn.optimizers.SGD(learning_rate), "mean_absolute_error")
    return one


def batches(count=100, x=X, y=Y):
    for first in range(0, count * SIZE, SIZE):
        yield x[first : first + SIZE], y[first : first + SIZE]


# What is trained on is what came


class Refilled:
    """Eight batches of the value ``i``, all in the memory of one."""

    def __init__(self, weighted=False):
        self.x = np.zeros((SIZE, 1), np.float32)
        self.y = np.zeros((SIZE, 1), np.float32)
        self.weight = np.zeros(SIZE, np.float32)
        self.weighted = weighted

    def __len__(self):
        return 8

    def __iter__(self):
        for i in range(8):
            self.x[:], self.y[:], self.weight[:] = 3 * i, 2 * i, i
            yield (self.x, self.y, self.weight)[: 2 + self.weighted]
        self.x[:], self.y[:], self.weight[:] = 77, 99, 88


class Overwrite(Callback):
    """The user's own work with the memory of the first batch."""

    def __init__(self, arrays):
        self.arrays = arrays

    def on_train_begin(self, logs=None):
        for array in self.arrays:
            array[:] = 55


def test_one_buffer_refilled_gives_the_mean_of_all_batches():
    """Which is that of ``i`` and of its square from 0 to 7."""
    for weighted, mean in ((False, 3.5), (True, 17.5)):
        given = Refilled(weighted)
        hook = Overwrite([given.x, given.y])
        history = identity().fit(given, epochs=2, verbose=0, callbacks=hook)
        np.testing.assert_allclose(history.history["loss"], mean, rtol=1e-6)
        history = identity().fit(iter(given), steps_per_epoch=8, verbose=0)
        np.testing.assert_allclose(history.history["loss"], mean, rtol=1e-6)


# What came before an error is trained on


class OwnError(Exception):
    """What a user's generator raises."""


def breaking(at=70):
    yield from batches(at)
    raise OwnError("the disk is full")


def fitted(steps, **options):
    one = model()
    one.fit(batches(), steps_per_epoch=steps, verbose=0, **options)
    return one


def test_what_came_before_an_error_is_trained_on():
    one = model()
    with pytest.raises(OwnError, match=r"^the disk is full$") as caught:
        one.fit(breaking(), steps_per_epoch=100, verbose=0)
    assert caught.type is OwnError
    assert "breaking" in [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert int(one.state.step) == 70
    assert_trees_identical(one.state, fitted(70).state)


def test_batches_before_a_bad_one_are_trained_on():
    x = X.copy()
    x[33 * SIZE] = np.nan
    given = [batches(10), batches(x=x), iter([*batches(20), (X[:4, :2], Y[:4])])]
    for generator, steps in zip(given, (10, 33, 20), strict=True):
        one = model()
        with pytest.raises(ValueError, match=r"\w"):
            one.fit(generator, steps_per_epoch=100, verbose=0)
        assert_trees_identical(one.state, fitted(steps).state)


def test_a_kept_run_goes_on_after_an_error(tmp_path):
    def fit(folder, given):
        one = model()
        kept = BackupAndRestore(tmp_path / folder, 10, delete_checkpoint=False)
        try:
            one.fit(given, steps_per_epoch=100, verbose=0, callbacks=kept)
        except OwnError:
            assert int(one.state.step) == 75
        return one

    fit("cut", breaking(75))
    again = fit("cut", batches())
    whole = fit("whole", batches())
    assert_trees_identical(again.state, whole.state)
    assert again.history.history == whole.history.history

"""Whatever gives batches: generators, iterators, data loaders, sequences."""

import itertools
import threading
import traceback

import numpy as np
import pytest
from batches_cases import (
    SIZE,
    SIZES,
    Growing,
    Refilled,
    X,
    Y,
    batches,
    identity,
)
from oracles import assert_trees_identical, raises_text

import jaxnet_mini as jn
from jaxnet_mini.callbacks import BackupAndRestore, Callback
from jaxnet_mini.data.casting import without_copy
from jaxnet_mini.devices import programs
from jaxnet_mini.errors import ArgumentError, DataError

pytestmark = pytest.mark.usefixtures("quick_compilation")


def model(**settings):
    """A linear one that learns."""
    one = jn.Sequential([jn.Dense(1, kernel_initializer="zeros")])
    one.compile(**{"optimizer": "sgd", "loss": "mse"} | settings)
    return one


# What is trained on is what came


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
        np.testing.assert_allclose(identity().evaluate(given, verbose=0), mean)
        history = identity().fit(X[:4, :1], Y[:4], verbose=0, validation_data=given)
        np.testing.assert_allclose(history.history["val_loss"], mean)
    outputs = identity().predict(Refilled())
    np.testing.assert_allclose(outputs[:, 0], np.repeat(3 * np.arange(8), SIZE))


def test_what_is_overwritten_afterwards_changes_nothing():
    """Which JAX may do with arrays that lie as it likes them: it does not copy them."""
    inputs = without_copy((512, 512), np.dtype(np.float32))
    one = jn.Sequential([jn.Dense(512, kernel_initializer="ones", input_dim=512)])
    one.add(jn.Dense(512, kernel_initializer="ones"))
    for call in (one, one.predict, one.predict_on_batch):
        inputs[:] = 1
        outputs = call(inputs)
        inputs[:] = 0
        np.testing.assert_array_equal(np.asarray(outputs), 512.0**2)


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


# How long an epoch is


class Again:
    """Batches that begin again and of which nobody knows how many there are."""

    def __init__(self, *counts):
        self.counts = list(counts)
        self.events = []

    def __iter__(self):
        self.events.append("pass")
        return batches(self.counts.pop(0) if len(self.counts) > 1 else self.counts[0])


def test_an_epoch_of_unknown_length_is_one_pass(capsys):
    one, other = model(), model()
    history = one.fit(Again(10), epochs=3, verbose=2)
    other.fit(X[:40], Y[:40], SIZE, epochs=3, shuffle=False, verbose=0)
    assert_trees_identical(one.state, other.state)
    assert history.history == other.history.history
    assert history.params["steps"] is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines if "Epoch" in line] == [
        f"Epoch {epoch}/3: 10/10 steps" for epoch in (1, 2, 3)
    ]
    one = model()
    one.fit(batches(10), verbose=0)
    assert_trees_identical(one.state, fitted(10).state)


def test_passes_may_differ_in_length(capsys):
    one = model()
    one.fit(Again(3, 7, 2), epochs=3, verbose=2)
    assert int(one.state.step) == 12
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0].split(": ")[1] for line in lines if "Epoch" in line] == [
        "3/3 steps",
        "7/7 steps",
        "2/2 steps",
    ]


def test_what_gives_nothing_in_its_second_pass_says_so():
    class Once:
        """An iterator, and not one of Python's own."""

        def __init__(self):
            self.own = batches(5)

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.own)

    one = model()
    message = "x gave all its batches in one pass, and none in the next: give steps_per"
    with raises_text(DataError, message):
        one.fit(Once(), epochs=2, verbose=0)
    assert_trees_identical(one.state, fitted(5).state)


def test_a_run_of_unknown_length_goes_on(tmp_path):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.state.step) == 18:
                raise OwnError

    def fit(folder, *callbacks):
        one = model()
        kept = BackupAndRestore(tmp_path / folder, 4, delete_checkpoint=False)
        one.fit(Again(7), epochs=3, verbose=0, callbacks=[kept, *callbacks])
        return one

    with pytest.raises(OwnError):
        fit("cut", Stop())
    again, whole = fit("cut"), fit("whole")
    assert_trees_identical(again.state, whole.state)
    assert again.history.history == whole.history.history


# What sizes batches have


def steps_of_numpy(passes, rate=0.01):
    """The weights and the mean loss of each pass, in float64."""
    kernel, bias, means = np.zeros((3, 1)), np.zeros(1), []
    for _ in range(passes):
        total = 0.0
        for x, y in Growing():
            error = x.astype(float) @ kernel + bias - y
            total += (error**2).sum()
            kernel = kernel - rate * 2 * x.T @ error / len(x)
            bias = bias - rate * 2 * error.mean(0)
        means.append(total / sum(SIZES))
    return kernel, bias, means


def test_batches_that_grow_are_trained_on():
    """In three programs more than batches of 4: padded to 8, 16 and 32 rows."""
    model().fit(Again(2), verbose=0)
    before = programs.loop.jitted._cache_size()
    one = model()
    history = one.fit(Growing(), epochs=2, verbose=0)
    assert programs.loop.jitted._cache_size() - before == 3
    *weights, means = steps_of_numpy(2)
    np.testing.assert_allclose(history.history["loss"], means, rtol=1e-5)
    for own, expected in zip(one.get_weights(), weights, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-4)


# Sequences, as Keras's PyDataset


class Numbered:
    """A sequence of batches that may be asked for none beyond its length."""

    def __init__(self):
        self.asked = []
        self.ended = 0

    def __len__(self):
        return 6

    def __getitem__(self, index):
        self.asked.append(range(6)[index])
        return next(iter([*batches(6)][index : index + 1]))

    def on_epoch_end(self):
        self.ended += 1


def test_a_sequence_is_asked_by_number():
    one, given = model(), Numbered()
    one.fit(given, epochs=2, shuffle=False, verbose=0)
    assert given.asked == [0, *range(6), *range(6)]  # the first to see its shape
    assert given.ended == 2
    assert_trees_identical(one.state, resident(6, 2).state)
    one, given = model(), Numbered()
    one.fit(given, epochs=3, steps_per_epoch=4, shuffle=False, verbose=0)
    assert_trees_identical(one.state, resident(6, 2).state)


def resident(count, epochs):
    one = model()
    rows = count * SIZE
    one.fit(X[:rows], Y[:rows], SIZE, epochs=epochs, shuffle=False, verbose=0)
    return one


def test_a_sequence_is_shuffled_by_batches_as_in_keras(tmp_path):
    given = Numbered()
    model().fit(given, epochs=3, verbose=0, seed=1)
    passes = [given.asked[first : first + 6] for first in (1, 7, 13)]
    assert all(sorted(one) == list(range(6)) for one in passes)
    assert len({tuple(one) for one in passes}) == 3
    again = Numbered()
    kept = tmp_path / "run"
    model().fit(again, epochs=2, verbose=0, seed=1, checkpoint=kept)
    model().fit(again, epochs=3, verbose=0, seed=1, checkpoint=kept)
    assert again.asked[:13] == given.asked[:13]
    assert again.asked[14:] == passes[2]


# Evaluating and predicting


def test_an_endless_validation_gives_the_next_batches_each_time(tmp_path):
    """And so it does where a run goes on."""

    def endless():
        for number in itertools.count():
            yield np.full((SIZE, 1), number, np.float32), np.zeros((SIZE, 1))

    def fit(folder, epochs):
        return identity().fit(
            X[:8, :1],
            Y[:8],
            epochs=epochs,
            validation_data=endless(),
            validation_steps=3,
            validation_freq=2,
            verbose=0,
            checkpoint=tmp_path / folder,
        )

    assert fit("whole", 6).history["val_loss"] == [1.0, 4.0, 7.0]
    fit("cut", 3)
    assert fit("cut", 6).history["val_loss"] == [1.0, 4.0, 7.0]


def test_an_error_of_the_validation_loses_nothing():
    one = model()
    with pytest.raises(OwnError):
        one.fit(batches(9), validation_data=breaking(3), verbose=0)
    assert_trees_identical(one.state, fitted(9).state)
    before = threading.active_count()
    for call in (one.evaluate, one.predict):
        with pytest.raises(OwnError):
            call(breaking(3), verbose=0)
    assert threading.active_count() == before


def test_evaluation_shows_what_it_knows(capsys):
    one = identity()
    one.evaluate(iter(Refilled()), verbose=2)
    one.evaluate(iter(Refilled()), steps=3, verbose=2)
    one.predict(iter(Refilled()), verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines if "Compiled" not in line] == [
        "Evaluate: 8/8 steps",
        "Evaluate: 3/3 steps",
        "Predict: 8/8 steps",
    ]


def test_too_few_batches_are_named():
    one = identity()
    text = "x gave out after 8 batches, and 9 were to come: let it give more, or give "
    for call in (one.evaluate, one.predict):
        with raises_text(DataError, text):
            call(Refilled(), steps=9, verbose=0)
    text = "validation_data gave out after 8 batches, and 9 were to come: let it give "
    with raises_text(DataError, text):
        one.fit(
            X[:4, :1],
            Y[:4],
            verbose=0,
            validation_data=Refilled(),
            validation_steps=9,
        )
    text = "steps=4 asks for more than there is: 90 rows are 3 batches of 32"
    with raises_text(ArgumentError, text):
        one.predict(X[:90, :1], 32, steps=4)
    with raises_text(ArgumentError, text):
        one.evaluate(X[:90, :1], Y[:90], 32, steps=4)
    text = "validation_steps=3 asks for more than there is: 12 rows are 2 batches of 8"
    with raises_text(ArgumentError, text):
        one.fit(
            X[:4, :1],
            Y[:4],
            batch_size=8,
            validation_data=(X[:12, :1], Y[:12]),
            validation_steps=3,
        )


# What is no way in


def test_one_pass_for_several_epochs_is_refused_at_once():
    for given in (batches(3), iter([*batches(3)]), map(tuple, batches(3))):
        one = model()
        with raises_text(ArgumentError, "which gives its batches once, and 2 epochs"):
            one.fit(given, epochs=2, verbose=0)
        assert len([*given]) == 3
        assert not one.built

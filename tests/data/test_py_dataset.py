"""The base of sequences of batches, and what frees the memory of models."""

import gc
import itertools
import weakref

import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.base import notices
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.utils import PyDataset

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = X[:, :1] - 1


class Pieces(PyDataset):
    """Three batches; notes what it is asked for."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.told = []

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


class Counted(Pieces):
    """As Keras 3 would have it, and without a length."""

    __len__ = None
    num_batches = 3


class Endless(Pieces):
    __len__ = None
    num_batches = None

    def __getitem__(self, index):
        return super().__getitem__(index % 3)


class WithoutItsInit(Pieces):
    def __init__(self):
        self.told = []


def model():
    one = jn.Sequential([jn.Dense(1, input_shape=(3,))])
    one.compile("sgd", "mse")
    return one


def test_all_kinds_are_trained_on_like_the_arrays():
    expected = model()
    history = expected.fit(X, Y, 4, epochs=2, shuffle=False, verbose=0).history
    for kind in (Pieces, Counted, Endless, WithoutItsInit):
        given, one = kind(), model()
        steps = 3 if kind is Endless else None
        arguments = {"epochs": 2, "shuffle": False, "verbose": 0}
        found = one.fit(given, steps_per_epoch=steps, **arguments)
        assert found.history == history, kind
        assert found.params["steps"] == 3
        assert given.told == ["begin", "end"] * 2
        for own, other in zip(one.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(own, other)
    assert model().evaluate(Pieces(), verbose=0) == pytest.approx(
        model().evaluate(X, Y, verbose=0)
    )
    assert len(model().predict(Counted())) == 12


def test_by_hand_it_is_what_it_gives():
    assert [len(x) for x, _ in Pieces()] == [4, 4, 4]
    assert Pieces().num_batches == 3
    assert len(list(itertools.islice(Endless(), 5))) == 5
    assert jn.utils.Sequence is PyDataset


def test_what_is_lacking_or_bad_gets_one_sentence(monkeypatch):
    class Empty(PyDataset):
        pass

    class Long(PyDataset):
        def __len__(self):
            return 2

    with raises_text(ArgumentError, "Empty needs __len__(self), the number of"):
        model().fit(Empty())
    with raises_text(ArgumentError, "Long needs __getitem__(self, index), which"):
        model().fit(Long())
    for arguments, words in (
        ({"workers": -1}, "workers must be an integer of at least 0"),
        ({"use_multiprocessing": "no"}, "use_multiprocessing must be True or False"),
        ({"max_queue_size": 0}, "max_queue_size must be an integer of at least 1"),
    ):
        with raises_text(ArgumentError, words):
            Pieces(**arguments)
    monkeypatch.setattr(notices, "_SAID", set())
    with pytest.warns(UserWarning, match="one thread asks for the batches"):
        Pieces(workers=4)
    Pieces(use_multiprocessing=True)  # said once


class Own(jn.Sequential):
    """A model that leads back to itself."""


def test_models_that_nobody_holds_are_freed():
    one = Own([jn.Dense(1, input_shape=(3,))])
    one.itself = one
    jn.utils.set_random_seed(5)
    gc.disable()
    try:
        there = weakref.ref(one)
        del one
        jn.backend.clear_session(free_memory=False)
        assert there() is not None
        jn.utils.clear_session()
        assert there() is None
    finally:
        gc.enable()
    assert jn.Sequential().seed == 5
    jn.utils.set_random_seed(0)
    assert jn.backend.clear_session is jn.utils.clear_session
    with raises_text(ArgumentError, "free_memory must be True or False, not 'yes'"):
        jn.backend.clear_session("yes")

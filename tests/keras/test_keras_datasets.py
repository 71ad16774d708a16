"""Data sets against Keras's own functions, on small files of the same format."""

import importlib

import pytest
from conftest import keras_on_jax
from word_sets import CONTENTS, in_place

from jaxnet_mini.datasets import boston_housing, california_housing, imdb, reuters

CASES = [
    (boston_housing, {}),
    (boston_housing, {"test_split": 0.37, "seed": 3}),
    (california_housing, {}),
    (california_housing, {"version": "small", "test_split": 0.5, "seed": 0}),
    (imdb, {}),
    (imdb, {"num_words": 20, "seed": 7}),
    (imdb, {"num_words": 30, "skip_top": 6, "maxlen": 5}),
    (imdb, {"start_char": None, "oov_char": None, "skip_top": 5}),
    (imdb, {"start_char": None, "index_from": 0, "maxlen": 6, "num_words": 39}),
    (imdb, {"start_char": 0, "oov_char": 9, "index_from": 10}),
    (reuters, {}),
    (reuters, {"num_words": 25, "test_split": 0.33, "seed": 1}),
    (reuters, {"maxlen": 4, "oov_char": None, "skip_top": 3}),
    (reuters, {"start_char": None, "index_from": 0}),
]


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Let both read the small files, without a look at what Keras publishes."""
    in_place(monkeypatch, "http://127.0.0.1:1/")
    monkeypatch.setenv("JAXNET_MINI_DATA", str(tmp_path))
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)

    def keras_room(room):
        name = room.__name__.rpartition(".")[2]
        with keras_on_jax() as keras:
            module = importlib.import_module(f"keras.src.datasets.{name}")
        given = lambda fname, **_: str(tmp_path / fname)  # noqa: E731
        monkeypatch.setattr(module, "get_file", given)
        return getattr(keras.datasets, name)

    return keras_room


def test_same_numbers_in_the_same_order(both):
    for room, arguments in CASES:
        own = room.load_data(**arguments)
        theirs = both(room).load_data(**arguments)
        for ours, its in zip(own, theirs, strict=True):
            for values, others in zip(ours, its, strict=True):
                assert values.dtype == others.dtype, (room, arguments)
                assert len(values) > 1
                assert values.tolist() == others.tolist(), (room, arguments)


def test_same_words(both):
    for room in (imdb, reuters):
        assert room.get_word_index() == both(room).get_word_index()
    assert reuters.get_label_names() == both(reuters).get_label_names()

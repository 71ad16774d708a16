"""Preprocessing against Keras's own."""

import itertools

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import named

from jaxnet_mini.utils import normalize, pad_sequences, to_categorical

CLASSES = np.random.default_rng(0).integers(0, 5, (4, 3))


@pytest.mark.parametrize(
    ("x", "num_classes"),
    [
        ([0, 2, 5], None),
        ([0, 2, 5], 9),
        ([1], None),
        (np.array([[0], [3]], np.uint8), None),
        (np.array([0.0, 2.0]), None),
        (np.array([True, False]), None),
        (CLASSES, None),
        (CLASSES[..., None], 7),
    ],
    ids=named,
)
def test_vectors_are_those_of_keras(x, num_classes):
    ours = to_categorical(x, num_classes)
    with keras_on_jax() as keras:
        theirs = keras.utils.to_categorical(x, num_classes)
    assert isinstance(ours, np.ndarray)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("order", [1, 2, np.inf])
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_normalize_divides_by_the_norm_as_keras_does(dtype, axis, order):
    x = np.random.default_rng(1).integers(0, 256, (4, 3, 5)).astype(dtype)
    x[0] = 0
    ours = normalize(x, axis, order)
    with keras_on_jax() as keras:
        theirs = keras.utils.normalize(x, axis, order)
    assert ours.dtype == (np.float32 if dtype is np.uint8 else dtype)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


SEQUENCES = {
    "numbers": ([[1], [], [2, 3, 4, 5], [6, 7]], "int32", (0.0, -1)),
    "floats": ([[0.5, 2], np.arange(5.0), (1,)], "float32", (0.0, 0.25)),
    "rows": ([np.ones((2, 3)), [], np.full((4, 3), 2)], "uint8", (0.0, 7)),
    "words": ([["a"], ["b", "longer", "c"]], object, ("", "pad")),
    "short words": ([["a"], ["b", "c", "d"]], "<U3", ("pad",)),
    "none": ([[], []], "int32", (0.0,)),
}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_sequences_are_padded_as_in_keras(kind):
    sequences, dtype, values = SEQUENCES[kind]
    sides = ("pre", "post")
    for setting in itertools.product((None, 1, 3, 6), (dtype,), sides, sides, values):
        ours = pad_sequences(sequences, *setting)
        with keras_on_jax() as keras:
            theirs = keras.utils.pad_sequences(sequences, *setting)
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert ours.tolist() == theirs.tolist()
    assert pad_sequences(sequences, dtype=dtype, value=values[0]).shape[0] == len(
        sequences
    )

"""One-hot vectors and norms, as Keras makes them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import named, raises_text

from jaxnet_mini.errors import ArgumentError, DataError
from jaxnet_mini.utils import normalize, pad_sequences, to_categorical

CLASSES = np.random.default_rng(0).integers(0, 5, (4, 3))


def test_a_jax_array_gives_one():
    ours = to_categorical(jnp.asarray(CLASSES), 5)
    assert isinstance(ours, jax.Array)
    np.testing.assert_array_equal(ours, np.eye(5)[CLASSES])


@pytest.mark.parametrize(
    ("x", "num_classes", "parts"),
    [
        ([0, -1], None, ("-1 at row 1", "whole numbers from 0:")),
        ([[0, 1], [0, 3]], 3, ("3 at row 1, position 1", "from 0 to 2:")),
        ([0.5], None, ("0.5 at row 0", "np.unique(x, return_inverse=True)[1]")),
        ([np.nan], None, ("nan at row 0",)),
        ([np.inf], None, ("inf at row 0",)),
        ([], None, ("x is empty",)),
    ],
    ids=named,
)
def test_trap_classes_out_of_range_are_errors(x, num_classes, parts):
    """Keras takes -1 for the last class, and cuts 0.5 off."""
    with raises_text(DataError, *parts):
        to_categorical(x, num_classes)


def test_what_the_message_advises_works():
    labels = np.unique([7.5, -1.0, 7.5], return_inverse=True)[1]
    np.testing.assert_array_equal(to_categorical(labels), [[0, 1], [1, 0], [0, 1]])


@pytest.mark.parametrize("num_classes", [0, -2])
def test_num_classes_is_a_positive_integer(num_classes):
    with raises_text(ArgumentError, "num_classes", f"not {num_classes}"):
        to_categorical([0], num_classes)


def test_trap_normalize_takes_axis_0_for_the_first():
    """Keras 3.15 divides along the last one then."""
    x = np.array([[3.0, 0.0], [4.0, 0.0]])
    np.testing.assert_allclose(normalize(x, axis=0), [[0.6, 0.0], [0.8, 0.0]])


def test_normalize_gives_a_jax_array_for_one():
    ours = normalize(jnp.array([[3.0, 4.0]]))
    assert isinstance(ours, jax.Array)
    np.testing.assert_allclose(ours, [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "parts"),
    [
        ({"sequences": []}, DataError, ("sequences is []", "[[1, 2], [3]]")),
        ({"sequences": "abc"}, DataError, ("sequences is 'abc'",)),
        ({"sequences": [[1], 2]}, DataError, ("sequences[1] is 2", "[[1, 2], [3]]")),
        ({"sequences": [["a"], "bc"]}, DataError, ("sequences[1] is 'bc'",)),
        ({"sequences": [[1], [1.5]]}, DataError, ("[1] is [1.5]", "dtype='float32'")),
        ({"sequences": [[2**31]]}, DataError, ("sequences[0] is [2147483648]",)),
        ({"sequences": [["a"]]}, DataError, ("sequences[0] is ['a']", "dtype=object")),
        ({"sequences": [[1, [2]]]}, DataError, ("sequences[0] is [1, [2]]",)),
        ({"value": 0.5}, DataError, ("value is 0.5", "int32")),
        ({"value": "pad"}, DataError, ("value is 'pad'", "dtype=object")),
        (
            {"sequences": [[[1, 2]], [[1]]]},
            DataError,
            ("sequences[1] has entries of shape (1,)", "(2,)"),
        ),
        ({"maxlen": 0}, ArgumentError, ("maxlen", "not 0")),
        ({"dtype": "int33"}, ArgumentError, ("dtype", "not 'int33'")),
        ({"padding": "left"}, ArgumentError, ("padding", "pre, post", "'left'")),
        ({"truncating": None}, ArgumentError, ("truncating", "None")),
    ],
    ids=named,
)
def test_trap_what_cannot_be_padded_is_an_error(arguments, error, parts):
    """Keras cuts 1.5 off to 1, and takes 0 for any length."""
    with raises_text(error, *parts):
        pad_sequences(**{"sequences": [[1], [2, 3]]} | arguments)

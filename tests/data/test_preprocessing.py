"""One-hot vectors and norms, as Keras makes them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import named, raises_text

from jaxnet_mini.errors import ArgumentError, DataError
from jaxnet_mini.utils import normalize, to_categorical

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

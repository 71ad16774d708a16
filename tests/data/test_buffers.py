"""Memory that is used again: never while anything still looks at it."""

import gc

import jax
import numpy as np
import pytest

from jaxnet_mini.data.buffers import Buffers

SHAPE, DTYPE = (1000, 50), np.dtype(np.float32)


def address(array):
    return array.__array_interface__["data"][0]


@pytest.fixture
def buffers():
    return Buffers()


def test_memory_comes_back_when_the_array_has_gone(buffers):
    first = buffers.empty(SHAPE, DTYPE)
    place = address(first)
    del first
    assert address(buffers.empty(SHAPE, DTYPE)) == place


@pytest.mark.parametrize(
    "share",
    [
        lambda a: a,
        lambda a: a[500:, ::2],
        lambda a: a.T.reshape(-1).view(np.uint8)[7:],
        lambda a: np.asarray(memoryview(a[3:])),
        lambda a: jax.device_put(a),
        lambda a: jax.device_put(a[:512]),
        lambda a: jax.numpy.asarray(a),
    ],
)
def test_memory_stays_while_something_shares_it(buffers, share):
    first = buffers.empty(SHAPE, DTYPE)
    first[...] = 7
    shared = share(first)
    before = np.array(shared)
    del first
    gc.collect()
    second = buffers.empty(SHAPE, DTYPE)
    second[...] = 8
    np.testing.assert_array_equal(np.asarray(shared), before)


def test_jax_takes_it_over_and_lets_go_of_it(buffers):
    first = buffers.empty(SHAPE, DTYPE)
    place = address(first)
    taken = jax.device_put(first, jax.devices("cpu")[0])
    assert taken.unsafe_buffer_pointer() == place
    del first, taken
    gc.collect()
    assert address(buffers.empty(SHAPE, DTYPE)) == place


def test_what_is_computed_from_it_waits_for_nothing(buffers):
    """Results come later than calls, and memory that they need is not given out."""
    wide = jax.jit(lambda a: (a @ a.T).sum())
    expected, found = [], []
    for value in range(20):
        array = buffers.empty((600, 600), DTYPE)
        array[...] = value
        expected.append(600.0**3 * value**2)
        found.append(wide(jax.device_put(array)))
        del array
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_sizes_and_dtypes_are_kept_apart(buffers):
    for shape in [(3, 4), (5,), (0, 7), ()]:
        for dtype in (np.float32, np.uint8, np.int16):
            array = buffers.empty(shape, np.dtype(dtype))
            assert (array.shape, array.dtype) == (shape, dtype)
            array[...] = 1
            assert array.flags.writeable

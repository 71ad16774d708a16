"""Where libraries around us surprise (see ``findings/``), this one is right.

What stands in other tests is not repeated here: batches of one buffer (test_streams),
bits by the number of threads (test_golden), bfloat16 in HDF5 (test_keras_files).
"""

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

import jaxnet_mini as jn
from jaxnet_mini import metrics
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError
from jaxnet_mini.layers import Dense


def small(*names):
    layers = [Dense(2, input_dim=2, name=names[0]), Dense(2, name=names[1])]
    return jn.Sequential(layers)


def test_weights_in_any_order_of_memory_keep_their_numbers(tmp_path):
    model, path = small("a", "b"), tmp_path / "a.weights.safetensors"
    kernel = np.arange(4, dtype=np.float32).reshape(2, 2)
    bias = np.zeros(2, np.float32)
    model.set_weights([kernel.T, bias, np.asfortranarray(kernel), bias])
    model.save_weights(path)
    read = load_file(path)
    assert any(np.array_equal(array, kernel.T) for array in read.values())
    other = small("a", "b")
    other.load_weights(path)
    assert np.array_equal(other.get_weights()[0], kernel.T)
    assert np.array_equal(other.get_weights()[2], kernel)


def test_equal_models_are_equal_files(tmp_path):
    model = small("a", "b")
    model.compile("adam", "mse", ["mae"])
    files = set()
    for number in range(5):
        model.save(tmp_path / f"{number}.safetensors")
        files.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(files) == 1


def test_weights_are_found_by_name_and_none_is_left_over(tmp_path):
    path = tmp_path / "a.weights.safetensors"
    small("first", "second").save_weights(path)
    swapped = small("second", "first")
    swapped.load_weights(path)
    assert np.array_equal(swapped.get_weights()[0], load_file(path)["second/kernel"])
    shorter = jn.Sequential([Dense(2, input_dim=2, name="first")])
    before = shorter.get_weights()
    with pytest.raises(ShapeError, match="second"):
        shorter.load_weights(path)
    assert all(map(np.array_equal, before, shorter.get_weights()))


@pytest.mark.parametrize("label", [-1, -100, 2])
def test_a_label_that_is_no_class_is_an_error(label):
    model = small("a", "b")
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(DataError, match=str(label)):
        model.fit(np.ones((2, 2)), np.array([0, label]), verbose=0)


@pytest.mark.parametrize("seed", [2**32, -1, 2**40])
def test_a_seed_that_does_not_fit_is_an_error(seed):
    with pytest.raises(ArgumentError, match="seed"):
        jn.Sequential([Dense(1)], seed=seed)


@pytest.mark.parametrize("each", [1, 3])
def test_counts_go_on_beyond_2_to_24(each):
    metric = metrics.TruePositives()
    sums = Sums.zeros({"many": jax.eval_shape(metric.zeros)})
    ones = jax.numpy.ones((1, 1))
    one = metric.totals(ones, ones, ones[0])
    add = jax.jit(
        lambda sums, factor: sums.add({"many": jax.tree.map(lambda x: x * factor, one)})
    )
    sums = add(sums, np.float32(2**24))
    for _ in range(1000):
        sums = add(sums, np.float32(each))
    # The others are the false and the negative ones: none.
    assert (
        sum(float(leaf.sum()) for leaf in jax.tree.leaves(sums.value()))
        == 2**24 + 1000 * each
    )

"""What a model is made of, against Keras's own answers."""

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn


@pytest.mark.usefixtures("quick_compilation")
def test_the_same_weights_are_trained_and_the_same_penalties_paid():
    ours = jn.Sequential(
        [
            jn.Dense(3, input_shape=(4,), trainable=False),
            jn.Dense(2, kernel_regularizer="l2", bias_regularizer="l1"),
            jn.LayerNormalization(),
            jn.Dense(1, kernel_regularizer="l1", trainable=False),
        ]
    )
    rng = np.random.default_rng(0)
    given = [rng.normal(size=w.shape) for w in ours.weights]
    ours.set_weights(given)
    with keras_on_jax() as keras:
        dense = keras.layers.Dense
        theirs = keras.Sequential(
            [
                keras.Input((4,)),
                dense(3, trainable=False),
                dense(2, kernel_regularizer="l2", bias_regularizer="l1"),
                keras.layers.LayerNormalization(),
                dense(1, kernel_regularizer="l1", trainable=False),
            ]
        )
        theirs.set_weights(given)
        for name in (
            *("weights", "variables", "trainable_weights", "trainable_variables"),
            *("non_trainable_weights", "non_trainable_variables"),
        ):
            shapes = [tuple(w.shape) for w in getattr(theirs, name)]
            assert [w.shape for w in getattr(ours, name)] == shapes, name
        total = sum(map(float, theirs.losses))
        np.testing.assert_allclose(sum(map(float, ours.losses)), total, rtol=1e-6)
        assert theirs.count_params() == ours.count_params()
        before = (theirs.compiled, theirs.metrics, theirs.metrics_names)
        assert (ours.compiled, ours.metrics, ours.metrics_names) == before
        theirs.compile("sgd", "mse")
        ours.compile("sgd", "mse")
        assert ours.metrics_names == theirs.metrics_names == ["loss"]
        for layer in theirs.layers[:2]:
            found = ours.get_layer(index=theirs.layers.index(layer))
            assert found.__class__.__name__ == type(layer).__name__


@pytest.mark.usefixtures("quick_compilation")
def test_the_same_loss_is_multiplied():
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=(8, n)).astype(np.float32) for n in (3, 1))
    weight = rng.uniform(size=8).astype(np.float32)
    ours = jn.Sequential([jn.Dense(1, input_shape=(3,), kernel_regularizer="l2")])
    with keras_on_jax() as keras:
        dense = keras.layers.Dense(1, kernel_regularizer="l2")
        theirs = keras.Sequential([keras.Input((3,)), dense])
        theirs.set_weights(ours.get_weights())
        theirs.compile("sgd", "mse", loss_weights=[2.5], metrics=["mse"])
        expected = theirs.fit(x, y, sample_weight=weight, epochs=2, verbose=0).history
        after = theirs.get_weights()
    ours.compile("sgd", "mse", loss_weights=[2.5], metrics=["mse"])
    history = ours.fit(x, y, sample_weight=weight, epochs=2, verbose=0).history
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    for own, its in zip(ours.get_weights(), after, strict=True):
        np.testing.assert_allclose(own, its, rtol=1e-5, atol=1e-7)


def a_weight(library):
    """What a weight says of itself, before and after it is changed and trained."""
    layers = library.layers
    stack = [library.Input((4,)), layers.Dense(2), layers.BatchNormalization()]
    model = library.Sequential(stack)
    kernel, mean = model.layers[0].kernel, model.layers[1].moving_mean
    said = [kernel.name, mean.name, kernel.trainable, mean.trainable]
    said += [kernel.path.split("/")[-1], tuple(mean.shape), str(mean.dtype)]
    model.layers[0].set_weights([np.ones((4, 2)), np.zeros(2)])
    kernel.assign(kernel * 2.0 + np.eye(4, 2, dtype=np.float32))
    kernel.assign_sub(kernel / 4.0)
    mean.assign_add([1.0, -1.0])
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=(8, n)).astype(np.float32) for n in (4, 2))
    numbers = [kernel.numpy(), mean.numpy(), x @ kernel, -mean, kernel[0]]
    numbers += [float(mean[0]), library.ops.sum(kernel, axis=0), kernel.value, 1 - mean]
    numbers = [*map(np.array, numbers)]
    model.compile("sgd", "mse")
    model.fit(x, y, epochs=2, verbose=0)
    return said, [*numbers, kernel.numpy(), mean.numpy()]


@pytest.mark.usefixtures("quick_compilation")
def test_a_weight_says_does_and_learns_what_that_of_keras_does():
    said, numbers = a_weight(jn)
    with keras_on_jax() as keras:
        expected, theirs = a_weight(keras)
    assert said == expected
    for own, its in zip(numbers, theirs, strict=True):
        np.testing.assert_allclose(own, its, rtol=1e-5, atol=1e-6)

"""What a model is made of, against Keras's own answers."""

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError


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


@pytest.mark.usefixtures("quick_compilation")
@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("options", [{"name": "pixels", "dtype": "uint8"}, {}])
def test_layers_in_a_row_keep_the_input_before_them_as_in_keras(
    options, ending, tmp_path
):
    x = np.random.default_rng(0).integers(0, 5, (3, 4)).astype(np.uint8)
    path, again = tmp_path / f"theirs.{ending}", tmp_path / f"ours.{ending}"
    ours = jn.Sequential([jn.Input((4,), **options), jn.Dense(2)])
    with keras_on_jax() as keras:
        layers = [keras.Input((4,), **options), keras.layers.Dense(2)]
        theirs = keras.Sequential(layers)
        theirs.set_weights(ours.get_weights())
        name, dtype = theirs.inputs[0].name, theirs.inputs[0].dtype
        # Its own are numbered through all models.
        assert said(ours) == ((name, dtype) if options else (None, "float32"))
        ours.pop()
        theirs.pop()
        ours.add(jn.Dense(2, name="last"))
        theirs.add(keras.layers.Dense(2, name="last"))
        theirs.set_weights(ours.get_weights())
        given = {name: x} if options else x
        y = ours.predict(given)
        np.testing.assert_allclose(y, theirs.predict(given, verbose=0), rtol=1e-6)
        for models in (jn.models, keras.models):
            clone, own = models.clone_model, ours if models is jn.models else theirs
            assert said(clone(own))[1] == dtype
        theirs.save(path)
        ours.save(again)
        back = keras.models.load_model(again)
        assert back.inputs[0].dtype == dtype
        assert back.inputs[0].name == options.get("name", "input_layer")
        np.testing.assert_allclose(back.predict(x, verbose=0), y, rtol=1e-6)
    found = jn.models.load_model(path)
    assert found.inputs[0].layer.dtype == options.get("dtype")
    assert found.inputs[0].layer.name
    for other in (found, jn.models.load_model(again)):
        assert said(other)[1] == dtype
        np.testing.assert_allclose(other.predict(x), y, rtol=1e-6)
    if options:
        assert said(found) == said(jn.models.load_model(again)) == ("pixels", "uint8")


def said(model):
    """The name and the dtype of the only input."""
    (only,) = model.inputs
    own = getattr(only, "layer", only)
    return own.name, own.dtype or "float32"


def test_an_input_has_no_name_of_a_layer_as_in_keras():
    said = "two layers have the name 'same': give each a name of its own"
    with pytest.raises(ArgumentError, match=said):
        jn.Sequential([jn.Input((4,), name="same"), jn.Dense(2, name="same")])
    with keras_on_jax() as keras:
        layers = keras.Input((4,), name="same"), keras.layers.Dense(2, name="same")
        with pytest.raises(ValueError, match=r"unique names.*'same'"):
            keras.Sequential(layers)

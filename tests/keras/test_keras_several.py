"""Models of several inputs and outputs, beside Keras's own."""

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(50, 3)).astype(np.float32)
DEEP = RNG.normal(size=(50, 2)).astype(np.float32)
MAIN = RNG.normal(size=(50, 1)).astype(np.float32)
KIND = RNG.integers(0, 3, 50)
WEIGHT = RNG.uniform(0.5, 2, 50).astype(np.float32)


def written(library, named):
    layers = library.layers
    wide, deep = library.Input((3,), name="wide"), library.Input((2,), name="deep")
    hidden = layers.Dense(4, activation="tanh")(deep)
    both = layers.Concatenate()([wide, layers.Dense(3, activation="relu")(hidden)])
    main = layers.Dense(1, name="main", kernel_regularizer="l2")(both)
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    if not named:
        return library.Model([wide, deep], main)
    return library.Model({"deep": deep, "wide": wide}, [main, kind])


SETTINGS = {
    False: {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    True: {
        "optimizer": "adam",
        "loss": {"main": "mse", "kind": "sparse_categorical_crossentropy"},
        "loss_weights": {"main": 0.7, "kind": 0.2},
        "metrics": {"main": ["mae", "mse"], "kind": "accuracy"},
        "weighted_metrics": [None, ["accuracy"]],
    },
}


@pytest.mark.parametrize("several", [False, True])
def test_it_learns_in_100_steps_what_keras_learns(several, tmp_path):
    x = {"wide": WIDE, "deep": DEEP} if several else [WIDE, DEEP]
    y = [MAIN, KIND] if several else MAIN
    weight = [WEIGHT, WEIGHT + 1] if several else WEIGHT
    fit = {"batch_size": 8, "epochs": 17, "shuffle": False, "verbose": 0}
    fit["validation_split"] = 0.1  # 45 rows in 6 batches, of which one is shorter
    ours = written(jn, several)
    with keras_on_jax() as keras:
        theirs = written(keras, several)
        start = theirs.get_weights()
        theirs.compile(**SETTINGS[several])
        expected = theirs.fit(x, y, sample_weight=weight, **fit).history
        evaluated = theirs.evaluate(x, y, verbose=0)
        named = theirs.evaluate(x, y, verbose=0, return_dict=True)
        predicted = theirs.predict(x, verbose=0)
        shapes = theirs.input_shape, theirs.output_shape
        end = theirs.get_weights()
    ours.set_weights(start)
    ours.compile(**SETTINGS[several])
    history = ours.fit(x, y, sample_weight=weight, **fit).history
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, atol=1e-4)
    for own, other in zip(ours.get_weights(), end, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), evaluated, rtol=1e-4)
    found = ours.evaluate(x, y, verbose=0, return_dict=True)
    assert list(found) == list(named)
    outputs = ours.predict(x)
    assert type(outputs) is type(predicted)
    pairs = zip(outputs, predicted, strict=True) if several else [(outputs, predicted)]
    for own, other in pairs:
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4)
    assert (ours.input_shape, ours.output_shape) == shapes

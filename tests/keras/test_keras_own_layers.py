"""One source of a class in Keras's form, run by Keras and by this library."""

import jax
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation", "as_a_user_writes")


@pytest.fixture
def as_a_user_writes():
    """Scripts of users are not as strict as the tests are."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


RNG = np.random.default_rng(0)
X = RNG.normal(1.0, 2.0, (20, 4)).astype(np.float32)
Y = RNG.normal(size=(20, 2)).astype(np.float32)
# The last batch has 4 rows, which are padded here.
FIT = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}


def classes(keras):
    """Layers as lessons write them, for whichever library is given."""
    layers = keras.layers

    class Linear(layers.Layer):
        def __init__(self, units=32, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.activation = keras.activations.get(activation)

        def build(self, input_shape):
            self.w = self.add_weight(
                shape=(input_shape[-1], self.units),
                initializer="random_normal",
                regularizer="l2",
                constraint="unit_norm",
                trainable=True,
                name="w",
            )
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
            self.fixed = self.add_weight(
                shape=(), initializer="ones", trainable=False, name="fixed"
            )

        def call(self, inputs):
            return self.activation(inputs @ self.w + self.b) * self.fixed

    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = layers.Dense(5, activation="tanh", kernel_regularizer="l2")
            self.rest = [Linear(4, "tanh"), layers.Dropout(0.0), Linear(3)]

        def call(self, inputs, training=None):
            x = self.first(inputs)
            for layer in self.rest:
                x = layer(x)
            return x

    class Residual(layers.Layer):
        def build(self, input_shape):
            self.inner = layers.Dense(input_shape[-1], activation="tanh")
            self.inner.build(input_shape)

        def call(self, x):
            return x + self.inner(self.inner(x))

    return [Linear(6, "tanh", name="one"), Block(), Residual(), layers.Dense(2)]


def test_one_source_trains_as_in_keras():
    model = jn.Sequential([jn.Input((4,)), *classes(jn)])
    model.compile(jn.optimizers.SGD(0.05), "mse")
    with keras_on_jax() as keras:
        other = keras.Sequential([keras.Input((4,)), *classes(keras)])
        other.compile(keras.optimizers.SGD(0.05), "mse")
        paths = [weight.path.split("/", 1)[1] for weight in other.weights]
        given = dict(zip(paths, other.get_weights(), strict=True))
        theirs = other.fit(X, Y, **FIT).history["loss"]
        after = dict(zip(paths, other.get_weights(), strict=True))
        counts = other.count_params(), len(other.trainable_weights)
    own = [weight.path for weight in model.weights]
    assert len(own) == len(given) == 15

    def ordered(theirs):
        # Keras numbers names through the whole program, and the paths are in order.
        shapes = {path: list(by_kind(theirs, path)) for path in {kind(p) for p in own}}
        return [shapes[kind(path)].pop(0) for path in own]

    model.set_weights(ordered(given))
    history = model.fit(X, Y, **FIT).history["loss"]
    assert_close(history, theirs, 1e-5)
    for mine, weight in zip(model.get_weights(), ordered(after), strict=True):
        assert_close(mine, weight, 2e-5)
    assert (model.count_params(), 12) == counts


def kind(path):
    return path.rsplit("/", 1)[-1]


def by_kind(weights, path):
    return (value for name, value in weights.items() if kind(name) == path)

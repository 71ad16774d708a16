"""A hundred steps against Keras, on random data and on Fashion-MNIST."""

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from stepping import BATCH, CLASSES, FEATURES, KEY, LOSS, NET, X, Y, run_loop

from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import Data, epoch_order
from jaxnet_mini.datasets import fashion_mnist
from jaxnet_mini.devices import programs
from jaxnet_mini.layers import Dense, Flatten, Rescaling
from jaxnet_mini.optimizers import SGD, Adam

pytestmark = pytest.mark.usefixtures("quick_compilation")

# A hundred steps against Keras


def keras_weights(params, layers, make_optimizer, x, y, batch_size):
    """Train the same net in Keras, unshuffled, for one epoch."""
    with keras_on_jax() as keras:
        model = keras.Sequential(layers(keras))
        model.build((None, *x.shape[1:]))
        for layer in model.layers:
            if params.get(layer.name):
                kernel, bias = params[layer.name]["kernel"], params[layer.name]["bias"]
                layer.set_weights([np.asarray(kernel), np.asarray(bias)])
        model.compile(optimizer=make_optimizer(keras), loss=LOSS, metrics=["accuracy"])
        history = model.fit(
            x, y, batch_size=batch_size, epochs=1, shuffle=False, verbose=0
        ).history
        weights = {
            layer.name: dict(zip(("kernel", "bias"), layer.get_weights(), strict=True))
            for layer in model.layers
            if params.get(layer.name)
        }
    return weights, {name: values[0] for name, values in history.items()}


AS_KERAS = [
    (SGD(), lambda keras: keras.optimizers.SGD()),
    (
        SGD(0.05, momentum=0.9, nesterov=True),
        lambda keras: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    ),
    (Adam(), lambda keras: keras.optimizers.Adam()),
]


@pytest.mark.parametrize(("optimizer", "in_keras"), AS_KERAS, ids=["sgd", "m", "adam"])
def test_a_hundred_steps_on_random_data_are_those_of_keras(optimizer, in_keras):
    trainer = Trainer(NET, LOSS, optimizer, metrics=("accuracy",))
    state = trainer.init(KEY, (FEATURES,))

    def layers(keras):
        return [
            keras.layers.Dense(16, activation="relu", name="dense"),
            keras.layers.Dense(CLASSES, activation="softmax", name="dense_1"),
        ]

    weights, history = keras_weights(state.params, layers, in_keras, X, Y, BATCH)
    state, totals = run_loop(trainer, state)
    assert_within(state.params, weights, 1e-4)
    logs = trainer.logs(totals)
    assert list(logs) == ["accuracy", "loss"]
    for name, value in history.items():
        assert float(logs[name]) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "in_keras"),
    [AS_KERAS[0], AS_KERAS[2]],
    ids=["sgd", "adam"],
)
def test_a_hundred_steps_on_fashion_mnist_are_those_of_keras(
    optimizer, in_keras, fashion_mnist_folder
):
    (images, labels), _ = fashion_mnist.load_data(fashion_mnist_folder)
    images, labels = images[:3200], labels[:3200].astype(np.int32)
    net = serial(
        Flatten(), Rescaling(1 / 255), Dense(128, "relu"), Dense(10, "softmax")
    )
    trainer = Trainer(net, LOSS, optimizer, metrics=("accuracy",))
    state = trainer.init(KEY, (28, 28))

    def layers(keras):
        return [
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu", name="dense"),
            keras.layers.Dense(10, activation="softmax", name="dense_1"),
        ]

    scaled = images.astype(np.float32) / 255
    weights, history = keras_weights(state.params, layers, in_keras, scaled, labels, 32)
    order = epoch_order.order([0], epoch=0, rows=3200, batch_size=32, shuffle=False)
    examples = Data(jnp.asarray(images), jnp.asarray(labels), None, jnp.asarray(3200))
    progress = programs.loop(trainer, state, examples, jnp.asarray(order), 0, 100)
    assert_within(progress.state.params, weights, 1e-4)
    logs = trainer.logs(progress.sums.value())
    for name, value in history.items():
        assert float(logs[name]) == pytest.approx(value, abs=1e-4)


def assert_within(params, weights, tolerance):
    for layer, parts in weights.items():
        for name, expected in parts.items():
            np.testing.assert_allclose(
                params[layer][name], expected, rtol=0, atol=tolerance
            )

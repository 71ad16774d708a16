"""A small classifier in both libraries, its data, and stand-ins for a model."""

import warnings

import numpy as np
from conftest import keras_on_jax
from hypothesis import strategies

import jaxnet_mini as jn

ROWS, FEATURES, CLASSES = 20, 4, 3


def data(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    return x, rng.integers(0, CLASSES, rows)


def ours():
    model = jn.Sequential(
        [jn.Dense(5, "relu", input_shape=(FEATURES,)), jn.Dense(CLASSES, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def theirs(weights):
    with keras_on_jax() as keras:
        model = keras.Sequential(
            [
                keras.Input((FEATURES,)),
                keras.layers.Dense(5, "relu"),
                keras.layers.Dense(CLASSES, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.set_weights(weights)
    return model


class Optimizer:
    """As much of an optimizer as callbacks ask for: a rate, held in float32."""

    def __init__(self, learning_rate):
        self.learning_rate = learning_rate

    @property
    def learning_rate(self):
        return float(self.held)

    @learning_rate.setter
    def learning_rate(self, value):
        self.held = np.float32(value)


class OurModel:
    """As much of a model as callbacks ask for; ``params`` is whatever a test says."""

    weights_name = "params"

    def __init__(self, learning_rate=0.1):
        self.stop_training = False
        self.params = None
        self.layer_state = {}
        self.optimizer = Optimizer(learning_rate)
        self.saved = []

    def save(self, path, overwrite):
        self.saved.append(("save", path, overwrite))

    def save_weights(self, path, overwrite):
        self.saved.append(("save_weights", path, overwrite))


class TheirModel(OurModel):
    """The same for Keras's callbacks, which ask for copies of the weights."""

    weights_name = "current"

    def __init__(self, learning_rate=0.1):
        super().__init__(learning_rate)
        self.current = None
        self.metrics = []

    def get_weights(self):
        return self.current

    def set_weights(self, weights):
        self.current = weights


def drive(callback, model, values, note, monitor="val_loss"):
    """Call the hooks of epochs as ``fit`` would.

    Args:
        callback: of either library.
        model: its stand-in.
        values: that of the monitor in each epoch; None where it is not logged.
        note: called with callback, model and logs after each epoch.

    Returns:
        What ``note`` returned, as text, in which NaN is equal to NaN.
    """
    callback.set_model(model)
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    story = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callback.on_train_begin({})
        for epoch, value in enumerate(values):
            setattr(model, model.weights_name, f"weights after epoch {epoch}")
            callback.on_epoch_begin(epoch, {})
            logs = {"loss": 1.0} | ({} if value is None else {monitor: value})
            callback.on_epoch_end(epoch, logs)
            story.append(repr(note(callback, model, logs)))
            if model.stop_training:
                break
        callback.on_train_end({})
    return story


VALUES = strategies.lists(
    # Exact in float32, in which Keras compares them, and often equal.
    strategies.integers(-8, 8).map(lambda number: number / 8)
    | strategies.sampled_from([float("nan"), float("inf"), -float("inf"), None]),
    min_size=1,
    max_size=20,
)
"""Values of a monitor, epoch by epoch."""

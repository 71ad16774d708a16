"""What tests of fit share, and those that ask Keras."""

import numpy as np

import jaxnet_mini as jn

FEATURES, CLASSES = 4, 3


def problem(rows=40, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    return x, rng.integers(0, CLASSES, rows)


def classifier(optimizer="adam", seed=None, dropout=0.5):
    model = jn.Sequential(
        [
            jn.Dense(6, "relu", input_shape=(FEATURES,)),
            jn.Dropout(dropout),
            jn.Dense(CLASSES, "softmax"),
        ],
        seed=seed,
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def line(activation=None, optimizer=None):
    """``y = w x`` from w = 1: every step can be followed by hand."""
    model = jn.Sequential(
        [jn.Dense(1, activation, False, kernel_initializer="ones", input_shape=(1,))]
    )
    model.compile(optimizer or jn.optimizers.SGD(1.0), "mse")
    return model


ONES = np.ones((40, 1), np.float32)

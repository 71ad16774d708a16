"""Models whose files go between here and versions of Keras.

The same words make them in both. The Python of an old Keras runs this as a program,
with folders of what is read and written there, and names of what is not trained on.
"""

import os
import sys

import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype(np.float32)
KIND = RNG.integers(0, 3, 40)
Y = RNG.normal(size=(40, 1)).astype(np.float32)
FIT = {"batch_size": 8, "shuffle": False, "verbose": 0}


def row(library):
    """Layers in a row, with state and with layers inside one."""
    layers = library.layers
    model = library.Sequential(
        [
            library.Input((4,)),
            layers.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2, 3, 4]),
            layers.Dense(6, activation="relu", name="first"),
            layers.BatchNormalization(momentum=0.8),
            layers.Dropout(0.0),
            layers.Dense(5, use_bias=False),
            layers.PReLU(),
            library.Sequential([library.Input((5,)), layers.Dense(4), layers.PReLU()]),
            layers.LayerNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    return model, settings, X, KIND


def branches(library):
    """Two inputs and two outputs, and a model inside the model."""
    layers = library.layers
    wide, deep = library.Input((4,), name="wide"), library.Input((4,), name="deep")
    inside = library.Sequential(
        [
            library.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.Dense(4, use_bias=False),
        ]
    )
    hidden = layers.BatchNormalization()(inside(deep))
    both = layers.Concatenate()([wide, layers.Add()([hidden, wide])])
    main = layers.Dense(1, name="main")(both)
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden)
    model = library.Model([wide, deep], [main, kind])
    settings = {"loss": ["mse", "sparse_categorical_crossentropy"]}
    return model, settings, [X, X * 2], [Y, KIND]


def shared(library):
    """A layer that two inputs share, and that is called on its own output."""
    layers = library.layers
    one, other = library.Input((4,), name="one"), library.Input((4,), name="other")
    twice = layers.Dense(4, activation="tanh")
    hidden = twice(other)
    less = layers.Subtract()([twice(one), twice(hidden)])
    ends = [layers.Dense(1)(less), layers.Dense(1)(hidden)]
    model = library.Model([one, other], ends)
    return model, {"loss": ["mse", "mae"]}, [X, X * 2], [Y, Y]


def frozen(library):
    """Layers that do not learn."""
    layers = library.layers
    model = library.Sequential(
        [
            library.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dense(1),
        ]
    )
    for layer in model.layers[:2]:
        layer.trainable = False
    return model, {"loss": "mse"}, X, Y


KINDS = {
    "row": (row, "AdamW", {"weight_decay": 0.01}),
    "branches": (branches, "Adam", {}),
    "shared": (shared, "SGD", {"momentum": 0.9, "nesterov": True}),
    "frozen": (frozen, "SGD", {}),
}
"""Each with its optimizer."""


def write(library, folder):
    """Train each a little, save it, and keep what becomes of it later."""
    for name, (make, kind, arguments) in KINDS.items():
        model, settings, x, y = make(library)
        optimizer = getattr(library.optimizers, kind)(0.01, **arguments)
        model.compile(optimizer, **settings)
        model.fit(x, y, epochs=2, **FIT)
        model.save(f"{folder}/{name}.keras")
        model.save_weights(f"{folder}/{name}.weights.h5")
        before, logs = _outputs(model, x), model.fit(x, y, epochs=3, **FIT).history
        after = _outputs(model, x)
        np.savez(f"{folder}/{name}.npz", before=before, after=after, **logs)


def read(library, folder, untrained=()):
    """Read each, and see that becomes of it what was to become of it.

    Args:
        library: Keras, or what has its words.
        folder: what `write` filled elsewhere.
        untrained: those that are not trained any further.
    """
    for name, (make, *_) in KINDS.items():
        _, _, x, y = make(library)
        with np.load(f"{folder}/{name}.npz") as file:
            expected = dict(file)
        model = library.models.load_model(f"{folder}/{name}.keras")
        _compare(_outputs(model, x), expected.pop("before"), name, 1e-6)
        model.set_weights([np.zeros_like(array) for array in model.get_weights()])
        model.load_weights(f"{folder}/{name}.weights.h5")
        if name not in untrained:
            assert int(model.optimizer.iterations.numpy()) == 10, name
            found = model.fit(x, y, epochs=3, **FIT).history
            found["after"] = _outputs(model, x)
            both = found.keys() & expected.keys()  # 3.0 logs no outputs' own losses
            assert both >= {"loss", "after"}, name
            for what in both:
                _compare(found[what], expected[what], f"{name}: {what}")


def _outputs(model, x):
    """All outputs in one array."""
    outputs = model(x)
    several = outputs if isinstance(outputs, list | tuple) else [outputs]
    return np.concatenate([np.asarray(output) for output in several], axis=-1)


def _compare(found, expected, what, rtol=5e-5):
    """By default as far as rounding alone leads in training.

    One unit in the last place of all weights, before each step, moves what the row
    gives by up to 3e-5.
    """
    np.testing.assert_allclose(found, expected, rtol, atol=1e-6, err_msg=what)


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    keras.utils.set_random_seed(1)  # it depends on the weights how much rounding does
    read(keras, sys.argv[1], sys.argv[3:])
    write(keras, sys.argv[2])
    print(keras.__version__)

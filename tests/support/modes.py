"""A short life of models under options of JAX.

``python tests/support/modes.py OPTION=VALUE`` prints a line of JSON: the hashes of what
came out, by what was done.
"""

import gc
import hashlib
import json
import sys
import tempfile

import jax
import numpy as np

import jaxnet_mini as jn


def value(text):
    """What an option is set to: true, false, a number or a word."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


rng = np.random.default_rng(0)
X = rng.normal(size=(32, 4)).astype(np.float32)
Y = rng.integers(0, 3, 32).astype(np.int32)


def made():
    """A compiled model that draws, penalizes and drops."""
    layers = [
        jn.Dense(6, "relu", kernel_regularizer="l2"),
        jn.Dropout(0.2),
        jn.Dense(3, "softmax"),
    ]
    model = jn.Sequential(layers, seed=1)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def fit(model, *callbacks, **changes):
    """Train with validation, at a rate that changes."""
    hooks = [
        jn.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        jn.callbacks.EarlyStopping("val_loss", patience=5, restore_best_weights=True),
        *callbacks,
    ]
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, "validation_data": (X, Y)}
    return model.fit(X, Y, callbacks=hooks, **options | changes).history


def on_batches(model):
    """Steps, an evaluation and a prediction by hand."""
    return [model.train_on_batch(X[:8], Y[:8]), model.test_on_batch(X[:8], Y[:8])]


def saved(model):
    """What comes back from files, and trains on."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m.safetensors")
        model.save_weights(f"{folder}/m.weights.safetensors")
        loaded = jn.models.load_model(f"{folder}/m.safetensors")
        loaded.load_weights(f"{folder}/m.weights.safetensors")
        return fit(loaded)


def kept(_):
    """A run that is cut within an epoch by an error, and goes on."""

    class Cut(jn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyError("cut")

    with tempfile.TemporaryDirectory() as folder:
        backup = jn.callbacks.BackupAndRestore(folder, 2, delete_checkpoint=False)
        try:
            fit(made(), backup, Cut())
        except KeyError:
            return fit(made(), backup)
    raise AssertionError("nothing was cut")


def streamed(_):
    """Batches from a generator."""
    parts = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 32, 8)] * 2
    return made().fit(iter(parts), epochs=2, steps_per_epoch=4, verbose=0).history


def swept(_):
    """Two members, and both together."""
    options = {"batch_size": 8, "verbose": 0, "validation_data": (X, Y)}
    result = jn.sweep(made(), {"learning_rate": [1e-3, 1e-2]}, X, Y, **options)
    result.table()
    return result.ensemble(2).predict(X)


def failed(_):
    """A loss that turns NaN."""
    model = made()
    fit(model, epochs=1)
    model.optimizer.learning_rate = 1e308 if jax.config.jax_enable_x64 else 1e38
    try:
        model.fit(X, Y, batch_size=8, verbose=0)
    except jn.errors.NonFiniteError as error:
        return str(error)
    raise AssertionError("nothing has failed")


LIFE = {
    "fit": fit,
    "evaluate": lambda model: model.evaluate(X, Y, verbose=0),
    "predict": lambda model: [model.predict(X[:1]), model.predict(X)],
    "call": lambda model: model(X),
    "weights": lambda model: [model.get_weights(), model.optimizer.learning_rate],
    "saved": saved,
    "on batches": on_batches,
    "kept": kept,
    "streamed": streamed,
    "swept": swept,
    "failed": failed,
}


def digest(result):
    """The hash of what came out, or what it was where that is a text."""
    if isinstance(result, str):
        return result
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(result):
        found.update(np.asarray(jax.device_get(leaf), np.float64).tobytes())
    return found.hexdigest()


def lived(names):
    """The hashes of a life."""
    model, found = made(), {}
    for name in names:
        try:
            found[name] = digest(LIFE[name](model))
        except jn.errors.StateError as error:
            found[name] = f"StateError: {error}"
    return found


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        option, _, text = argument.partition("=")
        jax.config.update(option, value(text))
    print(json.dumps(lived(LIFE)))
    gc.collect()

#!/usr/bin/env bash
# keras 3.8.0 on JAX: an error in the middle of fit takes the weights with it
#
# Guess: after a fit that fails, in a callback of one's own or in the data, the model
#   holds the weights of the last step or of the first, as with the other backends.
# Seen: fit keeps the weights to itself while it runs, hands the old ones over to JAX and
#   gives them back at the end of an epoch. Where an exception comes before that, each
#   variable holds None: get_weights, predict, evaluate and a new fit all fail with
#   "'NoneType' object is not callable". Hours of training and what they began from are
#   gone. 3.15.1 gives the weights of the last step back.
# So: save before fit, or let callbacks of your own catch their errors.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.8.0 jax==0.5.3 jaxlib==0.5.3 numpy==2.2.6 h5py==3.16.0
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import warnings

warnings.simplefilter("ignore")
import keras
import numpy as np

print("keras", keras.__version__)
x = np.ones((32, 4), np.float32)


class Failing(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise OSError("the disk is full")


def lost():
    """The calls that fail after a fit that was cut short."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    try:
        model.fit(x, x[:, :1], verbose=0, callbacks=[Failing()])
    except OSError as error:
        print("fit:", error)
    calls = {
        "get_weights": model.get_weights,
        "predict": lambda: model.predict(x, verbose=0),
        "evaluate": lambda: model.evaluate(x, x[:, :1], verbose=0),
        "fit": lambda: model.fit(x, x[:, :1], verbose=0),
    }
    found = []
    for name, call in calls.items():
        try:
            call()
        except TypeError as error:
            assert "'NoneType' object is not callable" in str(error)
            found.append(name)
    return found


print("fails from then on:", found := lost())
assert found == ["get_weights", "predict", "evaluate", "fit"], "they are kept now"
PYTHON

#!/usr/bin/env bash
# keras 3.15.1 on JAX: a generator that fills one buffer anew loses its first batch
#
# Guess: fit takes each batch as it comes (it is turned into an array of the device), so
#   that a generator may use its memory again; or it never does, and all batches go wrong.
# Seen: all batches are right but the first, which is held back while the second one is
#   asked for, and by then has the second one's rows. Batches of the targets 0 to 7 for a
#   model that says 0 and does not learn have a mean error of 3.5, and fit says 3.625:
#   (1 + 1 + 2 + ... + 7) / 8. evaluate says so too. Nothing is printed.
# So: let a generator yield copies, or new arrays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import warnings

warnings.simplefilter("ignore")
import keras
import numpy as np

print("keras", keras.__version__)


def batches(again):
    x, y = np.zeros((4, 1), np.float32), np.zeros((4, 1), np.float32)
    for number in range(8):
        y[:] = number
        yield (x, y) if again else (x.copy(), y.copy())


def model():
    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    silent = keras.Sequential([keras.layers.Input((1,)), dense])
    silent.compile(keras.optimizers.SGD(0.0), "mae")
    return silent


def fitted(again):
    return model().fit(batches(again), verbose=0).history["loss"][0]


evaluated = model().evaluate(batches(True), verbose=0)
print("fit, new arrays:       ", fitted(False))
print("fit, one buffer:       ", fitted(True))
print("evaluate, one buffer:  ", evaluated)
assert fitted(False) == 3.5
assert fitted(True) == evaluated == 3.625, "another number now"
print("the first batch counts as the second one does")
PYTHON

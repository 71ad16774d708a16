#!/usr/bin/env bash
# keras 3.15.1: Huber's delta and the gain of Identity are not saved with a model
#
# Guess: what a constructor takes stands in get_config(), so that a model that is saved
#   and loaded trains as before; losses such as BinaryCrossentropy write theirs.
# Seen: Huber(delta=0.1).get_config() holds the name and the reduction alone. A loaded
#   model computes and minimizes Huber(delta=1.0), without a word: on errors of 3 the
#   loss is 2.5 instead of 0.295, and outliers pull ten times as hard from then on.
#   Likewise Identity(gain=0.5) comes back as Identity(gain=1.0), so that a layer built
#   from a configuration begins with twice the weights.
# So: compile a loaded model anew with the loss that you mean.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder/model.keras" <<'PYTHON'
import warnings

warnings.simplefilter("ignore")
import keras
import numpy as np

print("keras", keras.__version__)
import sys

path = sys.argv[1]
x = np.zeros((8, 1), np.float32)
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", keras.losses.Huber(delta=0.1))
before = model.evaluate(x, x + 3, verbose=0)
model.save(path)
after = keras.models.load_model(path).evaluate(x, x + 3, verbose=0)
print("Huber(delta=0.1) writes", keras.losses.Huber(delta=0.1).get_config())
print(f"loss before saving {before:.4f}, after loading {after:.4f}")
half = keras.initializers.Identity(gain=0.5)
again = keras.initializers.get(keras.initializers.serialize(half))
corners = float(half((2, 2))[0, 0]), float(again((2, 2))[0, 0])
print("Identity(gain=0.5) gives", corners[0], "and after a round trip", corners[1])
smooth = keras.losses.BinaryCrossentropy(label_smoothing=0.1).get_config()
assert smooth["label_smoothing"] == 0.1
assert abs(before - 0.295) < 1e-5
assert abs(after - 2.5) < 1e-5, "delta is saved now"
assert corners == (0.5, 1.0), "gain is saved now"
PYTHON

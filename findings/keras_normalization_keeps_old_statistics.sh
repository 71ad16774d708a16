#!/usr/bin/env bash
# Keras 3.15.1, Normalization: set_weights on an adapted layer changes its weights and
# none of its outputs, until the layer is saved and loaded
#
# Guess: the layer computes with its weights, mean and variance, so that other weights
#   give other outputs, as in every layer.
# Seen: the outputs come from two arrays that adapt and build made of the weights. After
#   set_weights get_weights returns the new ones and calls go on with the old ones; the
#   same weights in a layer that is loaded from a file give the new outputs.
# So: call adapt again, or give mean and variance to the constructor; do not copy
#   weights between such layers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

print("keras", keras.__version__)
x = np.array([[0.0], [2.0], [4.0]], np.float32)
layer = keras.layers.Normalization()
layer.adapt(x)
model = keras.Sequential([keras.Input((1,)), layer])
before = model.predict(x, verbose=0)
mean, variance, *count = layer.get_weights()
layer.set_weights([mean + 100.0, variance, *count])
after = model.predict(x, verbose=0)
print("mean", float(mean.ravel()[0]), "->", float(layer.get_weights()[0].ravel()[0]))
print("outputs", before.ravel(), "->", after.ravel())
model.save("model.keras")
again = keras.models.load_model("model.keras").predict(x, verbose=0)
print("of the same model from a file:", again.ravel())
assert np.array_equal(before, after), "set_weights reaches the outputs now"
assert not np.allclose(after, again)
PYTHON

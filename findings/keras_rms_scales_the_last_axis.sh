#!/usr/bin/env bash
# keras 3.15.1: RMSNormalization(axis=1) normalizes along axis 1 and scales along the last
#
# Guess: axis means the same as in LayerNormalization: the mean square is taken along it,
#   and there is a scale for each of its entries.
# Seen: the scale has the length of axis 1 and is multiplied as it is, so that it lies
#   along the last axis. Of (batch, 3, 4) the layer fails with shapes that cannot be
#   broadcast; of (batch, 3, 3) it is silent and wrong: the scale that belongs to row i
#   is learned by column i. LayerNormalization(axis=1) does it right.
# So: permute the axis to the end, normalize there, and permute back.
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
rng = np.random.default_rng(0)
x = rng.normal(size=(2, 3, 3)).astype(np.float32)
scale = np.array([1, 10, 100], np.float32)
layer = keras.layers.RMSNormalization(axis=1)
layer.build(x.shape)
layer.scale.assign(scale)
found = np.asarray(layer(x))
normal = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + layer.epsilon)
along_one = np.allclose(found, normal * scale[:, None], rtol=1e-4)
along_last = np.allclose(found, normal * scale, rtol=1e-4)
print("(2, 3, 3): scaled along axis 1:", along_one, "- along the last:", along_last)
other = keras.layers.LayerNormalization(axis=1, center=False)
other.build(x.shape)
other.gamma.assign(scale)
centred = x - x.mean(axis=1, keepdims=True)
expected = centred / np.sqrt(x.var(axis=1, keepdims=True) + other.epsilon)
right = np.allclose(other(x), expected * scale[:, None], rtol=1e-3, atol=1e-3)
print("LayerNormalization scales along axis 1:", right)
failed = False
try:
    keras.layers.RMSNormalization(axis=1)(np.ones((2, 3, 4), np.float32))
except ValueError as error:
    failed = "Incompatible shapes" in str(error)
print("(2, 3, 4) fails:", failed)
assert right
assert along_last and not along_one, "it scales along its axis now"
assert failed, "it takes other shapes now"
PYTHON

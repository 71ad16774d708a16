#!/usr/bin/env bash
# safetensors 0.8.0, safetensors.numpy.save: a transposed array comes back with other numbers
#
# Guess: an array that is not in C order is copied into it, or refused, since the format
#   knows shapes and no strides.
# Seen: it is taken without a word. The header gets the logical shape, the file the bytes
#   in the order in which they lie in memory, so that `kernel.T` comes back scrambled:
#   [[0, 3], [1, 4], [2, 5]] is read as [[0, 1], [2, 3], [4, 5]].
# So: give np.ascontiguousarray(array), always. Kernels of PyTorch transposed for another
#   library are the everyday case.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import safetensors
from safetensors.numpy import load, save

print("safetensors", safetensors.__version__)
kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
there = kernel.T
back = load(save({"kernel": there}))["kernel"]
copied = load(save({"kernel": np.ascontiguousarray(there)}))["kernel"]
print("written:", there.tolist())
print("read:   ", back.tolist())
print("read, where a copy in C order was written:", copied.tolist())
assert back.shape == there.shape
assert not np.array_equal(back, there), "the numbers are right now"
assert np.array_equal(back.reshape(-1), kernel.reshape(-1))
assert np.array_equal(copied, there)
PYTHON

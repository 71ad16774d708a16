#!/usr/bin/env bash
# keras 3.15.1 on JAX: keras.random.shuffle(x) of a table moves single numbers, not rows
#
# Guess: "shuffle the elements of a tensor uniformly at random along an axis" moves whole
#   rows, as numpy.random.shuffle and the TensorFlow backend do: each row is still there.
# Seen: each column is shuffled by itself (the backend asks jax.random.permutation for
#   independent=True). No row of a random table is left, and labels shuffled with the same
#   seed fit none of them; sums of columns are the same, so that nothing looks wrong.
# So: draw one permutation of the row numbers, and index with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import keras
import numpy as np

table = np.arange(3000, dtype="float32").reshape(1000, 3)
shuffled = np.asarray(keras.random.shuffle(table, seed=7))
whole = sum(bool(np.all(np.diff(row) == 1.0)) for row in shuffled)
print("keras", keras.__version__, "jax", jax.__version__)
print("rows that are still one of the table's:", whole, "of", len(table))
assert all(set(a) == set(b) for a, b in zip(table.T, shuffled.T, strict=True))
assert whole < 20, "rows stay together now"
PYTHON

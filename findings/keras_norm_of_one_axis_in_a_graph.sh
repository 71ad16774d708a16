#!/usr/bin/env bash
# keras 3.15.1 on jax 0.10.2: a model with ops.norm or ops.quantile over one axis is
# made, and fails on the first data; the same functions work on arrays
#
# Guess: ops.norm(x, axis=-1) and ops.quantile(x, 0.5, axis=-1) do in a model that is
#   written by calling functions what they do on arrays, as ops.median and ops.std do.
# Seen: both give a symbol of the right shape and the model is built, but each call of
#   it raises ValueError: JAX refuses the axis as an argument that is no value, since the
#   step keeps an integer as a list of one. The axis in a tuple, axis=(-1,), works.
# So: give these two functions their axis in a tuple, and call a model once on data
#   before it is trusted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/seen.py" <<'PYTHON'
import jax
import keras
import numpy as np
from keras import ops

STEPS = {
    "norm, axis -1": lambda x: ops.norm(x, axis=-1),
    "norm, axis (-1,)": lambda x: ops.norm(x, axis=(-1,)),
    "quantile, axis -1": lambda x: ops.quantile(x, 0.5, axis=-1),
    "quantile, axis (-1,)": lambda x: ops.quantile(x, 0.5, axis=(-1,)),
    "median, axis -1": lambda x: ops.median(x, axis=-1),
    "std, axis -1": lambda x: ops.std(x, axis=-1),
}
ROWS = np.array([[3.0, 4.0, 0.0], [1.0, 2.0, 2.0]], "float32")
print("keras", keras.__version__, "jax", jax.__version__)
fail = set()
for name, step in STEPS.items():
    on_arrays = np.asarray(step(ops.convert_to_tensor(ROWS)))
    inputs = keras.Input((3,))
    outputs = step(inputs)
    model = keras.Model(inputs, outputs)
    try:
        within = np.asarray(model(ROWS))
        assert np.allclose(within, on_arrays), (within, on_arrays)
    except ValueError as error:
        fail.add(name)
        within = next(line for line in str(error).splitlines() if "hash" in line)
    print(f"{name:21}", on_arrays, outputs.shape, within)
raise SystemExit(
    0 if fail == {"norm, axis -1", "quantile, axis -1"} else "it changed"
)
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.3.5
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/seen.py"

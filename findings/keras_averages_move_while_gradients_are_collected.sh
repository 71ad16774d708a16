#!/usr/bin/env bash
# Keras 3.15.1, use_ema with gradient_accumulation_steps: the average of the weights
# moves at every batch, not at every update
#
# Guess: weights change once in gradient_accumulation_steps batches, and so does their
#   moving average: four batches a step are one batch four times as large.
# Seen: the average is taken after each batch, of weights that have not changed since.
#   With momentum m and n batches a step it keeps m ** n of itself for each update, so
#   that turning on accumulation makes it forget n times as fast.
# So: give ema_momentum ** (1 / n) where gradients are collected over n batches.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

print("keras", keras.__version__)


weight = keras.Variable(np.float32(0.0))
optimizer = keras.optimizers.SGD(
    1.0, use_ema=True, ema_momentum=0.5, gradient_accumulation_steps=4
)
optimizer.build([weight])
seen = []
for batch in range(1, 12):
    optimizer.apply([keras.ops.ones(())])
    average = float(optimizer._model_variables_moving_average[0])
    seen.append((float(weight), average))
    print("batch", batch, "weight", seen[-1][0], "average", average)
# The eighth batch has updated the weight, and the three after it have not.
assert [pair[0] for pair in seen[7:]] == [-2.0] * 4
assert seen[10][1] < seen[7][1], "it waits for the update now"
PYTHON

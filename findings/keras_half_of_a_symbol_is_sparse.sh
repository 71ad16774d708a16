#!/usr/bin/env bash
# keras 3.15.1 on JAX 0.10.2, functional models: a symbol times a number of Python is
# taken for a sparse tensor, and a layer of one's own behind it cannot be called
#
# Guess: the product of a dense input and 0.5 is dense, as that of the input and itself,
#   its quotient by 2 and its sum with 1 are; a layer whose call adds 1 follows any of
#   them.
# Seen: (x * 0.5).sparse is True, and so is (0.5 * x).sparse; that of x / 2, x + 1 and
#   x * x is False. A layer of one's own behind x * 0.5 is traced with a sparse array of
#   JAX: adding 1, slicing, sorting or a softmax in its call raises, where behind x / 2
#   the same layer works. Layers of Keras, such as Dense, are not traced, and go on.
# So: write x / 2.0, or Rescaling(0.5), before layers of your own.
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


class PlusOne(keras.layers.Layer):
    def call(self, x):
        return x + 1


def outcome(scaled):
    x = keras.Input((3,))
    try:
        model = keras.Model(x, PlusOne()(scaled(x)))
    except Exception as error:
        return type(error).__name__
    return np.asarray(model(np.full((1, 3), 4.0))).tolist()


x = keras.Input((3,))
marked = {
    "x * 0.5": (x * 0.5).sparse,
    "0.5 * x": (0.5 * x).sparse,
    "x / 2": (x / 2).sparse,
    "x + 1": (x + 1).sparse,
    "x * x": (x * x).sparse,
}
print("sparse:", marked)
times, over = outcome(lambda x: x * 0.5), outcome(lambda x: x / 2)
print("a layer that adds 1 behind x * 0.5:", times, "and behind x / 2:", over)
assert marked["x * 0.5"] and marked["0.5 * x"]
assert not (marked["x / 2"] or marked["x + 1"] or marked["x * x"])
assert times == "NotImplementedError" and over == [[3.0, 3.0, 3.0]]
PYTHON

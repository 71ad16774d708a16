#!/usr/bin/env bash
# Keras 3.15.1 on JAX 0.10.2: targets by name train a model whose outputs are a list, and
# with sample_weight beside them fit is a KeyError
#
# Guess: outputs have names, y may be a dictionary by these names, and so may (or must)
#   sample_weight.
# Seen: fit(x, {"a": ..., "b": ...}) works for Model(x, [a, b]). The same call with
#   sample_weight={"a": ..., "b": ...} fails with KeyError: 0, and so does one array of
#   weights for all. With y as a list, a list of weights works.
# So: give y and sample_weight as lists in the order of the outputs, or make the outputs
#   a dictionary.
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
x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
weight = np.ones(4, np.float32)


def said(y, sample_weight=None):
    inputs = keras.Input((2,))
    a = keras.layers.Dense(1, name="a")(inputs)
    b = keras.layers.Dense(1, name="b")(inputs)
    model = keras.Model(inputs, [a, b])
    model.compile("sgd", "mse")
    try:
        model.fit(x, y, sample_weight=sample_weight, verbose=0)
        return "trains"
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:60]


by_name = {"a": y, "b": y}
found = {
    "y by name": said(by_name),
    "y by name, weights by name": said(by_name, {"a": weight, "b": weight}),
    "y by name, one array of weights": said(by_name, weight),
    "y and weights in lists": said([y, y], [weight, weight]),
}
for case, what in found.items():
    print(f"{case}: {what}")
assert list(found.values()) == ["trains", "KeyError: 0", "KeyError: 0", "trains"]
PYTHON

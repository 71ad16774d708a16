#!/usr/bin/env bash
# keras 3.15.1: a model with Lambda(keras.ops.sin) is saved, and can never be loaded
#
# Guess: a function of Keras's own is written by its full name and found again; a Python
#   lambda is what is refused, unless safe_mode=False. What save() takes comes back.
# Seen: save() writes {"class_name": "function", "config": "sin"}, and load_model fails
#   with "Could not locate function 'sin'", also with safe_mode=False: the functions of
#   keras.ops are in no table that is searched, those of keras.activations are. The
#   weights are in the file, and only custom_objects={"sin": keras.ops.sin} opens it.
# So: load a model once, right after it was first saved.
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


def comes_back(function, **arguments):
    """Whether a model that calls a function is loaded; saving it never fails."""
    layers = [keras.Input((4,)), keras.layers.Lambda(function), keras.layers.Dense(1)]
    keras.Sequential(layers).save(path)
    try:
        keras.models.load_model(path, **arguments)
    except TypeError as error:
        assert "Could not locate function" in str(error), error
        return False
    return True


seen = {
    "keras.activations.relu": comes_back(keras.activations.relu),
    "keras.ops.sin": comes_back(keras.ops.sin),
    "keras.ops.sin, safe_mode=False": comes_back(keras.ops.sin, safe_mode=False),
    "keras.ops.sin, custom_objects": comes_back(
        keras.ops.sin, custom_objects={"sin": keras.ops.sin}
    ),
}
for what, back in seen.items():
    print(f"{what:31}: {'loaded' if back else 'saved, and cannot be loaded'}")
assert list(seen.values()) == [True, False, False, True], "it is found now"
PYTHON

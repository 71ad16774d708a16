#!/usr/bin/env bash
# keras 3.15.1 on JAX 0.10.2, Model.compile: compiled again without metrics, a model goes
# on to compute and to return those of before
#
# Guess: compile replaces what was compiled, so that after compile("sgd", "mae") nothing
#   is left of metrics=["mse"]: evaluate returns the loss alone, fit logs it alone.
# Seen: the loss is the new one, and the metric of before is still there, in what
#   evaluate returns (a list of two numbers, where code expects one), in the logs of fit
#   and in what callbacks may monitor. Metrics that are given replace it, as meant; so
#   it is the default, None, that leaves them.
# So: make the model anew, or unpack what evaluate returns by return_dict=True.
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
x, y = np.ones((8, 3), "float32"), np.full((8, 1), 2.0, "float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mse"])
first = model.evaluate(x, y, verbose=0, return_dict=True)
model.compile("sgd", "mae")
second = model.evaluate(x, y, verbose=0, return_dict=True)
logs = model.fit(x, y, verbose=0).history
model.compile("sgd", "mae", metrics=["mape"])
third = model.evaluate(x, y, verbose=0, return_dict=True)
print("with mse:", sorted(first), "then without:", sorted(second), "and in fit:", sorted(logs))
print("then with mape:", sorted(third))
assert sorted(first) == sorted(second) == sorted(logs) == ["loss", "mse"]
assert np.isclose(second["loss"] ** 2, second["mse"])
assert sorted(third) == ["loss", "mape"]
PYTHON

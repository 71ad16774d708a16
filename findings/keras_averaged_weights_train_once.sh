#!/usr/bin/env bash
# keras 3.15.1 on JAX: a model whose optimizer averages its weights can be fitted once
#
# Guess: after a fit with use_ema=True, which ends by putting the averages in the place of
#   the weights, another fit goes on from them.
# Seen: it fails in its first step with "'NoneType' object is not callable", behind which
#   JAX refuses to be given one buffer for two arguments. With the weights set to copies
#   of themselves it goes on.
# Why: a weight and its average are then one and the same array, and the step gives up
#   the memory of both. While the error is told, a metric is missing, which hides it.
# So: model.set_weights(model.get_weights()) between the fits.
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

print("keras", keras.__version__, "jax", jax.__version__)
x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")


def fitted_twice(between, **options):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile(keras.optimizers.Adam(**options), "mse")
    model.fit(x, x, verbose=0)
    between(model)
    try:
        model.fit(x, x, verbose=0)
    except Exception as error:
        return f"{type(error).__name__}: {error}; before it {error.__context__}"
    return "goes on"


def nothing(model):
    pass


def copied(model):
    model.set_weights(model.get_weights())


plain = fitted_twice(nothing)
averaged = fitted_twice(nothing, use_ema=True)
helped = fitted_twice(copied, use_ema=True)
print("without averages:", plain)
print("with them:", averaged)
print("with copies of the weights:", helped)
assert plain == helped == "goes on"
assert averaged.startswith("TypeError") and "donate the same buffer twice" in averaged
PYTHON

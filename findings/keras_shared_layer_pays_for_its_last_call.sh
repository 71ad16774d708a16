#!/usr/bin/env bash
# keras 3.15.1 on JAX: of a layer that is called twice, one activity penalty counts
#
# Guess: a layer with an activity_regularizer that two branches share is penalised for
#   what it gives to both, as model.losses, which lists two terms, promises.
# Seen: evaluate adds the penalty of the last call alone, and so does fit: the list is
#   emptied each time the layer is called. Which of the two branches pays depends on the
#   order in which they were written.
# So: put an ActivityRegularization of its own behind each call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np
from keras import layers

print("keras", keras.__version__)


def penalties(factors):
    """What evaluate and fit add, and how many terms the model lists."""
    x = keras.Input((1,))
    shared = layers.ActivityRegularization(l2=1.0)
    calls = [shared(layers.Rescaling(factor)(x)) for factor in factors]
    model = keras.Model(x, layers.Add()(calls))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    one, target = np.ones((1, 1)), np.full((1, 1), sum(factors))
    model(one)
    listed = len(model.losses)
    fitted = model.fit(one, target, verbose=0).history["loss"][0]
    return model.evaluate(one, target, verbose=0), fitted, listed


for factors in ((2.0, 5.0), (5.0, 2.0)):
    evaluated, fitted, listed = penalties(factors)
    both = sum(factor**2 for factor in factors)
    print(f"outputs {factors}: both {both}, evaluate {evaluated}, fit {fitted}, listed {listed}")
    assert evaluated == fitted == factors[-1] ** 2 and listed == 2, "both count now"
PYTHON

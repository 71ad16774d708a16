#!/usr/bin/env bash
# scikeras 0.13.0 with keras 3.15.1: with a random_state each partial_fit takes the rows
# in the order of the one before
#
# Guess: random_state makes a training repeatable as a whole, as in scikit-learn, whose
#   MLPClassifier draws on from one partial_fit to the next: twenty calls are twenty
#   different orders of the rows, and the same twenty when all is run again.
# Seen: the generators are seeded anew at each call. From the second on every epoch has
#   one and the same order, so the same batches; with fit(epochs=20) they are twenty. The
#   fits of warm_start=True, and so loops that stop by hand, have one order as well.
# So: give the epochs to one fit; or leave random_state out, and call
#   keras.utils.set_random_seed once, before the first of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  scikeras==0.13.0 scikit-learn==1.9.1 keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import keras
import numpy as np
import scikeras
from scikeras.wrappers import KerasRegressor

print("scikeras", scikeras.__version__, "keras", keras.__version__)
x, y = np.arange(64, dtype="float32")[:, None], np.zeros(64)
orders = []


class Watch(keras.layers.Layer):
    """Passes its input on, and notes the order of its rows."""

    def call(self, rows, training=False):
        if training:
            jax.debug.callback(lambda taken: orders.append(taken[:, 0].astype(int)), rows)
        return rows


def net():
    return keras.Sequential([keras.Input((1,)), Watch(), keras.layers.Dense(1)])


def estimator(**given):
    fixed = {"loss": "mse", "optimizer": "sgd", "optimizer__learning_rate": 0.0}
    return KerasRegressor(net, batch_size=64, verbose=0, **fixed, **given)


def seen(*calls):
    orders.clear()
    for call in calls:
        call(x, y)
    jax.effects_barrier()
    return [order.tolist() for order in orders]


def different(epochs):
    return len({tuple(order) for order in epochs})


seeded, warm = estimator(random_state=0), estimator(random_state=0, warm_start=True)
epochs = {
    "partial_fit": seen(*[seeded.partial_fit] * 5),
    "warm fit": seen(*[warm.fit] * 5),
    "fit of five epochs": seen(estimator(random_state=0, epochs=5).fit),
}
for run in ("first", "second"):
    keras.utils.set_random_seed(0)
    epochs[f"set_random_seed, {run}"] = seen(*[estimator().partial_fit] * 5)
for name, taken in epochs.items():
    print(f"{name}: {different(taken)} orders, of rows", [order[:4] for order in taken])
assert different(epochs["partial_fit"][1:]) == 1, "each call has an order of its own now"
assert different(epochs["warm fit"][1:]) == 1
assert different(epochs["fit of five epochs"]) == 5
assert different(epochs["set_random_seed, first"]) == 5
assert epochs["set_random_seed, first"] == epochs["set_random_seed, second"]
PYTHON

#!/usr/bin/env bash
# keras 3.15.1: freezing a regularized layer lowers the loss that evaluate reports
#
# Guess: trainable=False stops gradients and nothing else; the same weights on the same
#   rows give the same loss, penalties of frozen kernels included, which are constants.
# Seen: regularizers are looked for among the trainable weights alone. The frozen layer
#   drops out of model.losses, and evaluate's loss falls by its penalty although no
#   weight and no prediction has changed; thawed and compiled again, it is back. A
#   validation loss of fine-tuning is therefore not comparable with that before freezing,
#   and a callback that keeps the best of both keeps the wrong one.
# So: compare a metric across the two phases, which no penalty enters, not the loss.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import warnings

warnings.simplefilter("ignore")
import keras
import numpy as np

print("keras", keras.__version__)
rng = np.random.default_rng(1)
x, y = rng.normal(size=(64, 6)), rng.normal(size=(64, 1))
features = keras.layers.Dense(16, activation="tanh", kernel_regularizer="l2")
model = keras.Sequential([keras.Input((6,)), features, keras.layers.Dense(1)])


def seen(trainable):
    """Loss, its mean squared error alone, and how many penalties the model has."""
    features.trainable = trainable
    model.compile("sgd", "mse", metrics=["mse"])
    loss, error = model.evaluate(x, y, verbose=0)
    return loss, error, len(model.losses)


free, frozen, thawed = seen(True), seen(False), seen(True)
penalty = 0.01 * float(np.sum(np.square(features.get_weights()[0])))
for name, (loss, error, number) in (
    ("trained", free),
    ("frozen", frozen),
    ("trained again", thawed),
):
    print(f"{name:13}: loss {loss:.6f}, mse {error:.6f}, {number} penalties")
print(f"the penalty of the kernel is {penalty:.6f}")
assert abs(free[1] - frozen[1]) < 1e-6, "the weights changed"
assert abs(free[0] - frozen[0] - penalty) < 1e-5, "it is counted now"
assert (free[2], frozen[2], thawed[2]) == (1, 0, 1)
assert abs(thawed[0] - free[0]) < 1e-6
PYTHON

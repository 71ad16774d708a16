#!/usr/bin/env bash
# keras 3.0.5: a layer made with trainable=False says that it is frozen, and is trained
#
# Guess: Dense(3, trainable=False) is frozen, and so is a layer of a model that was saved
#   frozen; layer.trainable tells.
# Seen: the argument is kept and answered, and the weights that build() makes later are
#   trainable all the same: layer.trainable is False, and fit moves its kernel. As a
#   model is read by handing each layer its configuration, everything frozen is thawed by
#   a save and a load. Setting the attribute once the layer is built does freeze it.
#   3.8.0 does as one would think.
# So: set layer.trainable = False after building and after loading; count
#   model.trainable_weights, not the attribute.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.0.5 jax==0.5.3 jaxlib==0.5.3 numpy==2.2.6 h5py==3.16.0 packaging==25.0
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder/model.keras" <<'PYTHON'
import warnings

warnings.simplefilter("ignore")
import keras
import numpy as np

print("keras", keras.__version__)
import sys

path, layers = sys.argv[1], keras.layers
x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)


def moved(model):
    """What the first layer says of itself, and whether fit moves its kernel."""
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.fit(x, x[:, :1], verbose=0)
    return model.layers[0].trainable, not np.array_equal(model.get_weights()[0], before)


def network(**arguments):
    first = layers.Dense(3, **arguments)
    return keras.Sequential([keras.Input((4,)), first, layers.Dense(1)])


made, later = network(trainable=False), network()
later.layers[0].trainable = False
seen = {"made with trainable=False": moved(made), "frozen later": moved(later)}
later.save(path)
seen["frozen later, saved, loaded"] = moved(keras.models.load_model(path))
for what, (trainable, trained) in seen.items():
    print(f"{what:28}: trainable is {trainable}, and fit trains it: {trained}")
frozen, thawed = (False, False), (False, True)
assert [*seen.values()] == [thawed, frozen, thawed], "it is frozen now"
PYTHON

#!/usr/bin/env bash
# keras 3.15.1: the metric "cosine_similarity" is 1 for equal vectors, and the function of
# that name given as a metric is -1; both are logged under one name
#
# Guess: a name and the function that it names are the same metric, as "mse" and
#   keras.losses.mean_squared_error are.
# Seen: the name leads to the class of metrics, whose similarity is 1 at best. The
#   function keras.losses.cosine_similarity is the loss, with the sign turned, -1 at best,
#   and so is the class CosineSimilarity of losses. Nothing tells them apart in the logs:
#   both say cosine_similarity. EarlyStopping or ModelCheckpoint with mode="max" then keep
#   the worst epoch, and curves of two scripts are mirror images.
# So: give the class keras.metrics.CosineSimilarity(), never the function.
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
rng = np.random.default_rng(0)
x = rng.normal(size=(16, 4)).astype(np.float32)


def logged(metric):
    """What a model that returns its input says of itself."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    model.compile("sgd", "mse", metrics=[metric])
    logs = model.evaluate(x, x, verbose=0, return_dict=True)
    return float(logs["cosine_similarity"])


seen = {
    "the name": logged("cosine_similarity"),
    "the class": logged(keras.metrics.CosineSimilarity()),
    "the function": logged(keras.losses.cosine_similarity),
}
for what, value in seen.items():
    print(f"{what:12} logs cosine_similarity: {value:+.3f}")
assert keras.losses.get("cosine_similarity") is keras.losses.cosine_similarity
assert abs(seen["the name"] - 1) < 1e-5
assert abs(seen["the class"] - 1) < 1e-5
assert abs(seen["the function"] + 1) < 1e-5, "they have one sign now"
PYTHON

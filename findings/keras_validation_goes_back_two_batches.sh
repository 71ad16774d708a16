#!/usr/bin/env bash
# keras 3.15.1 on JAX: each validation by a generator begins with its first two batches
#
# Guess: validation_data that is an endless generator, with validation_steps=3, is
#   evaluated on three new batches after each epoch, as training takes new ones.
# Seen: after each epoch the first two batches come again, and then one new one. With
#   validation_steps=2 all epochs are validated on the same two, and the generator is
#   never asked for a third; with 1 on the first alone. Training does go on.
# Why: the two that are looked at when the generator comes in are put before whatever
#   iterator is made of it, and an evaluation makes one each time.
# So: give arrays or a PyDataset, or pass over the first two batches in the figures.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import itertools

import keras
import numpy as np

print("keras", keras.__version__)


def numbered(asked):
    """Batches of which the n-th has an error of n."""
    for n in itertools.count():
        asked.append(n)
        yield np.full((4, 1), n, "float32"), np.zeros((4, 1), "float32")


model = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1.0)])
model.compile("sgd", "mean_absolute_error")
found = {}
for steps in (1, 2, 3):
    asked, trained = [], []
    history = model.fit(
        numbered(trained),
        steps_per_epoch=2,
        validation_data=numbered(asked),
        validation_steps=steps,
        epochs=3,
        verbose=0,
    ).history
    sums = [round(steps * loss) for loss in history["val_loss"]]
    losses = [round(2 * loss) for loss in history["loss"]]
    print(f"{steps} steps: sums of the validated {sums}, asked for {len(asked)}; trained {losses}")
    found[steps] = sums
    assert losses == [0 + 1, 2 + 3, 4 + 5], losses
assert found == {1: [0, 0, 0], 2: [1, 1, 1], 3: [0 + 1 + 2, 0 + 1 + 3, 0 + 1 + 4]}, found
PYTHON

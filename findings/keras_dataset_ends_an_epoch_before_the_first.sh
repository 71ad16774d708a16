#!/usr/bin/env bash
# keras 3.15.1 on JAX: a PyDataset is told that an epoch has ended before there was one
#
# Guess: on_epoch_end of a PyDataset is called once after each epoch, two times for two
#   epochs, so that what it changes there counts from the second epoch on.
# Seen: fit looks at the first batch, calls on_epoch_end, and then begins: three times for
#   two epochs. A dataset that raises its difficulty (or its seed, or its share of rare
#   rows) in on_epoch_end trains epoch 1 on what was meant for epoch 2, and nothing of
#   epoch 1 but one batch that is thrown away. evaluate calls it before its only pass, so
#   that a pass of validation by hand sees other rows than were there. on_epoch_begin
#   comes once more as well. Nothing is printed.
# So: let a dataset count in a callback's on_epoch_end, or go by numbers of its own.
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


class Curriculum(keras.utils.PyDataset):
    """Three batches of rows whose targets say for which epoch they were made."""

    def __init__(self):
        super().__init__()
        self.level, self.ends = 1, 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.zeros((4, 1), "float32"), np.full((4, 1), self.level, "float32")

    def on_epoch_end(self):
        self.ends += 1
        self.level += 1


# Says 0 and learns nothing: its mean error is the level that it was given.
silent = keras.Sequential(
    [keras.layers.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")]
)
silent.compile(keras.optimizers.SGD(0.0), "mae")
lessons = Curriculum()
levels = silent.fit(lessons, epochs=2, shuffle=False, verbose=0).history["loss"]
print("levels of epochs 1 and 2:", levels, "- ends that were told:", lessons.ends)
once = Curriculum()
level = silent.evaluate(once, verbose=0)
print("level of the only pass of evaluate:", level, "- ends:", once.ends)
assert levels == [2.0, 3.0] and lessons.ends == 3, "fit begins with level 1 now"
assert level == 2.0 and once.ends == 2, "evaluate begins with level 1 now"
print("each pass is given what was meant for the one after it")
PYTHON

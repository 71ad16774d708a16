#!/usr/bin/env bash
# keras 3.15.1: counting metrics stand still at 16,777,216
#
# Guess: Precision, Recall, AUC and means hold for as many rows as a disk holds; counts
#   are integers, or wide enough.
# Seen: counts and totals are single float32 variables. From 2^24 on adding 1 changes
#   nothing: after 16,777,216 true positives, a thousand more batches with one each leave
#   the count where it is, and a thousand with three each add 4,000. A mean's count stops
#   likewise, so that later rows do not count at all. An evaluation row by row of a click
#   log reaches that within a day.
# So: evaluate in parts of a few million rows, or in large batches, and add up in Python.
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
MANY, LATER = 2**24, 1000


def counted(each):
    """True positives beyond the first MANY, of LATER batches of ``each``."""
    metric = keras.metrics.TruePositives()
    metric.update_state(np.ones(MANY, np.float32), np.ones(MANY, np.float32))
    for _ in range(LATER):
        metric.update_state(np.ones(each, np.float32), np.ones(each, np.float32))
    return int(metric.result()) - MANY


ones, threes = counted(1), counted(3)
print(f"{LATER} batches of 1 true positive: {ones} more were counted")
print(f"{LATER} batches of 3 true positives: {threes} more were counted")
mean = keras.metrics.Mean()
mean.update_state(np.zeros(MANY, np.float32))
for _ in range(LATER):
    mean.update_state([1.0])
print("a mean's count of rows grew by", int(mean.count) - MANY)
assert ones == 0, "they are counted now"
assert threes == 4 * LATER
assert int(mean.count) == MANY
PYTHON

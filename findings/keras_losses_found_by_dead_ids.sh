#!/usr/bin/env bash
# keras 3.15.1 on JAX: what layers add to the loss counts twice, or not at all, by chance
#
# Guess: a model of a subclass whose layers call add_loss gives the same loss for the
#   same rows each time, the sum of what was added.
# Seen: of three hundred traces of one model, as fit and evaluate make them for each new
#   number of rows, a few give two terms where three were added; with Python 3.13 and JAX
#   0.12 most give four or five. Sixty times the same fit and evaluate of a larger model
#   gave another loss in one fit and in three evaluations.
# Why: a term is found again by the id() of its array. stateless_call calls the model's
#   call itself, so that the model never forgets the ids of the traces before, and each
#   layer forgets its own only in the middle of the trace; Python gives ids out again.
# So: a model without add_loss, a train_step that adds the terms itself, or one trace.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
from collections import Counter

import jax
import keras
import numpy as np
from keras import layers, ops

print("keras", keras.__version__, "jax", jax.__version__)


class Penalty(layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        self.add_loss(self.factor * ops.mean(x))
        return x


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.outputs = layers.Dense(4), layers.Dense(3)
        self.first, self.second = Penalty(1.0), Penalty(10.0)

    def call(self, x):
        x = self.first(self.hidden(x))
        self.add_loss(100.0 * ops.mean(x))
        return self.outputs(self.second(x))


net = Net()
net(np.ones((1, 3), "float32"))
weights = [weight.value for weight in net.trainable_variables]
counts = Counter()
for rows in range(1, 301):
    ones = jax.ShapeDtypeStruct((rows, 3), "float32")
    terms = jax.eval_shape(
        lambda x: net.stateless_call(weights, [], x, return_losses=True)[2], ones
    )
    counts[len(terms)] += 1
print("terms of the loss, and in how many of 300 traces:", dict(sorted(counts.items())))
assert set(counts) != {3}, "each trace finds the three terms now"
PYTHON

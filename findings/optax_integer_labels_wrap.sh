#!/usr/bin/env bash
# optax 0.2.8, softmax_cross_entropy_with_integer_labels: label -1 is the last class,
# and -100 is NaN
#
# Guess: a label that is no class is an error, or NaN, or, as -100 is in PyTorch, a row
#   that does not count.
# Seen: negative labels count from the end, as indices of NumPy do: -1 marks "unlabelled"
#   in many data sets, and trains the last class. -100 and labels past the end are NaN.
#   With 10 classes -1 to -10 are silently wrong, -11 is not.
# So: check labels before training, and leave rows out by a weight.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax.numpy as jnp
import optax

print("optax", optax.__version__)
logits = jnp.log(jnp.array([[0.7, 0.2, 0.1]]))


def loss(label):
    labels = jnp.array([label])
    return float(optax.softmax_cross_entropy_with_integer_labels(logits, labels)[0])


losses = {label: loss(label) for label in (0, 1, 2, -1, -3, -4, 3, -100)}
for label, value in losses.items():
    print(f"label {label}: {value:.4f}")
assert losses[-1] == losses[2] and losses[-3] == losses[0], "-1 is no class now"
assert all(losses[label] != losses[label] for label in (-4, 3, -100))
PYTHON

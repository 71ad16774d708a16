#!/usr/bin/env bash
# flax 0.12.8, serialization: a list of twelve arrays comes back from msgpack_restore with its
# leaves in another order than a list of ten
#
# Guess: jax.tree.leaves of what was restored are those of what was saved, in their order,
#   so that jax.tree.unflatten(structure, leaves) makes the tree again; for the three layers
#   of the test it does.
# Seen: a list is written as a dictionary with keys "0", "1" and so on, and keys are sorted
#   as strings: 0, 1, 10, 11, 2. From eleven layers on layer 2 gets the weights of layer 10,
#   where widths are equal without any error, and the net predicts something else.
# So: from_bytes(target, data), which goes by the keys.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  flax==0.12.8 jax==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax.serialization import from_bytes, msgpack_restore, to_bytes

print("flax", flax.__version__, "jax", jax.__version__)


def predicted(layers, x):
    for weights in layers:
        x = jnp.tanh(x @ weights)
    return x


x = jax.random.normal(jax.random.key(1), (1, 4))
for count in (10, 12):
    layers = list(jax.random.normal(jax.random.key(0), (count, 4, 4)))
    data = to_bytes(layers)
    back = jax.tree.unflatten(jax.tree.structure(layers), jax.tree.leaves(msgpack_restore(data)))
    order = [
        next(n for n, saved in enumerate(layers) if np.array_equal(saved, leaf)) for leaf in back
    ]
    equal = bool(jnp.allclose(predicted(back, x), predicted(layers, x)))
    print(f"{count} layers: restored in the order {order}, same predictions {equal}")
    assert equal == (count == 10), "the order is kept now"
    given = from_bytes(layers, data)
    assert all(np.array_equal(a, b) for a, b in zip(given, layers))
assert order == [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]
PYTHON

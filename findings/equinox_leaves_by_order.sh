#!/usr/bin/env bash
# equinox 0.13.8, tree_deserialise_leaves: leaves are matched by their order alone, and a
# file that holds more of them than the model is read without a word
#
# Guess: dtype and shape of each leaf are checked (they are), and so is its name, or at
#   least the number of leaves, as the file belongs to one structure.
# Seen: no names are in the file. A module whose two fields of one shape change places
#   in the source gets each other's values; a model with fewer layers than the file takes
#   the first ones and leaves the rest unread. Both are silent. Only a file that is too
#   short fails.
# So: keep a list of paths and shapes beside the file, and compare it at load.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  equinox==0.13.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import io

import equinox as eqx
import jax
import jax.numpy as jnp

print("equinox", eqx.__version__)


class Before(eqx.Module):
    scale: jax.Array
    offset: jax.Array


class After(eqx.Module):
    offset: jax.Array
    scale: jax.Array


def read(written, like):
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, written)
    file.seek(0)
    return eqx.tree_deserialise_leaves(file, like)


ones, zeros = jnp.ones(3), jnp.zeros(3)
swapped = read(Before(scale=ones, offset=zeros), After(scale=zeros, offset=zeros))
print("scale 1, offset 0 came back as scale", swapped.scale[0], "offset", swapped.offset[0])
three = eqx.nn.MLP(4, 4, 4, depth=2, key=jax.random.key(0))
two = read(three, eqx.nn.MLP(4, 4, 4, depth=1, key=jax.random.key(1)))
same = bool(jnp.array_equal(two.layers[1].weight, three.layers[1].weight))
print("a net of 2 layers took the first 2 of a file of 3:", same)
assert float(swapped.scale[0]) == 0.0 and float(swapped.offset[0]) == 1.0
assert same and len(two.layers) == 2
try:
    read(two, three)
    raise SystemExit("a file that is too short is read now")
except Exception as error:
    print("a file that is too short:", type(error).__name__)
PYTHON

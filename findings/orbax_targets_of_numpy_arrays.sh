#!/usr/bin/env bash
# orbax-checkpoint 0.12.8: the shape of a target is compared for arrays of JAX alone; where
# NumPy is on either side, restore returns whatever shape is in the file
#
# Guess: restoring into jax.ShapeDtypeStruct or an array raises where the stored shape is
#   another one ("Truncating/padding is disabled"), whatever kind of array was saved.
# Seen: weights that were saved as NumPy arrays, which is what jax.device_get and
#   get_weights give, come back in the shape of the file: asked for (6, 3), one gets
#   (4, 3), and for a bias of four units that of one unit, which is then added to all four.
#   A target of NumPy is not compared either, whatever was saved; a target that is an
#   array of JAX is, and so is an abstract one where JAX saved. The dtype of the target is
#   always taken: float weights come back as int8, cut towards zero, so that the first
#   weights of a usual network are all 0.
# So: compare shapes and dtypes of what restore returned with those of the target.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import os

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

print("orbax-checkpoint", ocp.__version__)
kernel = np.linspace(-0.9, 0.9, 12, dtype="float32").reshape(4, 3)
saved = {"numpy": {"kernel": kernel}, "jax": {"kernel": jnp.asarray(kernel)}}
abstract, whole = jax.ShapeDtypeStruct((6, 3), np.float32), np.zeros((6, 3), "float32")
targets = {"ShapeDtypeStruct": abstract, "NumPy": whole, "JAX": jnp.asarray(whole)}
seen = {}
with ocp.StandardCheckpointer() as checkpointer:
    for kind, weights in saved.items():
        path = os.path.join(os.getcwd(), kind)
        checkpointer.save(path, weights)
        checkpointer.wait_until_finished()
        for name, target in targets.items():
            try:
                shape = checkpointer.restore(path, {"kernel": target})["kernel"].shape
            except ValueError as error:
                shape = "refused"
                assert "not compatible with the stored shape" in str(error)
            print(f"saved by {kind}, target {name} of (6, 3): {shape}")
            seen[kind, name] = shape
    target = {"kernel": jax.ShapeDtypeStruct((4, 3), np.int8)}
    whole = checkpointer.restore(os.path.join(os.getcwd(), "numpy"), target)["kernel"]
print("float32 weights with a target of int8:", np.unique(whole).tolist(), whole.dtype)
unseen = [pair for pair, shape in seen.items() if shape == (4, 3)]
assert len(seen) == 6 and unseen == [
    ("numpy", "ShapeDtypeStruct"),
    ("numpy", "NumPy"),
    ("jax", "NumPy"),
], "other shapes are compared now"
assert whole.dtype == np.int8 and not whole.any()
PYTHON

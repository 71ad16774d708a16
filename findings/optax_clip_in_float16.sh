#!/usr/bin/env bash
# optax 0.2.8, clip_by_global_norm: moderate float16 gradients become zeros, silently
#
# Guess: the norm is taken in float32, as norms of half-precision gradients usually are,
#   and gradients above the limit are scaled down to it.
# Seen: squares are summed in float16, whose largest number is 65,504. A hundred entries
#   of 60 have a norm of 600, which float16 holds easily, and the sum of their squares,
#   360,000, which it does not. The norm is inf, the gradients are divided by it, and all
#   updates are exactly 0: training stands still without an error, a NaN or a warning.
#   In float32 and in bfloat16 the same gradients are clipped to norm 1.
# So: cast half-precision gradients up before they are clipped.
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
clip = optax.clip_by_global_norm(1.0)
norms = {}
for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
    gradients = {"kernel": jnp.full(100, 60.0, dtype)}
    updates, _ = clip.update(gradients, clip.init(gradients))
    before, after = optax.global_norm(gradients), updates["kernel"].astype(jnp.float32)
    norms[dtype.dtype.name] = float(jnp.linalg.norm(after))
    print(f"{dtype.dtype.name}: norm {before}, after clipping {after[0]:.3f} each")
assert norms["float16"] == 0.0, "float16 is clipped rightly now"
assert abs(norms["float32"] - 1.0) < 1e-5
assert abs(norms["bfloat16"] - 1.0) < 1e-2
PYTHON

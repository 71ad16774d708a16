#!/usr/bin/env bash
# jax 0.10.2 on a CPU: jnp.max of an array with NaN is a number, if the array is large
#
# Guess: NaN goes through jnp.max as through NumPy's, whatever the size, as it did in
#   0.9; and how large the array is would change nothing.
# Seen: up to some thousands of numbers NaN comes out. Above, it is passed over, along
#   any axis, with jit and without, in jnp.min as well: the largest of 100,000 numbers
#   of which one is 3 and the others are NaN is -inf, neither. jnp.sum, jnp.argmax and
#   jnp.isnan see it. So it is in 0.12.0.1, too.
# So: ask jnp.isnan(x).any() for NaN, and no largest absolute value.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

print("jax", jax.__version__)
for size in (10, 1_000, 100_000):
    x = np.full(size, np.nan, np.float32)
    x[0] = 3.0
    found = float(jnp.max(x))
    print(f"{size:7} numbers, one of them 3, the others NaN: {found}")
    assert np.isnan(found) == (size < 100_000), "it does not depend on the size now"
nans = jnp.full(100_000, jnp.nan)
print("100,000 times NaN:", float(jnp.max(nans)), float(jnp.min(nans)))
assert float(jnp.max(nans)) == -np.inf
assert float(jnp.min(nans)) == np.inf
assert np.isnan(float(jnp.sum(nans)))
assert bool(jnp.isnan(nans).any())
rows = np.full((2_000, 5), np.nan, np.float32)
print("2,000 rows of NaN, the largest of each:", np.unique(jnp.max(rows, axis=1)))
assert not np.isnan(np.asarray(jnp.max(rows, axis=1))).any()
PYTHON

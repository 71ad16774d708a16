#!/usr/bin/env bash
# jax 0.10.2, jnp.histogram: counts of bfloat16 numbers stop at 256, those of float16
# at 2,048
#
# Guess: counts are integers, as in NumPy; or they are float32, exact up to 16 million,
#   since the numbers that are counted have nothing to do with how they are counted.
# Seen: each number adds a 1 of its own dtype to its bin, and in bfloat16 256 + 1 is 256.
#   Of 10,000 activations every bin that should hold more says 256, so that a histogram
#   looks flat, or its bars are of one height, and the counts add up to a tenth. With
#   density=True a sum of densities is 1 all the same, and nothing tells. float16 stops
#   at 2,048, float32 at 16,777,216. Counts of histogram2d are right. So it is in
#   0.12.0.1.
# So: jnp.histogram(x.astype(jnp.float32), ...), which is what logs of half-precision
#   weights and activations need.
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
edges = np.linspace(-2, 2, 5)
numbers = np.random.default_rng(0).standard_normal(10_000)
for dtype, limit in [("bfloat16", 256), ("float16", 2048), ("float32", 10_000)]:
    x = jnp.asarray(numbers, dtype)
    exact = np.histogram(np.asarray(x, np.float32), edges)[0]
    counts = np.asarray(jnp.histogram(x, edges)[0], np.float64)
    print(f"{dtype:8} {counts}, of {exact}")
    assert (counts == np.minimum(exact, limit)).all(), "counts go on now"
    again = jnp.histogram(x.astype(jnp.float32), edges)[0]
    assert (np.asarray(again) == exact).all()
x = jnp.asarray(numbers, jnp.bfloat16)
density = jnp.histogram(x, edges, density=True)[0].astype(jnp.float32)
true = np.histogram(np.asarray(x, np.float32), edges, density=True)[0]
print("density of bfloat16", density, "of", true.round(3))
assert abs(float(density.sum()) - 1) < 0.01
assert np.allclose(density, 0.25) and true.max() > 0.33
planes = np.asarray(jnp.histogram2d(x, x, [edges, edges])[0], np.float32)
print("histogram2d, on the diagonal:", np.diag(planes))
assert planes.max() > 3000
PYTHON

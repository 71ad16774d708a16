#!/usr/bin/env bash
# jax 0.10.2: normal numbers and first weights drawn in bfloat16 are 128 numbers, whose
# mean is not 0
#
# Guess: jax.random.normal(key, shape, bfloat16) is what float32 gives, rounded to eight
#   binary digits: thousands of values, mean 0, some beyond four standard deviations.
# Seen: a uniform number of the same dtype, of seven random bits, is sent through the
#   inverse error function. There are 128 different results; the smallest of a million is
#   -2.9 and the largest 2.5, as the uniform grid holds its lower end and not its upper
#   one, and the mean is -0.012, twelve times what chance leaves of a million. First
#   weights that a library asks for in bfloat16 have it worse, since they are truncated
#   normal: mean -0.018 standard deviations, and that of uniform ones is -0.014. In
#   float16 there are 1,024 values.
# So: draw in float32 and cast what was drawn.
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
key, shape = jax.random.key(0), (1000, 1000)
initializers = jax.nn.initializers
draws = {
    "normal": jax.random.normal,
    "lecun_normal": initializers.lecun_normal(),
    "he_uniform": initializers.he_uniform(),
}
means = {}
for name, draw in draws.items():
    full = np.asarray(draw(key, shape, jnp.float32), np.float64)
    cast = np.asarray(draw(key, shape, jnp.float32).astype(jnp.bfloat16), np.float64)
    drawn = np.asarray(draw(key, shape, jnp.bfloat16), np.float64)
    for kind, values in (("cast", cast), ("drawn", drawn)):
        scaled = values / full.std()
        means[name, kind] = scaled.mean()
        print(
            f"{name}, {kind} in bfloat16: {len(np.unique(values))} numbers,",
            f"from {scaled.min():.2f} to {scaled.max():.2f}, mean {scaled.mean():.4f}",
        )
    assert len(np.unique(drawn)) == 128, "more random bits are drawn now"
    assert len(np.unique(cast)) > 1000
    assert abs(means[name, "cast"]) < 0.004 and means[name, "drawn"] < -0.01
PYTHON

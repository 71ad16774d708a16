#!/usr/bin/env bash
# jax 0.10.2, jax.nn.standardize, with flax 0.12.8 and dm-haiku 0.0.17: what is made to have
# a standard deviation of 1 has 0.4, or 29, or 91, where numbers vary about a large mean
#
# Guess: pressures of 1,000 that vary by 0.1 have four good digits of their variation left in
#   float32, so that normalizing them gives about 1; a normalizing layer is there for it.
# Seen: the variance is taken as the mean square less the squared mean, which loses it all:
#   10^6 is known to 0.06, and the variance is 0.01. jax.nn.standardize, the LayerNorm and
#   BatchNorm of flax, in linen and nnx, and the BatchNorm of haiku do so; haiku's own
#   LayerNorm and equinox take the mean of squared differences and are right.
# So: subtract a constant first, or use_fast_variance=False in flax.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 flax==0.12.8 dm-haiku==0.0.17 equinox==0.13.8 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import equinox
import flax
import haiku
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx

print("jax", jax.__version__, "flax", flax.__version__, "haiku", haiku.__version__)
draw = np.random.default_rng(0).standard_normal((1, 64))
key = jax.random.key(0)


def of_flax(layer, x):
    return layer.apply(layer.init(key, x), x, mutable=True)[0]


def of_haiku(layer, x):
    model = haiku.transform_with_state(lambda x: layer()(x))
    return model.apply(*model.init(key, x), None, x)[0]


def batch_of_haiku():
    layer = haiku.BatchNorm(True, True, 0.9)
    return lambda x: layer(x, is_training=True)


wrong = {
    "jax.nn.standardize": jax.nn.standardize,
    "linen.LayerNorm": lambda x: of_flax(linen.LayerNorm(), x),
    "linen.BatchNorm": lambda x: of_flax(linen.BatchNorm(use_running_average=False), x.T),
    "nnx.LayerNorm": lambda x: nnx.LayerNorm(64, rngs=nnx.Rngs(0))(x),
    "haiku.BatchNorm": lambda x: of_haiku(batch_of_haiku, x.T),
}
right = {
    "linen, use_fast_variance=False": lambda x: of_flax(linen.LayerNorm(use_fast_variance=False), x),
    "haiku.LayerNorm": lambda x: of_haiku(lambda: haiku.LayerNorm(-1, True, True), x),
    "equinox.nn.LayerNorm": lambda x: equinox.nn.LayerNorm(64)(x[0]),
}
for name, normalize in (wrong | right).items():
    spread = [
        float(jnp.std(normalize(jnp.asarray(mean + 0.1 * draw, jnp.float32))))
        for mean in (0, 1000, 3000)
    ]
    print(f"{name}: standard deviations", [round(number, 2) for number in spread], "for 0, 1000, 3000")
    assert abs(spread[0] - 1) < 0.01
    off = [abs(number - 1) > 0.3 for number in spread[1:]]
    assert off == ([True, True] if name in wrong else [False, False]), name
PYTHON

#!/usr/bin/env bash
# flax 0.12.8, nnx.Rngs and linen's rngs: streams of two names that are given one seed are
# one stream
#
# Guess: nnx.Rngs(params=0, noise=0) makes two streams; each key is made of the seed and of
#   the name, which is what names are for.
# Seen: the name is not in the key. Both streams give the same keys in the same order, and
#   the noise that is put on the inputs is the first weights times a number: correlation
#   1. Dropout and noise of one seed pick from the same draws at each step. linen does the
#   same for apply(..., rngs={"dropout": key, "noise": key}). nnx.Rngs(0) is another thing:
#   one stream, from which all names take turns.
# So: nnx.Rngs(0), or a seed of its own for each name.
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
from flax import linen, nnx

print("flax", flax.__version__, "jax", jax.__version__)


def correlation(rngs):
    """First weights of a layer, and noise of the shape that they have."""
    layer = nnx.Linear(64, 64, kernel_init=jax.nn.initializers.normal(0.1), rngs=rngs)
    noise = jax.random.normal(rngs.noise(), (64, 64))
    return jnp.corrcoef(layer.kernel[...].ravel(), noise.ravel())[0, 1].item()


one, two, taken = (
    correlation(rngs)
    for rngs in (nnx.Rngs(params=0, noise=0), nnx.Rngs(params=0, noise=1), nnx.Rngs(0))
)
print(f"weights and noise: correlation {one:.3f} for Rngs(params=0, noise=0)")
print(f"  {two:.3f} for Rngs(params=0, noise=1), {taken:.3f} for Rngs(0)")
assert one > 0.999, "names are in the keys now"
assert abs(two) < 0.1 and abs(taken) < 0.1


class Streams(linen.Module):
    @linen.compact
    def __call__(self):
        return [jax.random.uniform(self.make_rng(name)).item() for name in ("dropout", "noise")]


key = jax.random.key(0)
drawn = Streams().apply({}, rngs={"dropout": key, "noise": key})
print("linen, dropout and noise of one key:", drawn)
assert drawn[0] == drawn[1], "names are in the keys of linen now"
PYTHON

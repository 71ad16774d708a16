#!/usr/bin/env bash
# jax 0.10.2, jax.random.key: seeds that differ by a multiple of 2^32 give one key
#
# Guess: a seed that does not fit is an error, as it is in other places where an integer
#   of Python is too large, or all of its bits are mixed into the key, which has 64.
# Seen: without 64-bit mode the upper half of the seed is dropped without a word: 0, 2^32
#   and 2^40 are the same key, and -1 is 2^32 - 1. Only beyond 64 bits there is an error.
#   With jax_enable_x64 the same seeds give different keys, so that one script with one
#   seed draws other numbers by that switch alone. Seeds taken from a clock in
#   nanoseconds, or built as run * 2^32 + member, meet this.
# So: keep seeds below 2^32, and tell runs apart with jax.random.fold_in.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax

print("jax", jax.__version__)


def key(seed):
    return jax.random.key_data(jax.random.key(seed)).tolist()


seeds = (0, 7, 2**32, 2**32 + 7, 2**40, -1, 2**32 - 1)
narrow = {seed: key(seed) for seed in seeds}
jax.config.update("jax_enable_x64", True)
wide = {seed: key(seed) for seed in seeds}
for seed in seeds:
    print(f"seed {seed}: {narrow[seed]} by default, {wide[seed]} in 64 bits")
assert narrow[0] == narrow[2**32] == narrow[2**40], "they differ now"
assert narrow[7] == narrow[2**32 + 7] and narrow[-1] == narrow[2**32 - 1]
assert len({tuple(value) for value in wide.values()}) == len(seeds)
try:
    key(2**64)
    raise SystemExit("2^64 is a seed now")
except OverflowError:
    print("seed 2^64: OverflowError")
PYTHON

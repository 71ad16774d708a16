#!/usr/bin/env bash
# jax 0.10.2 on a CPU: device_put(x, may_alias=False) shares the memory of a NumPy array
#
# Guess: may_alias=False is there to ask for a copy, so that the array may be filled anew
#   once device_put has returned.
# Seen: an array whose memory begins at a multiple of 64 bytes is shared all the same,
#   and what is written into it later changes the JAX array, which everybody takes to be
#   immutable. One that begins elsewhere is copied: whether a program is right depends on
#   where an allocation happened to land. jnp.array(x, copy=True) copies always.
# So: ask jnp.array(..., copy=True), or copy by hand, where a buffer is used again.
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


def buffer(offset):
    """64 ones that begin ``offset`` bytes behind a multiple of 64."""
    memory = np.empty(64 * 4 + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    ones = memory[start : start + 64 * 4].view(np.float32)
    ones[:] = 1
    return ones


def seen(put, offset):
    array = buffer(offset)
    there = jax.block_until_ready(put(array))
    array[:] = 2
    return float(there[0])


def asked_for_a_copy(x):
    return jax.device_put(x, may_alias=False)


def copied(x):
    return jnp.array(x, copy=True)


print("device_put(may_alias=False), aligned: ", seen(asked_for_a_copy, 0))
print("device_put(may_alias=False), 4 behind:", seen(asked_for_a_copy, 4))
print("jnp.array(copy=True), aligned:        ", seen(copied, 0))
assert seen(asked_for_a_copy, 0) == 2.0, "it is copied now"
assert seen(asked_for_a_copy, 4) == 1.0
assert seen(copied, 0) == 1.0
PYTHON

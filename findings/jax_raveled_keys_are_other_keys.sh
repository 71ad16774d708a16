#!/usr/bin/env bash
# jax 0.10.2, jax.flatten_util.ravel_pytree: a random key and a count of steps that are
# raveled with weights come back as others
#
# Guess: ravel_pytree gives a vector and the function that makes the tree of it again, so
#   that unravel(vector) is the tree, with its types and its numbers.
# Seen: the vector is of one type, that of all leaves together, and for float32 with
#   integers this is float32. A key of two 32-bit numbers is rounded to 24 bits and comes
#   back as uint32, which looks right and draws other numbers. Beside bfloat16 weights a
#   count of 1,001 steps is 1,000, and the bias correction and the schedule of optax go on
#   from there. No error, no warning.
# So: ravel the float leaves alone (equinox.partition, or a tree of weights only).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 optax==0.2.8 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

print("jax", jax.__version__)
state = {"weights": jnp.ones(3), "key": jax.random.split(jax.random.PRNGKey(0))[0]}
vector, unravel = ravel_pytree(state)
back = unravel(vector)
print("key", state["key"], "comes back as", back["key"], "through", vector.dtype)
assert back["key"].dtype == jnp.uint32 and vector.dtype == jnp.float32
assert not jnp.array_equal(back["key"], state["key"]), "keys survive now"
drawn = [jax.random.uniform(tree["key"]).item() for tree in (state, back)]
print("it draws", drawn[1], "for", drawn[0])
assert drawn[0] != drawn[1]

weights = jnp.ones(3, jnp.bfloat16)
rule = optax.adam(1e-3)
state = rule.init(weights)
for _ in range(1001):
    state = rule.update(weights, state)[1]
vector, unravel = ravel_pytree(state)
counts = [int(tree[0].count) for tree in (state, unravel(vector))]
print(f"Adam on {weights.dtype}: {counts[0]} steps come back as {counts[1]}")
assert counts == [1001, 1000], "counts survive now"
PYTHON

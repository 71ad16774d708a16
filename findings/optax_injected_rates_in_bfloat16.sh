#!/usr/bin/env bash
# optax 0.2.8, inject_hyperparams: Adam on bfloat16 weights is NaN from its first step on
#
# Guess: inject_hyperparams(optax.adam)(0.01), which is there so that the rate can be set
#   by hand later, gives the updates of optax.adam(0.01).
# Seen: not the rate alone but every number that adam takes becomes an array, and that of
#   the dtype of the weights. bfloat16 has nothing between 0.996 and 1: b2=0.999 is
#   stored as 1, the correction divides by 1 - 1, and all weights are NaN after one step.
#   b1=0.9 becomes 0.8984. Adam itself, whose decays are numbers of Python, is right on
#   the same weights and gradients.
# So: give hyperparam_dtype=jnp.float32.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax.numpy as jnp
import numpy as np
import optax

print("optax", optax.__version__)
injected = optax.inject_hyperparams
optimizers = {
    "adam": optax.adam(0.01),
    "injected": injected(optax.adam)(0.01),
    "injected float32": injected(optax.adam, hyperparam_dtype=jnp.float32)(0.01),
}
after = {}
for dtype in (jnp.float32, jnp.bfloat16):
    for name, optimizer in optimizers.items():
        weights = jnp.array([1.0, -2.0], dtype)
        state = optimizer.init(weights)
        decay = getattr(state, "hyperparams", {}).get("b2", 0.999)
        for _ in range(3):
            updates, state = optimizer.update(jnp.array([0.5, -0.1], dtype), state, weights)
            weights = optax.apply_updates(weights, updates)
        after[dtype.dtype.name, name] = np.asarray(weights, np.float32)
        print(f"{dtype.dtype.name}, {name}: b2 {decay}, weights {weights.tolist()}")
right = after["float32", "adam"]
for (dtype, name), weights in after.items():
    if (dtype, name) == ("bfloat16", "injected"):
        assert np.all(np.isnan(weights)), "decays keep their digits now"
    else:
        assert np.allclose(weights, right, atol=0.02)
PYTHON

#!/usr/bin/env bash
# optax 0.2.8, contrib.reduce_on_plateau: a loss below zero never stops improving
#
# Guess: a loss that stands still is a plateau, at 1.0 as at -1.0: log likelihoods of
#   densities, lower bounds and negated scores are below zero.
# Seen: "better" is below (1 - rtol) times the best, with rtol 1e-4. Of a negative best
#   that is a number above it, so that standing still is an improvement at each step, and
#   so is getting worse by less than a ten-thousandth: the best follows it upwards. A
#   loss that creeps from -1.00 to -0.94 is said to improve a thousand times. The rate is
#   never reduced, and nothing warns. The same losses plus 10 reduce it again and again.
# So: rtol=0.0 with an atol, reduce_on_plateau(rtol=0.0, atol=1e-4), or add a constant
#   that keeps the values above zero.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import optax

print("optax", optax.__version__)


def scales(losses, **options):
    plateau = optax.contrib.reduce_on_plateau(factor=0.5, patience=5, **options)

    def step(state, loss):
        _, state = plateau.update(jnp.zeros(()), state, value=loss)
        return state, state.scale

    losses = jnp.asarray(losses, jnp.float32)
    return np.asarray(jax.lax.scan(step, plateau.init(jnp.zeros(())), losses)[1])


still, rising = np.zeros(1000), np.linspace(0, 0.06, 1000)
for name, losses in (("standing still", still), ("getting worse", rising)):
    below, above = scales(losses - 1)[-1], scales(losses + 10)[-1]
    absolute = scales(losses - 1, rtol=0.0, atol=1e-4)[-1]
    print(f"{name}: from -1, the rate times {below:.3g}; from 10, {above:.3g};", end=" ")
    print(f"from -1 with rtol=0, {absolute:.3g}")
    assert below == 1, "plateaus below zero are found now"
    assert above < 0.001 and absolute < 0.001
PYTHON

#!/usr/bin/env bash
# optimistix 0.1.0, OptaxMinimiser: Adam with a rate of 1e-3 and a tolerance of 1e-3 has
# "converged" after two steps, wherever it began
#
# Guess: a solution marked as successful is one where the gradient is small, or where the
#   loss has stopped to fall; an optimiser that still walks at full pace goes on until
#   max_steps, and says that it has not converged.
# Seen: what is compared with the tolerances is the last step and the last change of the
#   loss. Optax makes steps as small as its learning rate says, so that the rate decides:
#   Adam's first step is the rate itself, and a rate below the tolerance ends the search
#   where it began, with RESULTS.successful. So do the first steps of gradients that
#   are collected (optax.MultiSteps), which are zero by design. The larger rate of 0.1
#   arrives. No exception, also with throw=True.
# So: look at the gradient of what is returned; give rtol and atol a hundred times below
#   the learning rate; run a fixed number of steps with MultiSteps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  optimistix==0.1.0 equinox==0.13.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata

import jax
import jax.numpy as jnp
import optax
import optimistix

print("optimistix", importlib.metadata.version("optimistix"))
x = jax.random.normal(jax.random.key(0), (64, 3))
target = jnp.array([3.0, -2.0, 1.0])


def loss(weights, args):
    return jnp.mean((x @ weights - x @ target) ** 2)


ways = {
    "adam(1e-1)": optax.adam(1e-1),
    "adam(1e-3)": optax.adam(1e-3),
    "sgd(1e-4)": optax.sgd(1e-4),
    "MultiSteps(sgd(0.1), 4)": optax.MultiSteps(optax.sgd(0.1), 4),
}
start = jnp.zeros(3)
first = float(loss(start, None))
seen = {}
for name, optimiser in ways.items():
    solver = optimistix.OptaxMinimiser(optimiser, rtol=1e-3, atol=1e-3)
    found = optimistix.minimise(loss, solver, start, max_steps=20_000)
    steps = int(found.stats["num_steps"])
    seen[name] = steps, float(loss(found.value, None)) / first
    good = bool(found.result == optimistix.RESULTS.successful)
    print(f"{name}: successful {good}, {steps} steps, loss {seen[name][1]:.4f} of the first")
    assert good
assert seen["adam(1e-1)"][1] < 0.01
for name in ("adam(1e-3)", "sgd(1e-4)", "MultiSteps(sgd(0.1), 4)"):
    steps, share = seen[name]
    assert steps <= 3 and share > 0.99, f"{name} goes on now"
PYTHON

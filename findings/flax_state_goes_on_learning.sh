#!/usr/bin/env bash
# flax 0.12.8, nnx: the best weights that were kept by nnx.state(model) are the last ones
#
# Guess: nnx.state and nnx.split take the weights out of a model as values, as their use
#   for jax.jit and for checkpoints suggests; arrays of JAX do not change, so that a state
#   is a snapshot, and nnx.update(model, best) brings the best epoch back.
# Seen: a state holds the model's own Variables. The steps of nnx.jit and those without it
#   assign to them, and what was kept as the best epoch follows the training step by step.
#   Going back to it changes nothing: the model stays what the last, worse steps made of
#   it, and no error tells. The states of nnx.split are the same objects. The copy that
#   nnx.clone makes, and numbers of nnx.to_pure_dict, stay.
# So: keep jax.tree.map(jnp.copy, nnx.state(model)), or nnx.clone(model).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import flax
import jax
import jax.numpy as jnp
import optax
from flax import nnx

print("flax", flax.__version__)
x = jax.random.normal(jax.random.key(0), (64, 3))
y = x @ jnp.array([[1.0], [-2.0], [0.5]])


def loss(model):
    return jnp.mean((model(x) - y) ** 2)


@nnx.jit
def step(model, optimizer):
    optimizer.update(model, nnx.grad(loss)(model))


ways = {
    "nnx.state": nnx.state,
    "nnx.split": lambda model: nnx.split(model)[1],
    "jnp.copy": lambda model: jax.tree.map(jnp.copy, nnx.state(model)),
    "nnx.clone": lambda model: nnx.state(nnx.clone(model)),
    "nnx.to_pure_dict": lambda model: nnx.to_pure_dict(nnx.state(model)),
}
lost = {}
for name, kept in ways.items():
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
    good = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    for _ in range(50):
        step(model, good)
    best, lowest = kept(model), float(loss(model))
    bad = nnx.Optimizer(model, optax.sgd(5.0), wrt=nnx.Param)  # diverges
    for _ in range(5):
        step(model, bad)
    last = float(loss(model))
    nnx.update(model, best)
    restored = float(loss(model))
    print(f"{name}: best loss {lowest:.1e}, last {last:.1e}, gone back to {restored:.1e}")
    assert last > 100 * lowest
    assert restored in (lowest, last)
    lost[name] = restored == last
assert lost["nnx.state"] and lost["nnx.split"], "a state is a snapshot now"
assert not (lost["jnp.copy"] or lost["nnx.clone"] or lost["nnx.to_pure_dict"])
PYTHON

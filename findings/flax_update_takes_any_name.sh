#!/usr/bin/env bash
# flax 0.12.8, nnx.update: weights under a name that the model has not, or of another
# shape, are taken without a word, and the model goes on with its first weights
#
# Guess: nnx.update(model, weights), the last line of every loading function, raises where
#   a name is not the model's or a shape differs, as load_state_dict of PyTorch and
#   load_weights of Keras do.
# Seen: a name that the model has not becomes a new attribute of the layer, in which no
#   call looks. A file whose layers say "weight" where NNX says "kernel" is read without
#   an error, and the model predicts by the random kernel that it was made with. What
#   the file leaves out is left as well. An array of another shape takes the place of the
#   weight: a bias of one number for four outputs is added to all of them, an error comes
#   where shapes do not broadcast.
# So: before the update compare jax.tree.map(jnp.shape, ...) of both pure dictionaries.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import flax
import jax.numpy as jnp
import numpy as np
from flax import nnx

print("flax", flax.__version__)


class Net(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(3, 4, rngs=rngs)
        self.output = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x):
        return self.output(nnx.relu(self.hidden(x)))


x = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")
trained = Net(nnx.Rngs(1))
right = nnx.to_pure_dict(nnx.state(trained))
renamed = {
    layer: {"weight": weights["kernel"], "bias": weights["bias"]}
    for layer, weights in right.items()
}
short = {"hidden": {"bias": jnp.full(1, 3.0)}}  # of another model, with one unit

model = Net(nnx.Rngs(0))
first = np.asarray(model(x))
nnx.update(model, right)
assert np.array_equal(model(x), trained(x))

model = Net(nnx.Rngs(0))
nnx.update(model, renamed)
unmoved = np.array_equal(model(x), first)
print("of a file that says weight, predictions are those of the first weights:", unmoved)
assert unmoved and hasattr(model.hidden, "weight"), "names are looked at now"

model = Net(nnx.Rngs(0))
nnx.update(model, short)
print("bias of 4 units after a file with 1:", model.hidden.bias.shape)
assert model.hidden.bias.shape == (1,), "shapes are looked at now"
assert np.isfinite(model(x)).all()
PYTHON

#!/usr/bin/env bash
# flax 0.12.6, linen: of layers that are written as calls within calls, Dense_0 is the
# one that is applied last
#
# Guess: layers without names are numbered in the order in which the inputs run through
#   them: Dense_0 is the first hidden layer, whatever the style a call is written in.
# Seen: they are numbered as they are made. Python makes the layer of the outer call
#   before it looks at what it is called with, so that in
#   nn.Dense(3)(nn.relu(nn.Dense(4)(nn.relu(nn.Dense(4)(x))))) Dense_0 gives the outputs,
#   and Dense_1 stands before the Dense_2 that takes the inputs' place. One line for each
#   layer gives the other order: the same model to read, and parameters that do not fit,
#   or fit by shape alone and compute something else.
# So: write one line for each layer, or give each a name; whoever reads such a file by the
#   order of its numbers has to know how the source was written.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  flax==0.12.6 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import flax.linen as nn
import jax
import numpy as np


class ByLines(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(4)(x))
        x = nn.relu(nn.Dense(4)(x))
        return nn.Dense(4)(x)


class Nested(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(4)(nn.relu(nn.Dense(4)(nn.relu(nn.Dense(4)(x)))))


class Unequal(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(nn.relu(nn.Dense(5)(x)))


x = np.linspace(-1.0, 1.0, 8, dtype=np.float32).reshape(2, 4)
shapes = {
    name: own["kernel"].shape
    for name, own in Unequal().init(jax.random.key(0), x)["params"].items()
}
print("4 -> 5 -> 3 written as one expression:", shapes)
assert shapes == {"Dense_0": (5, 3), "Dense_1": (4, 5)}, shapes

kept = ByLines().init(jax.random.key(0), x)
numbers = [f"Dense_{n}" for n in range(3)]
turned = {"params": dict(zip(numbers, [kept["params"][n] for n in numbers[::-1]]))}
by_lines = ByLines().apply(kept, x)
nested = Nested().apply(kept, x)
print("the same file in both, furthest apart:", float(abs(by_lines - nested).max()))
assert abs(by_lines - nested).max() > 0.1
np.testing.assert_allclose(Nested().apply(turned, x), by_lines, rtol=1e-6)
print("with the numbers turned round they agree")
PYTHON

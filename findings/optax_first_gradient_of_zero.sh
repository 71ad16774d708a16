#!/usr/bin/env bash
# optax 0.2.8, contrib.prodigy and contrib.dadapt_adamw: a first batch whose gradient is
# zero makes all weights NaN, for good
#
# Guess: optimizers that find their own learning rate take a gradient of zero as Adam
#   does: no step. Their denominators have an eps, as everywhere.
# Seen: the estimate of the distance is a quotient of two sums over all weights, with no
#   eps: 0 / 0 in the first step. The rate is NaN from then on, and so are weights and
#   state. A first batch that is masked as a whole, one on which a hinge loss is already
#   satisfied, or a policy without a reward so far is enough. A zero gradient at any later
#   step does no harm, nor does one of 1e-20 in the first. optax.apply_if_finite around
#   it does not help, since that looks at gradients, which are finite, and not at what
#   the optimizer makes of them. dog, dowg and cocob, of the same purpose, stand still.
# So: pass over batches whose gradient is zero until the first that has one.
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
x = jax.random.normal(jax.random.key(0), (32, 3))
weights = {"kernel": jnp.full((3, 1), 0.1), "bias": jnp.zeros(1)}


@jax.grad
def gradient(weights, mask):
    errors = x @ weights["kernel"] + weights["bias"] - x.sum(1, keepdims=True)
    return (errors[:, 0] ** 2 * mask).mean()


def trained(optimizer, masked_step):
    state, now = optimizer.init(weights), weights
    for step in range(6):
        slopes = gradient(now, jnp.full(32, float(step != masked_step)))
        updates, state = optimizer.update(slopes, state, now)
        now = optax.apply_updates(now, updates)
    return bool(np.isfinite(now["kernel"]).all() and np.isfinite(now["bias"]).all())


makers = ("prodigy", "dadapt_adamw", "dog", "dowg", "cocob")
for name in makers:
    optimizer = getattr(optax.contrib, name)()
    first, later = trained(optimizer, 0), trained(optimizer, 3)
    print(f"{name}: finite after a first batch that is masked {first}, a later one {later}")
    assert later
    assert first == (name not in ("prodigy", "dadapt_adamw")), "0 / 0 is caught now"
wrapped = optax.apply_if_finite(optax.contrib.prodigy(), 5)
helped = trained(wrapped, 0)
print("prodigy within apply_if_finite:", helped)
assert not helped, "what the optimizer gives is looked at now"
PYTHON

#!/usr/bin/env bash
# jax 0.10.2, jax.random.categorical: of a thousand equal logits in bfloat16 the first
# hundred are drawn in more than half of all draws
#
# Guess: the dtype of logits rounds probabilities by its half percent, and no more; equal
#   logits, which bfloat16 holds exactly, are drawn equally often.
# Seen: the noise that decides which class is drawn is made in the dtype of the logits,
#   from seven random bits: 128 different numbers. Among many classes several share the
#   largest one, and the first of these wins. Classes at the end of a vocabulary are
#   drawn 200 times too seldom, or never. float16 has the same bias, in smaller. Of four
#   classes the last, of probability 0.001, is drawn less than a tenth as often as that.
#   The documentation warns of float32 and events below 1e-7. random.choice with p in
#   bfloat16 can give 128 of the thousand.
# So: cast logits and probabilities to float32 before a draw, or give mode="high".
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
key, draws, classes = jax.random.key(0), 100_000, 1000


def counts(drawn):
    return np.bincount(np.asarray(drawn), minlength=classes)


first = {}
for dtype in (jnp.bfloat16, jnp.float16, jnp.float32):
    equal = jnp.zeros(classes, dtype)
    drawn = counts(jax.random.categorical(key, equal, shape=(draws,)))
    first[dtype.dtype.name] = drawn[:100].sum() / draws
    print(
        f"{dtype.dtype.name}: the first 100 of {classes} take {first[dtype.dtype.name]:.1%},",
        f"the last 100 {drawn[-100:].sum() / draws:.2%}, never drawn {np.sum(drawn == 0)}",
    )
equal = jnp.zeros(classes, jnp.bfloat16)
high = counts(jax.random.categorical(key, equal, shape=(draws,), mode="high"))
print(f"bfloat16 with mode='high': the first 100 take {high[:100].sum() / draws:.1%}")
rare = jnp.log(jnp.array([0.9, 0.09, 0.009, 0.001], jnp.float32))
seldom = {
    dtype.dtype.name: counts(
        jax.random.categorical(key, rare.astype(dtype), shape=(10 * draws,))
    )[:4].tolist()
    for dtype in (jnp.bfloat16, jnp.float32)
}
print("of a million draws with 0.9, 0.09, 0.009 and 0.001:", seldom)
chosen = jax.random.choice(key, classes, (draws,), p=jnp.full(classes, 1e-3, jnp.bfloat16))
print("classes that choice gives of bfloat16:", np.sum(counts(chosen) > 0))
assert first["bfloat16"] > 0.4 and first["float16"] > 0.12, "equal classes are equal now"
assert abs(first["float32"] - 0.1) < 0.01 and abs(high[:100].sum() / draws - 0.1) < 0.01
assert seldom["bfloat16"][3] < 200 and 850 < seldom["float32"][3] < 1150
assert np.sum(counts(chosen) > 0) == 128
PYTHON

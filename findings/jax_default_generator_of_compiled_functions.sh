#!/usr/bin/env bash
# jax 0.10.2: another jax_default_prng_impl does not reach functions under jit that ran
# before, while another jax_threefry_partitionable does
#
# Guess: both settings decide what jax.random.key(seed) draws, and both are part of what
#   a compiled function is known by: after a change, or within the context manager, it is
#   traced anew and draws as it does without jit.
# Seen: with jax_default_prng_impl="rbg" the compiled function still makes keys of
#   Threefry and returns the numbers of before, also within jax.default_prng_impl("rbg");
#   the same lines without jit, and the function after jax.clear_caches(), draw from the
#   new generator. Changing jax_threefry_partitionable traces the function again. jax
#   0.7.0 and 0.12.0.1 do likewise.
# So: choose the generator before anything is compiled, or name it at each key,
#   jax.random.key(seed, impl="rbg").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/seen.py" <<'PYTHON'
import jax
import numpy as np


def draw(seed):
    return jax.random.uniform(jax.random.key(seed), (3,))


compiled = jax.jit(draw)
print("jax", jax.__version__)
seen = {"Threefry, compiled": compiled(1)}
jax.config.update("jax_default_prng_impl", "rbg")
seen |= {"rbg, compiled before": compiled(1), "rbg, without jit": draw(1)}
jax.clear_caches()
seen["rbg, compiled anew"] = compiled(1)
jax.config.update("jax_default_prng_impl", "threefry2x32")
jax.clear_caches()
compiled(1)
with jax.default_prng_impl("rbg"):
    seen["in the context of rbg, compiled before"] = compiled(1)
jax.config.update("jax_threefry_partitionable", False)
seen["Threefry, not partitionable, compiled before"] = compiled(1)
for name, numbers in seen.items():
    print(f"{name:45}", numbers)


def same(one, two):
    return np.array_equal(seen[one], seen[two])


kept = same("rbg, compiled before", "Threefry, compiled")
kept &= same("in the context of rbg, compiled before", "Threefry, compiled")
differs = not same("rbg, without jit", "Threefry, compiled")
anew = same("rbg, compiled anew", "rbg, without jit")
other = not same("Threefry, not partitionable, compiled before", "Threefry, compiled")
raise SystemExit(0 if kept and differs and anew and other else "it changed")
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.3.5
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/seen.py"

#!/usr/bin/env bash
# jax 0.10.2, jax_disable_most_optimizations: switching it does nothing to a function that
# has been called, in either direction
#
# Guess: the option is part of what a jitted function's programs are found by, as
#   jax_default_matmul_precision is, so that switching it compiles anew; or it warns that
#   it comes too late, as options of the backend do.
# Seen: the function goes on with the program that it has. Switched on after the first
#   call, the fast program stays; switched off again, a slow one that was compiled in
#   between stays slow for as long as the process lives. Nothing is said. Only
#   jax.clear_caches() lets the option act, on everything at once.
# So: set it before the first call, or clear the caches at both ends of where it is on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import numpy as np

print("jax", jax.__version__)
compiled = []


def listen(event, seconds, **details):
    if event.endswith("backend_compile_duration"):
        compiled.append(event)


jax.monitoring.register_event_duration_secs_listener(listen)
x = np.ones((5, 5), np.float32)
OPTION = "jax_disable_most_optimizations"


def compilations(function, option=None, value=None):
    """How many programs a call compiles, once an option has been set."""
    if option is not None:
        jax.config.update(option, value)
    before = len(compiled)
    jax.block_until_ready(function(x))
    return len(compiled) - before


early = jax.jit(lambda x: np.float32(2) * (x @ x))
first = compilations(early)
on = compilations(early, OPTION, True)
precise = compilations(early, "jax_default_matmul_precision", "highest")
jax.config.update("jax_default_matmul_precision", None)
print("compiled by the first call:", first)
print("by a call with the option switched on:", on)
print("by a call with another precision of products:", precise)
late = jax.jit(lambda x: np.float32(3) * (x @ x))
slow = compilations(late)
off = compilations(late, OPTION, False)
print("compiled with the option on:", slow, "and once it is off again:", off)
jax.clear_caches()
cleared = compilations(late)
print("after jax.clear_caches():", cleared)
assert first >= 1 and precise >= 1 and slow >= 1 and cleared >= 1
assert on == 0 and off == 0
PYTHON

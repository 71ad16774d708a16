#!/usr/bin/env bash
# jax 0.10.2 (0.12.0 too), CPU: what was loaded from the compilation cache cannot be
# serialized again
#
# Guess: jax.experimental.serialize_executable writes a compiled function, and loading that
#   gives the function back, wherever the compiled one came from. jax_compilation_cache_dir
#   changes how long compiling takes, and nothing else.
# Seen: where the cache on disk had the program, serialize returns bytes without complaint
#   and deserialize_and_load takes them, but a call of the result fails: NOT_FOUND, since
#   a function of the program is not among them. Bytes of the same program, compiled by this
#   process, work. So a script that compiles, serializes and ships passes when it is run
#   for the first time, with an empty cache, and ships nothing of use from the second run
#   on; and what it wrote fails on the machine that it was shipped to.
# So: switch the cache off (jax_enable_compilation_cache) while compiling what is to be
#   serialized, and run what was loaded once before the bytes leave the house.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/ship.py" <<'PYTHON'
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import serialize_executable

folder, expected = sys.argv[1:]
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
if folder:
    jax.config.update("jax_compilation_cache_dir", folder)
hits = []
jax.monitoring.register_event_listener(
    lambda name, **_: hits.append(name) if name.endswith("cache_hits") else None
)
x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def network(x):
    return jax.nn.softmax(jnp.tanh(x @ jnp.ones((4, 8))) @ jnp.ones((8, 3)))


compiled = jax.jit(network).lower(x).compile()
before = np.asarray(compiled(x))
shipped = serialize_executable.serialize(compiled)
loaded = serialize_executable.deserialize_and_load(*shipped)
try:
    same = np.array_equal(loaded(x), before)
    seen = "works" if same else "computes something else"
except jax.errors.JaxRuntimeError as error:
    seen = "fails"
    print("   ", str(error).splitlines()[0])
came = "from the cache" if hits else "from the compiler"
print(f"jax {jax.__version__}, {came}: what was serialized {seen}")
assert seen == expected, seen
assert bool(hits) == (expected == "fails"), hits
PYTHON
run() {
  JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/ship.py" "$@" 2> "$folder/log" ||
    { cat "$folder/log"; exit 1; }
}
run "" works
run "$folder/cache" works
run "$folder/cache" fails
run "" works

#!/usr/bin/env bash
# jax 0.10.2 (0.11 and 0.12 too), CPU of x86: a program whose products oneDNN computes is
# never kept in the compilation cache
#
# Guess: jaxlib brings oneDNN, and a compiler option that hands matrix products to it
#   changes which library multiplies. What the compiler returns is a program like any
#   other: the cache on disk keeps it, and the next process loads it.
# Seen: it runs, and takes a gradient's product (x.T @ g) that is otherwise Eigen's, but
#   cannot be written: UNIMPLEMENTED, "ToProto is not implemented for thunk kind". With
#   the cache on, every process compiles it anew and says so in a warning, which is an error
#   where jax_raise_persistent_cache_errors is set; serialize_executable fails as well. The
#   cache keeps the same function without that option.
# So: whoever takes the option for its speed gives up warm starts and shipping compiled
#   programs; leave it out where programs are short-lived.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/multiply.py" <<'PYTHON'
import sys
import warnings

import jax
import numpy as np

folder, library = sys.argv[1:]
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_compilation_cache_dir", folder)
hits = []
jax.monitoring.register_event_listener(
    lambda name, **_: hits.append(name) if name.endswith("cache_hits") else None
)
options = {
    "xla_cpu_use_onednn": True,
    "xla_cpu_experimental_onednn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
}
x = np.arange(12, dtype=np.float32).reshape(4, 3)
g = np.ones((4, 2), np.float32)
gradient = jax.jit(
    lambda x, g: x.T @ g, compiler_options=options if library == "onednn" else None
)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    compiled = gradient.lower(x, g).compile()
assert ("onednn" in compiled.as_text()) == (library == "onednn")
np.testing.assert_array_equal(compiled(x, g), x.T @ g)
came = "from the cache" if hits else "from the compiler"
why = [str(w.message).split(": ", 1)[1] for w in seen if "writing" in str(w.message)]
print(f"jax {jax.__version__}, products by {library}: {came}", *why)
PYTHON
run() {
  JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/multiply.py" "$@" \
    2> "$folder/log" || { cat "$folder/log"; exit 1; }
}
for library in usual onednn; do
  first=$(run "$folder/$library" $library)
  second=$(run "$folder/$library" $library)
  printf '%s\n' "$first" "$second"
  case $library in
    usual) [[ $first == *"from the compiler" && $second == *"from the cache" ]] ;;
    onednn)
      [[ $first == *"from the compiler"*UNIMPLEMENTED* ]]
      [[ $second == *"from the compiler"*UNIMPLEMENTED* ]]
      ;;
  esac
done

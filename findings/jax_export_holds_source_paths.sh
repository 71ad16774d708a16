#!/usr/bin/env bash
# jax 0.10.2, jax.export: an exported function carries the path of the file it was
# written in, so that the same function in another folder is other bytes
#
# Guess: serialize() writes the program: StableHLO, shapes, a version. The same function
#   with the same JAX gives the same bytes on every machine, and nothing of the machine.
# Seen: the artifact holds the location of each operation, with the full path of the
#   user's source file, in plain letters. Two checkouts of one project export different
#   bytes, so that hashes and caches by content miss, and who is given an artifact can
#   read the folders of who made it. jax_include_full_tracebacks_in_locations=False does
#   not take it out.
# So: jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*/") before
#   exporting cuts folders off; then the bytes are the same, and the paths are gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 flatbuffers==25.12.19
mkdir "$folder/first" "$folder/second"
cat > "$folder/first/double.py" <<'PYTHON'
import jax.numpy as jnp


def double_sine(x):
    return 2.0 * jnp.sin(x)
PYTHON
cp "$folder/first/double.py" "$folder/second/double.py"
cat > "$folder/write.py" <<'PYTHON'
import sys

import jax
import jax.numpy as jnp
from jax import export

sys.path.insert(0, sys.argv[1])
from double import double_sine

if len(sys.argv) > 3:
    jax.config.update(sys.argv[3], {"False": False}.get(sys.argv[4], sys.argv[4]))
shape = jax.ShapeDtypeStruct((3,), jnp.float32)
with open(sys.argv[2], "wb") as file:
    file.write(export.export(jax.jit(double_sine))(shape).serialize())
PYTHON
write() { JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/write.py" "$@"; }
alike() { if cmp -s "$folder/a" "$folder/b"; then echo yes; else echo no; fi; }
named() { if grep -qa "$folder/first" "$folder/a"; then echo yes; else echo no; fi; }
both() { write "$folder/first" "$folder/a" "$@"; write "$folder/second" "$folder/b" "$@"; }
"$folder/venv/bin/python" -c 'import jax; print("jax", jax.__version__)'
both
plain="$(alike) $(named)"
both jax_include_full_tracebacks_in_locations False
short="$(alike) $(named)"
both jax_hlo_source_file_canonicalization_regex '.*/'
cut="$(alike) $(named)"
echo "same bytes from two folders, and is the folder's path in them?"
echo "as it comes:           $plain"
echo "without full traces:   $short"
echo "folders cut off:       $cut"
[ "$plain" = "no yes" ] && [ "$short" = "no yes" ] && [ "$cut" = "yes no" ]

#!/usr/bin/env bash
# safetensors 0.8.0: the same tensors and the same metadata are other bytes at each save
#
# Guess: the header is JSON in a fixed order, by name or by insertion, so that equal
#   content is an equal file, and a checksum or a content-addressed store sees no change.
# Seen: entries of the metadata are written in the order of a hash table that is seeded
#   anew for each call: twenty saves of one dictionary with six entries, in one process,
#   give about twenty different files. With one entry, or none, all are alike. Tensors
#   are ordered: by the size of their dtype, then by name.
# So: keep one metadata entry, for example one JSON text with sorted keys, where files
#   are to be compared by their hash.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import json

import numpy as np
import safetensors
from safetensors.numpy import save

print("safetensors", safetensors.__version__)
tensors = {"bias": np.zeros(2, np.float32), "a": np.zeros(2, np.int8)}


def files(metadata):
    return {save(tensors, metadata=metadata) for _ in range(20)}


six = files({f"entry_{number}": "same" for number in range(6)})
print("different files of 20, six entries:", len(six))
print("different files of 20, one entry:  ", len(files({"about": "same"})))
print("different files of 20, no entry:   ", len(files(None)))
lengths = {len(file) for file in six}
first, *_ = six
size = int.from_bytes(first[:8], "little")
tensors_in_order = [key for key in json.loads(first[8 : 8 + size]) if key[0] != "_"]
print("order of the tensors:", tensors_in_order)
assert len(six) > 1, "files are alike now"
assert len(lengths) == 1
assert len(files({"about": "same"})) == len(files(None)) == 1
assert tensors_in_order == ["bias", "a"]
PYTHON

#!/usr/bin/env bash
# h5py 3.16.0 with ml_dtypes 0.6.0: an array of bfloat16 is written, and comes back as
# opaque bytes
#
# Guess: HDF5 knows no bfloat16, so h5py refuses the dtype and names it.
# Seen: the array is stored as an opaque type of 2 bytes, and reading gives dtype |V2,
#   with which nothing can be computed. float8 becomes |V1. Every bit is there: a view
#   as bfloat16 brings the numbers back, for those who know what it was. float16 is a
#   type of HDF5 and comes back as it was.
# So: write the name of the dtype into an attribute, and view() after reading.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  h5py==3.16.0 ml_dtypes==0.6.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/weights.h5" <<'PYTHON'
import sys

import h5py
import ml_dtypes
import numpy as np

print("h5py", h5py.__version__, "ml_dtypes", ml_dtypes.__version__)
values = np.array([1.0, -2.5, 0.125])
dtypes = {
    "bfloat16": ml_dtypes.bfloat16,
    "float8": ml_dtypes.float8_e4m3fn,
    "float16": np.float16,
}
with h5py.File(sys.argv[1], "w") as file:
    for name, dtype in dtypes.items():
        file[name] = values.astype(dtype)
with h5py.File(sys.argv[1], "r") as file:
    read = {name: file[name][:] for name in dtypes}
for name, array in read.items():
    print(name, "comes back as", array.dtype.str)
assert read["bfloat16"].dtype.str == "|V2", "another dtype now"
assert read["float8"].dtype.str == "|V1"
assert read["float16"].dtype == np.float16
viewed = read["bfloat16"].view(ml_dtypes.bfloat16).astype(np.float64)
print("viewed as bfloat16:", viewed.tolist())
assert viewed.tolist() == values.tolist()
try:
    read["bfloat16"] + 1
    raise SystemExit("it can be computed with now")
except TypeError as error:
    print("adding 1:", type(error).__name__)
PYTHON

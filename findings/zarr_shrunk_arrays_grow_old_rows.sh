#!/usr/bin/env bash
# zarr 3.1.6 (3.4.2 too), Array.resize: rows that were cut off are there again once the
# array grows
#
# Guess: an array that is resized to 5 rows and then to 10 holds five rows and five of
#   fill_value, as h5py does it: what was cut off is gone.
# Seen: whole chunks are deleted, and the chunk in which the cut lies is left as it is. The
#   rows of it that were cut off come back as if they had been written, up to the end of
#   the chunk, and only those behind it hold fill_value. A log that is cut at the step a
#   run goes on from, then made room in, shows losses of the abandoned branch where NaN
#   should say that nothing is there. It depends on the size of chunks, so that a test
#   with other chunks does not show it. Formats 2 and 3 alike.
# So: write fill_value over what is to be cut, before the array is resized.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  zarr==3.1.6 h5py==3.16.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile

import h5py
import numpy as np
import zarr

print("zarr", zarr.__version__, "h5py", h5py.__version__)
losses = np.arange(10, 0, -1).astype("float32")


def regrown(array):
    array[:] = losses
    array.resize((5,))
    assert array.shape == (5,)
    array.resize((10,))
    return array[:]


made = {"shape": (10,), "dtype": "float32"}
seen = {}
for chunks in (8, 5, 1):
    for version in (2, 3):
        array = zarr.create_array(
            zarr.storage.MemoryStore(), chunks=(chunks,), fill_value=np.nan,
            zarr_format=version, **made,
        )
        seen[version] = regrown(array)
    print(f"zarr, chunks of {chunks}:", seen[3])
    expected = losses.copy()
    expected[max(5, chunks) :] = np.nan
    for version in (2, 3):
        assert np.array_equal(seen[version], expected, equal_nan=True), "cut off is gone now"
with tempfile.TemporaryFile() as file, h5py.File(file, "w") as group:
    array = group.create_dataset("x", chunks=(8,), maxshape=(None,), fillvalue=np.nan, **made)
    seen = regrown(array)
print("h5py, chunks of 8:", seen)
assert np.isnan(seen[5:]).all()
PYTHON

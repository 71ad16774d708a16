#!/usr/bin/env bash
# xarray 2026.9.0 with zarr 3.1.6: in a zarr array of format 2 that zarr has made, each 0 is
# a missing value to xarray
#
# Guess: integers that are written by one are read by the other; 0 is the class 0.
# Seen: zarr gives each array a fill_value, 0 if nothing is said, which tells what chunks
#   hold that were never written. In format 2 xarray takes it for the mark of missing
#   values: all zeros become NaN and the integers become float. A mean leaves them out,
#   so that here half of the labels being 1 is seen as all of them. The same array in
#   format 3 is read as it is. No warning is given. The argument that open_zarr has for
#   it, use_zarr_fill_value_as_mask=False, is taken and changes nothing.
# So: mask_and_scale=False when reading, or fill_value=None when zarr makes the array.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile
from pathlib import Path

import numpy as np
import xarray
import zarr

print("xarray", xarray.__version__, "zarr", zarr.__version__)
labels = np.array([0, 1, 0, 1, 1, 0], dtype="int32")


def written(folder, version):
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    names = {"dimension_names": ("row",)} if version == 3 else {}
    array = group.create_array("label", shape=(6,), chunks=(6,), dtype="int32", **names)
    array[:] = labels
    if version == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = ["row"]
    assert np.array_equal(zarr.open_group(folder)["label"][:], labels)


with tempfile.TemporaryDirectory() as folder:
    for version in (2, 3):
        path = Path(folder) / str(version)
        written(path, version)
        read = xarray.open_zarr(path, consolidated=False)["label"]
        print(f"format {version}:", read.values, "mean", float(read.mean()))
        if version == 2:
            assert read.dtype.kind == "f" and float(read.mean()) == 1.0, "zeros are zeros now"
            assert np.array_equal(np.isnan(read), labels == 0)
        else:
            assert np.array_equal(read, labels) and read.dtype == "int32"
    for argument in ("use_zarr_fill_value_as_mask", "mask_and_scale"):
        path = Path(folder) / "2"
        read = xarray.open_zarr(path, consolidated=False, **{argument: False})["label"]
        print(f"format 2, {argument}=False:", read.values)
        assert np.array_equal(read, labels) == (argument == "mask_and_scale")
PYTHON

#!/usr/bin/env bash
# datasets 5.2.0, with_format("numpy"): whole numbers among which one is missing become
# float32, so that identifiers beyond 16,777,216 become those of others
#
# Guess: a column of int64 with a missing value comes as float64 with NaN, as pandas
#   gives it; 40,000,001 stays 40,000,001. One row and a batch of rows have the same
#   dtype.
# Seen: in a batch the column is float32, and 40,000,001 is 40,000,000: two rows have one
#   identifier. Without the missing value it is int64 and exact, so that it hangs on
#   which rows a batch holds: batches without a missing value are int64, those with one
#   are float32. A single row, ds[0], and a loop over rows are float64 and right. The
#   same goes for columns that are float64 in the file: a row is float64, a batch is
#   float32; ds[0]["x"] == ds[:1]["x"][0] is False for 0.1. Nothing warns.
# So: with_format("numpy", dtype=np.float64), or with_format("arrow") and to_numpy() per
#   column.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  datasets==5.2.0 numpy==2.4.6
HF_HOME="$folder/cache" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import datasets
import numpy as np

print("datasets", datasets.__version__)
identifiers = [40_000_000, 40_000_001, None, 40_000_003]
table = datasets.Dataset.from_dict({"id": identifiers, "x": [0.1, 0.2, 0.3, 0.4]})
assert table.features["id"].dtype == "int64" and table.features["x"].dtype == "float64"
rows = table.with_format("numpy")

whole = rows[:]["id"]
print("all rows:", whole.dtype, whole.tolist())
assert whole.dtype == np.float32, "missing values no longer make float32"
assert int(whole[0]) == int(whole[1]) == 40_000_000 and int(whole[3]) != 40_000_003
batches = [batch["id"] for batch in rows.iter(2)]
print("batches of two:", [(str(b.dtype), b.tolist()) for b in batches])
assert [b.dtype for b in batches] == [np.int64, np.float32]
single = rows[3]["id"]
print("one row:", single.dtype, int(single))
assert int(single) == 40_000_003

row, batch = rows[0]["x"], rows[:1]["x"][0]
print("x of a row:", row.dtype, "of a batch:", batch.dtype, "equal:", row == batch)
assert row.dtype == np.float64 and batch.dtype == np.float32 and row != batch
wide = table.with_format("numpy", dtype=np.float64)[:]["id"]
print("dtype=np.float64:", wide.dtype, wide.tolist())
assert wide.dtype == np.float64 and wide[1] == 40_000_001
PYTHON

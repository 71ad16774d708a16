#!/usr/bin/env bash
# polars 2.1.0, mean_horizontal: the mean of 100 and 100 is -28
#
# Guess: a mean lies between the smallest and the largest number. polars knows about small
#   integers: sum() and mean() of an Int8 column are right, and the type of a mean is
#   Float64.
# Seen: across columns the sum is taken in the type of the columns, wraps around, and is
#   divided after that. Ratings from 0 to 100 in Int8, pixels in UInt8, which is how they
#   are stored, and identifiers or counts near 2^31 in Int32 are all struck. The result is
#   a Float64 which says nothing of it. Series.dot of Int8 wraps as well, and then calls
#   itself Int64. The mean of a list column of the same numbers is right.
# So: cast to Float64 or Int64 first; concat_list(...).list.mean() is exact.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  polars==2.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import polars

print("polars", polars.__version__)
for kind, number in (
    (polars.Int8, 100), (polars.UInt8, 200), (polars.Int16, 30_000), (polars.Int32, 2_000_000_000)
):
    table = polars.DataFrame({"a": [number], "b": [number]}, schema={"a": kind, "b": kind})
    across = table.select(polars.mean_horizontal("a", "b"))["a"]
    listed = table.select(polars.concat_list("a", "b").list.mean())[0, 0]
    print(f"{kind.__name__}, {number} and {number}: mean {across[0]}, of a list {listed}")
    assert across.dtype == polars.Float64 and listed == number
    assert across[0] < number / 2 and across[0] == table.mean_horizontal()[0], "it is right now"

draw = np.random.default_rng(0)
ratings = draw.integers(0, 101, (1000, 5))
table = polars.DataFrame(ratings.astype("int8"), schema=list("abcde"))
seen = table.mean_horizontal().to_numpy()
wrong = float(np.mean(np.abs(seen - ratings.mean(axis=1)) > 1e-9))
print(f"five ratings from 0 to 100: {wrong:.0%} of 1,000 means are wrong")
assert wrong > 0.8
column = polars.Series([100, 100, 100], dtype=polars.Int8)
wide = polars.Series([100, 100, 100]).dot(polars.Series([100, 100, 100]))
print("sum", column.sum(), "mean", column.mean(), "dot", column.dot(column), "for", wide)
assert column.sum() == 300 and column.mean() == 100 and column.dot(column) == 48 and wide == 30_000
PYTHON

#!/usr/bin/env bash
# pyarrow 26.0.1, Parquet: a filter given to the reader loses rows with NaN, which of
# them depends on the size of row groups
#
# Guess: pq.read_table(path, filters=e) is read_table(path).filter(e), faster: row groups
#   in which no row can match are left out.
# Seen: whether one can match is judged by the smallest and largest number of the group,
#   in which NaN does not count. A group of numbers above 0 with NaN among them is known
#   as "x > 0", so that ~(x > 0), which finds every NaN in memory, finds none of them. A
#   group of 1, NaN, 1 is known as "all are 1": x != 1, ~(x == 1) and even is_nan(x), by
#   which one looks for broken rows, skip it, and find the NaN of another group. What is
#   lost depends on how large row groups are. Datasets, and filters as lists, do likewise;
#   polars reads the same file rightly.
# So: filter once the table is read, or write with write_statistics=False.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pyarrow==26.0.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq

print("pyarrow", pa.__version__)
x = pc.field("x")
filters = {
    "x != 1": x != 1.0,
    "~(x == 1)": ~(x == 1.0),
    "~(x <= 1)": ~(x <= 1.0),
    "is_nan(x)": pc.is_nan(x),
}
table = pa.table({"x": [1, np.nan, 1, 2, np.nan, 3], "row": range(6)})
pq.write_table(table, "groups.parquet", row_group_size=3)
pq.write_table(table, "plain.parquet", row_group_size=3, write_statistics=False)
for name, wanted in filters.items():
    memory = table.filter(wanted)["row"].to_pylist()
    read = pq.read_table("groups.parquet", filters=wanted)["row"].to_pylist()
    scanned = pa.dataset.dataset("groups.parquet").to_table(filter=wanted)
    plain = pq.read_table("plain.parquet", filters=wanted)["row"].to_pylist()
    print(f"{name:10} in memory rows {memory}, by the reader {read}")
    assert plain == memory, "files without statistics lose rows as well"
    assert scanned["row"].to_pylist() == read
    assert 1 in memory and read == [row for row in memory if row != 1], "NaN is kept now"
listed = pq.read_table("groups.parquet", filters=[("x", "!=", 1.0)])
assert 1 not in listed["row"].to_pylist()

column = np.random.default_rng(0).uniform(1, 2, 10_000)
column[::100] = np.nan
table = pa.table({"x": column, "gone": np.isnan(column)})
pq.write_table(table, "large.parquet")
for name, wanted in {"is_nan(x)": pc.is_nan(x), "~(x > 0)": ~(x > 0)}.items():
    found = len(pq.read_table("large.parquet", filters=wanted))
    print(f"{name:10} of 10,000 rows, 100 with NaN: {found} by the reader,", end=" ")
    print(len(table.filter(wanted)), "in memory")
    assert len(table.filter(wanted)) == 100
    assert found == (100 if name == "is_nan(x)" else 0), "NaN is kept now"
PYTHON

#!/usr/bin/env bash
# numpy 2.4.6: the column means of a long float32 table are off by a sixth, and the standard
# deviations by a factor of 30
#
# Guess: numpy adds in pairs, so that a mean of float32 is good to six digits or so at any
#   length; and table.mean(axis=0) is the mean of each column.
# Seen: pairs are made along the axis that lies together in memory alone. Down the columns of
#   a table in C order numbers are added one by one, in float32. A sum stops to grow at
#   2^24 times what is added; before, each addition is rounded. For 16 million rows of 100
#   and 101 the means are 118, beyond the largest number, and columns normalized by such
#   means and deviations are useless. The mean over all, that of one column that is cut
#   out, and that of the same table in Fortran order are right. The notes of numpy.mean say
#   that float32 can be inaccurate; that the axis decides on it is said at numpy.sum alone.
# So: table.mean(axis=0, dtype="float64"), and likewise for std and var.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np

print("numpy", np.__version__)
rows = 2**24
table = np.empty((rows, 2), "float32")
table[:] = 100
table[1::2] = 101  # mean 100.5, standard deviation 0.5

means, spreads = table.mean(axis=0), table.std(axis=0)
print(f"{rows:,} rows of 100 and 101: means", means, "standard deviations", spreads)
assert means.min() > 110 and spreads.min() > 10, "columns are added in pairs now"
for count in (10_000, 100_000, 1_000_000):
    print(f"of the first {count:,}: means", table[:count].mean(axis=0))

column = table[:, 0]
print("one column:", column.mean(), column.std(), "all:", table.mean())
assert abs(column.mean() - 100.5) < 1e-3 and abs(column.std() - 0.5) < 1e-3
assert abs(table.mean() - 100.5) < 1e-3
turned = np.asfortranarray(table).mean(axis=0)
exact = table.mean(axis=0, dtype="float64")
print("Fortran order:", turned, "float64:", exact)
assert np.allclose(turned, 100.5, atol=1e-3) and np.array_equal(exact, [100.5, 100.5])
PYTHON

#!/usr/bin/env bash
# scikit-learn 1.9.1 with scipy 1.17.1: StandardScaler takes the entries of a sparse matrix
# that are to be added for rows of their own
#
# Guess: a CSR matrix may hold an entry in several parts: scipy adds them when it is
#   multiplied, summed or made dense, and so a scaler sees the sums.
# Seen: StandardScaler walks over what is stored and takes each part for a number. Counts
#   that are gathered one by one (a 1 for each time a word is seen, the usual way to build
#   such a matrix by hand) get a scale that is too small, without a word. With more parts
#   than rows the variance is negative; then a RuntimeWarning names a square root, and the
#   column is not scaled. MaxAbsScaler on the same matrix is right.
# So: matrix.sum_duplicates() first, in place; matrix.has_canonical_format tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import scipy.sparse
import sklearn
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

print("scikit-learn", sklearn.__version__, "scipy", scipy.__version__)
draw = np.random.default_rng(0)
words, starts, length = [], [0], 8
for _ in range(200):
    words.extend(draw.integers(0, length, draw.integers(1, 12)))  # a text of few words
    starts.append(len(words))


def counted():
    return scipy.sparse.csr_array((np.ones(len(words)), words, starts), shape=(200, length))


matrix = counted()
print("canonical:", matrix.has_canonical_format, "dense, first row:", matrix.toarray()[0])
for maker in (StandardScaler, MaxAbsScaler):
    options = {"with_mean": False} if maker is StandardScaler else {}
    sparse = maker(**options).fit(counted()).scale_
    dense = maker(**options).fit(counted().toarray()).scale_
    added = counted()
    added.sum_duplicates()
    mended = maker(**options).fit(added).scale_
    print(f"{maker.__name__}: {sparse.round(2)}, of the dense table {dense.round(2)}")
    assert np.allclose(dense, mended)
    assert np.allclose(sparse, dense) == (maker is MaxAbsScaler), "parts are added now"
PYTHON

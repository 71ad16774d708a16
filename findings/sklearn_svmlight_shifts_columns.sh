#!/usr/bin/env bash
# scikit-learn 1.9.1, svmlight files: what dump_svmlight_file has written comes back with
# its columns shifted, if its first column is zero
#
# Guess: load_svmlight_file reads what dump_svmlight_file wrote, each with what it does if
#   nothing is said.
# Seen: the writer counts columns from 0. The reader guesses: if no row has an entry in
#   column 0, the file must have been counted from 1, and all columns move one to the
#   left. Zeros are not written; so a training file with a few entries in its first column
#   is read rightly, and a small test file without any is not. With n_features, which is
#   there to make both alike, the shape agrees, and the last column becomes zeros.
# So: pass zero_based=True to both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import sklearn
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from sklearn.neural_network import MLPClassifier

print("scikit-learn", sklearn.__version__)
draw = np.random.default_rng(0)
x = draw.standard_normal((400, 5)).round(3)
y = (x[:, 1] > 0).astype(int)
x[:, 0] = draw.random(400) < 0.2  # a rare flag
train, test = np.arange(400) < 300, (np.arange(400) >= 300) & (x[:, 0] == 0)


def through_a_file(rows, **how):
    file = io.BytesIO()
    dump_svmlight_file(x[rows], y[rows], file)
    file.seek(0)
    return load_svmlight_file(file, n_features=5, **how)[0].toarray()


net = MLPClassifier([16], max_iter=3000, random_state=0).fit(through_a_file(train), y[train])
assert np.array_equal(through_a_file(train), x[train])
for how in ({}, {"zero_based": True}):
    read = through_a_file(test, **how)
    score = net.score(read, y[test])
    print(f"test file read with {how}: equal {np.array_equal(read, x[test])}, accuracy {score:.2f}")
    if how:
        assert np.array_equal(read, x[test]) and score > 0.95
    else:
        assert np.array_equal(read[:, :4], x[test][:, 1:]), "columns stay in place now"
        assert not read[:, 4].any() and score < 0.7
PYTHON

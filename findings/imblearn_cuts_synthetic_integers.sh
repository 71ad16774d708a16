#!/usr/bin/env bash
# imbalanced-learn 0.14.2: the rows that SMOTE makes up have half the ones of the rows
# they are made from where columns are integers, and too many where they are bool
#
# Guess: a point between two rows is a fraction, so that columns of integers come out as
#   floats, or rounded to the nearest; either way their mean is about that of the class.
# Seen: the result is cast to the dtype that X came in, which cuts towards zero. A column
#   of 0 and 1 keeps a 1 only where both rows have it: 56 % ones become 28 %. Counts lose
#   0.4 of a unit in the mean, and negative ones are cut towards zero as well. In a
#   data frame of several dtypes each column is cast by itself, and one of bool turns every
#   fraction into True: 56 % become 84 %. The same table as floats has 56 %. As only the minority class
#   is made up, a network learns the bias as a mark of that class. ADASYN, BorderlineSMOTE
#   and SVMSMOTE do likewise. Nothing warns.
# So: give floats, X.astype(float), and SMOTENC where columns are categories.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  imbalanced-learn==0.14.2 scikit-learn==1.9.1 numpy==2.4.6 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import imblearn
import numpy as np
import pandas as pd
from imblearn import over_sampling

print("imbalanced-learn", imblearn.__version__)
draw = np.random.default_rng(0)
y = (np.arange(1000) < 100).astype(int)
x = np.stack([draw.integers(0, 2, 1000), draw.integers(0, 5, 1000)], axis=1)
x = np.concatenate([x, draw.integers(0, 1000, (1000, 2))], axis=1)
true = x[y == 1].mean(0)
print(f"minority class: {true[0]:.0%} ones, mean count {true[1]:.2f}")


def made_up(sampler, table):
    rows, _ = sampler(random_state=0).fit_resample(table, y)
    return np.asarray(rows[1000:], float).mean(0)


for name in ("SMOTE", "ADASYN", "BorderlineSMOTE", "SVMSMOTE"):
    sampler = getattr(over_sampling, name)
    whole, real = made_up(sampler, x), made_up(sampler, x.astype(float))
    print(f"{name}: {whole[0]:.0%} and {whole[1]:.2f} of integers,", end=" ")
    print(f"{real[0]:.0%} and {real[1]:.2f} of floats")
    assert abs(real[0] - true[0]) < 0.05
    assert whole[0] < 0.65 * true[0] and whole[1] < real[1] - 0.3, "integers are kept now"
frame = pd.DataFrame(x, columns=list("abcd")).astype({"a": bool, "d": float})
flags = made_up(over_sampling.SMOTE, frame)[0]
print(f"SMOTE: {flags:.0%} of bool in a data frame")
assert flags > 1.4 * true[0], "bool is kept now"
PYTHON

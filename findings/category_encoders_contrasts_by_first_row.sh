#!/usr/bin/env bash
# category-encoders 2.11.2, PolynomialEncoder: the order of numbers is the order of the rows
# in which they are first seen
#
# Guess: polynomial contrasts are for ordered categories, and grades 1 to 5 are ordered as
#   numbers: the first contrast grows with the grade. RankHotEncoder of the same package
#   takes them so.
# Seen: of a table that begins with a 3 the grade 3 is the lowest, whatever else comes. The
#   same rows in another order are encoded otherwise, so that the split and its seed decide
#   which grades are alike, and a linear model on the linear contrast finds little. Once
#   rows are sorted all is well, which is how examples are written. An ordered categorical
#   of pandas keeps its order.
# So: pass an ordered categorical.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  category-encoders==2.11.2 scikit-learn==1.9.1 pandas==2.3.3 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import pandas as pd
from category_encoders import PolynomialEncoder, RankHotEncoder
from sklearn.linear_model import LinearRegression

print("category-encoders", version("category-encoders"))
grades = np.array([3, 5, 1, 4, 2] * 20)


def encoded(maker, grades):
    return maker(cols=["grade"]).fit_transform(pd.DataFrame({"grade": grades})).to_numpy()


for name, given in (
    ("numbers", grades),
    ("numbers, sorted rows", np.sort(grades)),
    ("ordered categories", pd.Categorical(grades, categories=[1, 2, 3, 4, 5], ordered=True)),
):
    plain = np.asarray(given).astype(int)
    assert np.array_equal(encoded(RankHotEncoder, given).sum(axis=1), plain)
    linear = encoded(PolynomialEncoder, given)[:, :1]
    contrast = [round(float(linear[plain == grade][0, 0]), 2) for grade in range(1, 6)]
    fit = LinearRegression().fit(linear, plain).score(linear, plain)
    print(f"{name}: linear contrast of 1 to 5 {contrast}, R2 of a line on it {fit:.2f}")
    if name == "numbers":
        assert contrast[2] < contrast[4] < contrast[0], "numbers are in order now"
        assert fit < 0.2
    else:
        assert contrast == sorted(contrast) and fit > 0.999
PYTHON

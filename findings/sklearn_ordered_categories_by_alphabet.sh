#!/usr/bin/env bash
# scikit-learn 1.9.1, OrdinalEncoder: the order of an ordered categorical is replaced by that
# of the alphabet
#
# Guess: a column whose type says low < medium < high is encoded as 0, 1, 2: the type is
#   there in pandas and in polars (Enum) to say so, and the encoder is named after it.
# Seen: categories="auto" takes the distinct values and sorts them: high 0, low 1, medium 2.
#   No warning is given. A linear model on it explains a quarter of what it could; trees
#   get by, so that it may go unseen for long. category-encoders and the codes of pandas
#   keep the order. Numbers that are strings are sorted as strings: "10" is before "9".
# So: OrdinalEncoder(categories=[table[name].cat.categories for name in columns]).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  scikit-learn==1.9.1 pandas==2.3.3 polars==2.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
import polars
import sklearn
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OrdinalEncoder

print("scikit-learn", sklearn.__version__, "pandas", pd.__version__, "polars", polars.__version__)
levels = ["low", "medium", "high"]
size = np.arange(300) % 3
names = [levels[number] for number in size]
of_pandas = pd.DataFrame({"size": pd.Categorical(names, categories=levels, ordered=True)})
of_polars = polars.DataFrame({"size": polars.Series(names, dtype=polars.Enum(levels))})
assert (of_pandas["size"] > "low").sum() == (of_polars["size"] > "low").sum() == 200

for table in (of_pandas, of_polars):
    for categories in ("auto", [levels]):
        encoder = OrdinalEncoder(categories=categories)
        x = encoder.fit_transform(table)
        score = LinearRegression().fit(x, size).score(x, size)
        library = type(table).__module__.split(".")[0]
        print(f"{library}, categories={categories}: {x[:3, 0]} for {levels}, R2 {score:.2f}")
        if categories == "auto":
            assert x[:3, 0].tolist() == [1, 2, 0], "the order of the type is kept now"
            assert score < 0.5
        else:
            assert x[:3, 0].tolist() == [0, 1, 2] and score > 0.999
PYTHON

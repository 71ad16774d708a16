#!/usr/bin/env bash
# skrub 0.11.0, DatetimeEncoder and TableVectorizer: the column "total_seconds" knows no
# time finer than two minutes
#
# Guess: total_seconds counts the seconds since 1970, so that the difference of two such
#   columns is the time between them.
# Seen: it is made float32, whose neighbours are 128 seconds apart at today's dates. Three
#   minutes of one reading a second become three numbers; a start and an end that lie up
#   to a minute apart differ by 0 or by 128. TableVectorizer writes hours and nothing
#   finer beside it, so that minutes and seconds are nowhere. To a net the column is a
#   staircase, and what happens within a step cannot be learned.
# So: take differences of the dates themselves, before they are encoded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  skrub==0.11.0 scikit-learn==1.9.1 pandas==2.3.3 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
import skrub

print("skrub", skrub.__version__)
draw = np.random.default_rng(0)
start = pd.date_range("2026-01-01 12:00", periods=180, freq="s").to_series(index=range(180))
lasts = pd.Series(draw.integers(1, 60, 180))
table = pd.DataFrame({"start": start, "end": start + pd.to_timedelta(lasts, unit="s")})

encoded = skrub.TableVectorizer().fit_transform(table)
print("columns:", ", ".join(name for name in encoded if name.startswith("start")))
seconds = encoded["start_total_seconds"]
print(f"180 seconds are {seconds.nunique()} numbers of {seconds.dtype}")
assert seconds.dtype == "float32" and seconds.nunique() <= 3, "seconds are told apart now"
distinct = len(encoded.drop_duplicates())
print(f"180 rows of two times are {distinct} different rows")
assert distinct < 10

took = encoded["end_total_seconds"] - seconds
print("durations of 1 to 59 seconds by their columns:", sorted(took.unique().tolist()))
assert set(took.unique()) <= {0.0, 128.0}
exact = (table["end"] - table["start"]).dt.total_seconds()
assert np.array_equal(exact, lasts)
PYTHON

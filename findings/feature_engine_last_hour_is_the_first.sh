#!/usr/bin/env bash
# feature-engine 1.9.4, CyclicalFeatures: hour 23 and hour 0 are one and the same point
#
# Guess: hours 0 to 23 become 24 points on a circle, 23 next to 0, which is what sine and
#   cosine of time are for; Monday as 0 to Sunday as 6 become seven.
# Seen: the period is the largest number of the training table, so that a day has 23
#   hours: 23 and 0 get the same sine and cosine, and no network can tell them apart.
#   Sunday is Monday, and of weekdays counted 0 to 6 no weekend effect on Sundays can be
#   learned. Months 1 to 12 are right, as they are not counted from 0; of a table that
#   ends in October the year has ten months. A flag of 0 and 1 becomes a column that is
#   0, and one that is 1. Nothing warns.
# So: give the periods, CyclicalFeatures(max_values={"hour": 24, "weekday": 7}).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  feature-engine==1.9.4 scikit-learn==1.9.1 numpy==2.4.6 pandas==2.3.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import feature_engine
import numpy as np
import pandas as pd
from feature_engine.creation import CyclicalFeatures
from sklearn.neural_network import MLPClassifier

print("feature-engine", feature_engine.__version__)


def circle(table, **periods):
    maker = CyclicalFeatures(max_values=periods or None, drop_original=True)
    return maker.fit_transform(table).to_numpy()


def points(circle):
    return len(np.unique(circle.round(6) + 0.0, axis=0))


for name, numbers in (("hour", range(24)), ("weekday", range(7)), ("month", range(1, 13))):
    table = pd.DataFrame({name: numbers})
    found = points(circle(table))
    print(f"{name}: {len(table)} numbers, {found} points")
    assert found == len(table) - (name != "month"), "the period is another one now"
days = pd.DataFrame({"weekday": np.arange(7 * 60) % 7})
sunday = (days["weekday"] == 6).to_numpy()
for periods in ({}, {"weekday": 7}):
    x = circle(days, **periods)
    net = MLPClassifier([16], solver="lbfgs", max_iter=1000, random_state=0).fit(x, sunday)
    told = net.predict_proba(x)[:, 1]
    print(periods or "as it is:", f"P(Sunday) of a Sunday {told[6]:.2f}, of a Monday {told[0]:.2f}")
    assert (abs(told[6] - told[0]) < 0.01) == (not periods)
PYTHON

#!/usr/bin/env bash
# hyperopt 0.3.0, hp.uniformint: the smallest and the largest number are drawn half as
# often as those between
#
# Guess: hp.uniformint("layers", 1, 3) draws 1, 2 and 3 equally often, as its name says
#   and as hp.randint("layers", 1, 4) does.
# Seen: a real number between 1 and 3 is rounded, so that 1 and 3 have a quarter each and
#   2 has half. hp.quniform with a step that does not divide the ends leaves the range:
#   quniform("units", 1, 10, 4) is 0, 4 or 8, and (0, 11, 3) is 12 now and then. A step
#   given to uniformint is dropped without a word.
# So: hp.randint(label, low, high + 1), times the step where there is one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  hyperopt==0.3.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from hyperopt import Trials, fmin, hp, rand

print("hyperopt", version("hyperopt"))


def shares(space):
    """How often a random search takes each value."""
    trials = Trials()
    generator = np.random.default_rng(0)
    fmin(lambda _: 0.0, space, rand.suggest, 1500, trials=trials, rstate=generator,
         show_progressbar=False, verbose=False)
    values, counts = np.unique(trials.vals["x"], return_counts=True)
    return dict(zip(values.tolist(), (counts / 1500).round(3).tolist()))


integers = shares(hp.uniformint("x", 1, 3))
even = shares(hp.randint("x", 1, 4))
stepped = shares(hp.uniformint("x", 2, 6, q=2))
below, above = shares(hp.quniform("x", 1, 10, 4)), shares(hp.quniform("x", 0, 11, 3))
print("uniformint 1 to 3:", integers)
print("randint 1 to 4, which is left out:", even)
print("uniformint 2 to 6 with q=2:", stepped)
print("quniform 1 to 10 by 4:", below, "and 0 to 11 by 3:", above)
assert integers[1] < 0.3 and integers[3] < 0.3 and integers[2] > 0.45, "they are even now"
assert all(abs(share - 1 / 3) < 0.05 for share in even.values())
assert 3 in stepped and 0.0 in below and 12.0 in above
PYTHON

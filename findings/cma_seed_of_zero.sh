#!/usr/bin/env bash
# cma 4.5.0: seed 0 is no seed, and each run of it is another
#
# Guess: options {"seed": 0} make a run repeatable, as seed 0 does in NumPy, JAX,
#   scikit-learn, Optuna and elsewhere: it is a number like 1, and the first that one
#   takes.
# Seen: 0 means "take the clock", as None does. Two runs in one process, or a script
#   started twice, give other points, and in a comparison of seeds 0, 1, 2, ... the first
#   one alone cannot be repeated. Seed 1 is repeatable. A comment in the list of options
#   says so; nothing warns. What was drawn stands in es.opts["seed"]. Numbers of one's own
#   that np.random.seed was given before are forgotten as well: the global generator of
#   NumPy is seeded anew.
# So: count seeds from 1, or keep es.opts["seed"].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  cma==4.5.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import time

import cma
import numpy as np

print("cma", cma.__version__)


def run(seed):
    options = {"seed": seed, "maxiter": 5, "verbose": -9}
    es = cma.CMAEvolutionStrategy([1.0, 2.0], 0.5, options)
    es.optimize(lambda x: float(np.sum(np.square(x))))
    return es.result.xbest, es.opts["seed"]


for seed in (0, 1):
    (first, used), _, (second, again) = run(seed), time.sleep(0.05), run(seed)
    print(f"seed {seed}: {first} with {used}, then {second} with {again}")
    assert (first == second).all() == (seed == 1), "seed 0 is a seed now"
    assert (used == again) == (seed == 1)
drawn = []
for _ in range(2):
    np.random.seed(7)
    run(0)
    drawn.append(np.random.random())
    time.sleep(0.05)
print("np.random.seed(7), a run, np.random.random():", drawn)
assert drawn[0] != drawn[1]
PYTHON

#!/usr/bin/env bash
# optuna 5.0.0, suggest_categorical: of the choices 1 and 1.0 both are tried, and both are
# recorded as 1; so are False as 0 and True as 1
#
# Guess: best_params holds what the best trial was run with: choices are told apart, as
#   the objective is given each of them, with its type; or such a list is refused.
# Seen: a choice is stored by the place at which the list has something equal to it, and
#   1 == 1.0 in Python. The objective gets 1.0, the study says 1. To scikit-learn these
#   are opposites: max_features=1 is one feature and 1.0 is all of them. The model that
#   is built anew from best_params is another one than was scored. Importances and TPE
#   learn from the wrong record as well. ConfigSpace refuses such a list.
# So: offer strings ("one", "all") and translate them in the objective.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  optuna==5.0.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import optuna
from sklearn.ensemble import RandomForestRegressor

print("optuna", optuna.__version__)
optuna.logging.set_verbosity(optuna.logging.ERROR)
draw = np.random.default_rng(0)
x = draw.standard_normal((300, 20))
y = 3 * x[:, 0] + 0.1 * draw.standard_normal(300)
given = {}


def score(max_features):
    forest = RandomForestRegressor(20, max_features=max_features, random_state=0)
    return forest.fit(x[:200], y[:200]).score(x[200:], y[200:])


def objective(trial):
    given[trial.number] = trial.suggest_categorical("max_features", [1, 1.0, 0.1])
    return score(given[trial.number])


study = optuna.create_study(
    direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0)
)
study.optimize(objective, n_trials=12)
best, told = given[study.best_trial.number], study.best_params["max_features"]
again = score(told)
print(f"best trial: run with {best!r}, R2 {study.best_value:.3f}")
print(f"best_params: {told!r}, with which R2 is {again:.3f}")
assert type(best) is float and best == 1.0
assert type(told) is int and told == 1, "choices are told apart now"
assert score(best) == study.best_value and again < study.best_value - 0.3

study = optuna.create_study()
trial = study.ask()
offered = [trial.suggest_categorical(str(n), [0, False]) for n in range(40)]
assert {type(value).__name__ for value in offered} == {"int", "bool"}
recorded = {type(value).__name__ for value in study.trials[0].params.values()}
print("choices 0 and False are recorded as", recorded)
assert recorded == {"int"}
PYTHON

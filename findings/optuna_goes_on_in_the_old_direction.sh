#!/usr/bin/env bash
# optuna 5.0.0: create_study(direction="maximize", load_if_exists=True) gives a study that
# minimizes, where one of that name does, even one with another number of objectives
#
# Guess: a direction that contradicts the stored one is an error, or a warning at least;
#   a run whose first start forgot direction="maximize" can be started again with it.
# Seen: all that is given but the name is dropped. The study goes on to minimize an
#   accuracy, samples where it is lowest, and best_params are the worst ones found. A
#   study of one objective is returned where two directions are asked for. There is no
#   warning, and the log says "Using an existing study" in either case. Optuna 2
#   raised "Cannot overwrite study direction".
# So: compare study.directions with what you mean after each create_study.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check optuna==5.0.0
cd "$folder"
"$folder/venv/bin/python" -W error::UserWarning - <<'PYTHON'
import math

import optuna

print("optuna", optuna.__version__)
optuna.logging.set_verbosity(optuna.logging.ERROR)


def accuracy(trial):
    rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
    return math.exp(-(math.log10(rate) ** 2))  # higher is better: 1 at a rate of 1


def study(**settings):
    sampler = optuna.samplers.TPESampler(seed=0)
    return optuna.create_study(
        storage="sqlite:///search.db",
        study_name="mlp",
        load_if_exists=True,
        sampler=sampler,
        **settings,
    )


study().optimize(accuracy, n_trials=5)  # the direction was forgotten
mended = study(direction="maximize")
mended.optimize(accuracy, n_trials=35)
values = [trial.value for trial in mended.trials]
late = sum(values[-20:]) / 20
print(f"asked to maximize, direction {mended.direction.name}, best value", end=" ")
print(f"{mended.best_value:.2e} of {min(values):.2e} to {max(values):.2e}")
print(f"mean of the last twenty trials: {late:.3f}")
assert mended.direction.name == "MINIMIZE", "the direction counts, or is refused, now"
assert mended.best_value == min(values) < 0.01 and late < 0.2
both = study(directions=["minimize", "maximize"])
print("two directions asked for, and the study has", len(both.directions))
assert len(both.directions) == 1
PYTHON

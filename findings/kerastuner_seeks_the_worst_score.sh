#!/usr/bin/env bash
# keras-tuner 1.4.8 with keras 3.15.1: the objectives "val_r2_score" and "val_f1_score"
# are minimized
#
# Guess: the direction of an objective given by name is inferred, as its documentation
#   says; for metrics of Keras it is known which is better, and for others one is asked.
# Seen: "max" is inferred for a list of names from before these metrics, and "min" for
#   all other classes of Keras's metrics: r2_score, f1_score, binary_io_u,
#   pearson_correlation, concordance_correlation, cosine_similarity. The search runs
#   through, ranks the trials the wrong way round, keeps the epoch with the lowest score
#   of each, and get_best_models gives the worst of them. An unknown name is an error.
# So: say it: keras_tuner.Objective("val_r2_score", "max").
# (six is installed beside it, since keras-tuner imports it and does not ask for it.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras-tuner==1.4.8 six==1.17.0 keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import keras
import keras_tuner
import numpy as np

print("keras-tuner", keras_tuner.__version__, "keras", keras.__version__)
x = np.random.default_rng(0).standard_normal((200, 2)).astype("float32")
y = x @ np.array([[1.0], [2.0]], "float32")


def build(trial):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    rate = trial.Choice("rate", [1e-5, 0.1])
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["r2_score"])
    return model


def tuner(objective):
    return keras_tuner.GridSearch(build, objective, directory="tuned", overwrite=True)


names = ("accuracy", "auc", "r2_score", "f1_score", "binary_io_u", "pearson_correlation")
directions = {name: tuner(f"val_{name}").oracle.objective.direction for name in names}
print("inferred:", directions)
for objective in ("val_r2_score", keras_tuner.Objective("val_r2_score", "max")):
    search = tuner(objective)
    search.search(x, y, validation_split=0.2, epochs=5, verbose=0)
    for trial in search.oracle.get_best_trials(2):
        print("  rate", trial.hyperparameters.values["rate"], "score", round(trial.score, 3))
    best = search.get_best_hyperparameters()[0].values["rate"]
    print(f"best by {objective}: rate {best}")
    assert best == (1e-5 if isinstance(objective, str) else 0.1), "it is maximized now"
assert [directions[name] for name in names] == ["max"] * 2 + ["min"] * 4
PYTHON

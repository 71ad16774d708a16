#!/usr/bin/env bash
# scikit-learn 1.9.1: with warm_start, early stopping keeps no best weights
#
# Guess: MLPClassifier(early_stopping=True, warm_start=True), fitted again without a
#   better validation score, ends with the weights of the best score, which it says it
#   keeps: best_validation_score_ is still that of the first fit.
# Seen: the weights are those of the last step. They were the best ones when the first
#   fit had ended, and the second goes on in the same arrays, in place.
# So: copy coefs_ and intercepts_ before the second fit, and compare the scores.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

print("scikit-learn", sklearn.__version__)
rng = np.random.default_rng(0)
x = rng.normal(size=(150, 5))
y = np.digitize(x[:, 0], [-0.5, 0.5])
net = MLPClassifier((8,), learning_rate_init=0.01, max_iter=15, random_state=0)
net.set_params(early_stopping=True, warm_start=True).fit(x, y)
score, best = net.best_validation_score_, [kernel.copy() for kernel in net.coefs_]
net.set_params(learning_rate_init=1e-6).fit(x, y)
moved = max(float(abs(a - b).max()) for a, b in zip(net.coefs_, best, strict=True))
print(f"best score {score:.4f}, then {net.best_validation_score_:.4f}; weights moved by {moved:.1e}")
assert net.best_validation_score_ == score, "the second fit found better weights"
assert moved > 0, "the best weights are kept now"
PYTHON

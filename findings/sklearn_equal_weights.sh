#!/usr/bin/env bash
# scikit-learn 1.9.1, MLPRegressor: sample weights of 5 for all rows train another model
# than weights of 1, as soon as alpha is above 0
#
# Guess: only proportions of sample_weight count, since the weighted loss is divided by
#   the sum of the weights; equal weights change nothing.
# Seen: with alpha=0 they do not. With alpha=1, the penalty alpha / 2 * |W|^2 is divided
#   by the sum of the weights too, so that weights of 5 mean a fifth of the penalty:
#   weights of 5 with alpha 5 train what weights of 1 train with alpha 1.
# So: scale sample_weight to a mean of 1, or alpha with its mean, before comparing fits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPRegressor

warnings.simplefilter("ignore")
print("scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
x = generator.normal(size=(100, 3))
y = x.sum(1)


def predicted(weight, alpha):
    model = MLPRegressor(
        hidden_layer_sizes=(4,), solver="lbfgs", alpha=alpha, random_state=0, max_iter=200
    )
    return model.fit(x, y, sample_weight=np.full(100, weight)).predict(x[:3])


for alpha in (0.0, 1.0, 5.0):
    one, five = predicted(1.0, alpha), predicted(5.0, alpha)
    print(f"alpha {alpha}: weights of 1 {one.round(4)}, weights of 5 {five.round(4)}")
assert np.allclose(predicted(1.0, 0.0), predicted(5.0, 0.0))
assert not np.allclose(predicted(1.0, 1.0), predicted(5.0, 1.0), rtol=1e-3)
scaled = predicted(5.0, 5.0)
print("weights of 5 with alpha 5 against weights of 1 with alpha 1:", scaled.round(4))
assert np.allclose(scaled, predicted(1.0, 1.0), rtol=1e-2)
PYTHON

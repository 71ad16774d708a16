#!/usr/bin/env bash
# onnxmltools 1.16.0, convert_lightgbm: a random forest is divided by 100, however many trees
# it has; linear trees and reg_sqrt are written as other models
#
# Guess: what the converter cannot say in ONNX it refuses, as it does for unknown objectives;
#   a model that is converted predicts the same.
# Seen: LightGBM's forest (boosting_type="rf") predicts the mean of its trees. In ONNX it is
#   their sum, divided by a 100.0 that stands in the source: right for the default of 100
#   trees, 0.6 of the prediction for 60, twice as much for 200. If the booster of the model
#   is converted nothing is divided at all. A classifier names another class for half of
#   the rows. linear_tree=True has a line in each leaf, of which the constant is written;
#   reg_sqrt=True learns roots, which nobody squares. No warning in any of these.
# So: compare a few predictions before such a file is handed on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  onnxmltools==1.16.0 onnx==1.23.2 onnxruntime==1.32.0 lightgbm==4.7.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
from onnxmltools.convert.common.data_types import FloatTensorType

print("onnxmltools", onnxmltools.__version__, "lightgbm", lightgbm.__version__)
onnxruntime.set_default_logger_severity(3)
draw = np.random.default_rng(0)
x = draw.standard_normal((600, 4)).astype("float32")
y = x[:, 0] + 0.5 * draw.standard_normal(600) + 10
forest = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}


def fitted(maker, y, trees, **options):
    return maker(n_estimators=trees, verbose=-1, n_jobs=1, **options).fit(x, y)


def in_onnx(model):
    kinds = [("x", FloatTensorType([None, 4]))]
    graph = onnxmltools.convert_lightgbm(model, initial_types=kinds, zipmap=False)
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0].ravel()


for trees in (60, 100, 200):
    model = fitted(lightgbm.LGBMRegressor, y, trees, **forest)
    here = model.predict(x)
    ratios = [np.mean(in_onnx(given) / here) for given in (model, model.booster_)]
    print(f"forest of {trees} trees: ONNX gives {ratios[0]:.2f} of the prediction,",
          f"{ratios[1]:.2f} from the booster")
    assert np.allclose(ratios, [trees / 100, trees], rtol=1e-3), "it is the mean now"
for options in ({}, {"linear_tree": True}, {"reg_sqrt": True}):
    model = fitted(lightgbm.LGBMRegressor, y, 60, **options)
    there, here = in_onnx(model), model.predict(x)
    print(options or "plain boosting", f"first row {here[0]:.3f}, in ONNX {there[0]:.3f}")
    assert (np.abs(there - here).max() > 0.1) == bool(options), "they agree now"
labels = (y > 10).astype(int)
model = fitted(lightgbm.LGBMClassifier, labels, 60, **forest)
other = float(np.mean(in_onnx(model) != model.predict(x)))
print(f"forest of 60 trees that classifies: another class in ONNX for {other:.0%} of rows")
assert other > 0.2
PYTHON

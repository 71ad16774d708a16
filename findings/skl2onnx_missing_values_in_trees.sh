#!/usr/bin/env bash
# skl2onnx 1.20.0: trees and forests that have learned where missing values go send them
# all to the right
#
# Guess: scikit-learn's trees and random forests take NaN and learn for each split which
#   way it goes; ONNX has a field for it (nodes_missing_value_tracks_true), and the
#   converted model predicts the same.
# Seen: the field is written as 0 for every node, whatever the tree holds. Rows without NaN
#   agree to the last digits, which is what a check on clean data sees; rows with NaN get
#   the value of another leaf, here off by 3.7 where targets have a standard deviation
#   of 1. Nothing is refused, and no warning is given.
# So: fill in missing values in the pipeline, with an indicator where they tell something.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
import skl2onnx
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

print("skl2onnx", skl2onnx.__version__, "onnxruntime", onnxruntime.__version__)
draw = np.random.default_rng(0)
x = draw.standard_normal((500, 3)).astype("float32")
y = x[:, 0].copy()
x[y < -1, 0] = np.nan  # what is small is not measured
missing = np.isnan(x[:, 0])


def converted(model):
    graph = skl2onnx.to_onnx(model, x[:1])
    tracks = {field.name: field.ints for field in graph.graph.node[0].attribute}
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    predicted = session.run(None, {session.get_inputs()[0].name: x})[0].ravel()
    return predicted, sum(tracks["nodes_missing_value_tracks_true"])


tree = DecisionTreeRegressor(max_depth=3, random_state=0).fit(x, y)
print("splits that send NaN to the left:", int(np.sum(tree.tree_.missing_go_to_left)))
forest = RandomForestRegressor(20, max_depth=3, random_state=0).fit(x, y)
for model in (tree, forest):
    predicted, left = converted(model)
    errors = np.abs(predicted - model.predict(x))
    print(
        f"{type(model).__name__}: nodes to the left in ONNX {left}, mean difference",
        f"{errors[missing].mean():.3f} with NaN, {errors[~missing].mean():.1e} without",
    )
    assert left == 0 and errors[missing].mean() > 0.5, "NaN goes where it should now"
    assert errors[~missing].max() < 1e-5
assert np.sum(tree.tree_.missing_go_to_left) > 0
PYTHON

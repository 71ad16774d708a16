#!/usr/bin/env bash
# skl2onnx 1.20.0: a TunedThresholdClassifierCV decides at 0.5 again once it is in ONNX
#
# Guess: the class exists for its threshold, best_threshold_; the converter that is there
#   for it writes it into the graph, or converting is refused, as for
#   FixedThresholdClassifier. Labels are those of predict.
# Seen: what is converted is the classifier within, with its label of the most probable
#   class. Probabilities agree to the last digits, labels do not: with one row in five
#   positive and a threshold tuned for F1 at 0.3, one decision in eight is another, and
#   the recall falls from 0.71 to 0.43. No warning, and a check of
#   probabilities sees nothing.
# So: take the probabilities of the graph, and compare them with best_threshold_ outside.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
import skl2onnx
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.neural_network import MLPClassifier

print("skl2onnx", skl2onnx.__version__, "onnxruntime", onnxruntime.__version__)
draw = np.random.default_rng(0)
x = draw.standard_normal((2000, 4)).astype("float32")
y = (x[:, 0] + draw.standard_normal(2000) > 1.2).astype(int)
net = MLPClassifier(8, max_iter=60, random_state=0)
tuned = TunedThresholdClassifierCV(net, scoring="f1", random_state=0).fit(x, y)

graph = skl2onnx.to_onnx(tuned, x[:1], options={id(tuned): {"zipmap": False}})
session = onnxruntime.InferenceSession(
    graph.SerializeToString(), providers=["CPUExecutionProvider"]
)
labels, chances = session.run(None, {session.get_inputs()[0].name: x})
meant = tuned.predict(x)
print(f"threshold {tuned.best_threshold_:.3f}, positive {y.mean():.0%} of the rows")
for name, found in (("scikit-learn", meant), ("ONNX", labels)):
    print(f"{name}: F1 {f1_score(y, found):.3f}, recall {recall_score(y, found):.3f}")
print(f"other labels: {(labels != meant).mean():.1%} of the rows, probabilities off by", end=" ")
print(f"{np.abs(chances - tuned.predict_proba(x)).max():.0e}")
assert np.abs(chances - tuned.predict_proba(x)).max() < 1e-5
assert (labels != meant).mean() > 0.03, "the threshold is in the graph now"
assert np.array_equal(labels, (chances[:, 1] > 0.5).astype(int))
outside = (chances[:, 1] >= tuned.best_threshold_).astype(int)
assert (outside != meant).mean() < 0.002

fixed = FixedThresholdClassifier(net, threshold=0.2).fit(x, y)
try:
    skl2onnx.to_onnx(fixed, x[:1])
except skl2onnx.common.exceptions.MissingShapeCalculator:
    print("FixedThresholdClassifier is refused")
PYTHON

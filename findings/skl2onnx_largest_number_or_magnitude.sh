#!/usr/bin/env bash
# skl2onnx 1.20.0: Normalizer("max") divides by the largest number of a row in ONNX, where
# scikit-learn divides by the largest magnitude
#
# Guess: each of the three norms of Normalizer is the same in both; "max" puts a row
#   between -1 and 1, since scikit-learn takes absolute values.
# Seen: the graph takes the plain maximum. Of the row [-4, 1, 0.5] scikit-learn makes
#   [-1, 0.25, 0.125], and ONNX [-4, 1, 0.5]; a row whose numbers are all negative changes
#   its sign. A network behind it is fed with numbers unlike those it has learned from. Of
#   standardized features some classes are others, of logarithms of shares, which are all
#   negative, most. Where features are positive nothing differs, so that a test on such
#   data passes. "l1" and "l2" are right.
# So: take Normalizer("l2"), or normalize outside the exported pipeline.
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
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

print("skl2onnx", skl2onnx.__version__, "onnxruntime", onnxruntime.__version__)


def in_onnx(model, x, output):
    graph = skl2onnx.to_onnx(model, x[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    name = session.get_outputs()[output].name
    return session.run([name], {session.get_inputs()[0].name: x})[0]


rows = np.array([[-4, 1, 0.5], [-4, -2, -1], [4, 1, 0.5]], "float32")
for norm in ("l1", "l2", "max"):
    model = Normalizer(norm).fit(rows)
    true, made = model.transform(rows), in_onnx(model, rows, 0)
    print(f"{norm}: {true[:2].round(3).tolist()} in ONNX {made[:2].round(3).tolist()}")
    assert np.allclose(true[2], made[2])
    assert np.allclose(true, made) == (norm != "max"), "magnitudes are taken now"
assert np.allclose(made[:2], [[-4, 1, 0.5], [4, 2, 1]])

draw = np.random.default_rng(0)
x = draw.standard_normal((1000, 6)).astype("float32")
tables = {"standardized": x, "positive": np.abs(x), "negative": -np.abs(x)}
for name, features in tables.items():
    y = (features[:, 0] > features[:, 1]).astype(int)
    net = MLPClassifier(16, max_iter=80, random_state=0)
    pipeline = make_pipeline(Normalizer("max"), net).fit(features, y)
    other = (in_onnx(pipeline, features, 0) != pipeline.predict(features)).mean()
    print(f"{name} features: {other:.1%} of the classes are others")
    assert (other > 0) == (name != "positive") and (other > 0.3) == (name == "negative")
PYTHON

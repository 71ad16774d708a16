#!/usr/bin/env bash
# skl2onnx 1.20.0: probabilities calibrated by isotonic regression are those of the
# nearest point that was learned, not interpolated
#
# Guess: CalibratedClassifierCV(method="isotonic") in ONNX is what it is in scikit-learn,
#   to float32: a line between the learned points.
# Seen: the graph looks for the learned score that is nearest and gives its probability.
#   Between two points that lie far apart in height a row gets the one or the other in
#   full, off by up to half of the step between them: with a hundred rows to learn from
#   one row in twelve is off by more than 0.01, the worst by 0.1, and some decisions at
#   0.5 are others. Sigmoid calibration is right.
# So: take method="sigmoid" for what is to be exported, or interpolate outside.
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
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC

print("skl2onnx", skl2onnx.__version__, "onnxruntime", onnxruntime.__version__)
draw = np.random.default_rng(0)
x = draw.standard_normal((100, 4)).astype("float32")
y = x[:, 0] + 0.5 * draw.standard_normal(100) > 0
rows = draw.standard_normal((2000, 4)).astype("float32")


def probabilities(model):
    options = {id(model): {"zipmap": False}}
    converted = skl2onnx.to_onnx(model, rows[:1], options=options).SerializeToString()
    session = onnxruntime.InferenceSession(converted, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: rows})[1][:, 1]


errors = {}
for method in ("sigmoid", "isotonic"):
    svm = LinearSVC(random_state=0)
    model = CalibratedClassifierCV(svm, method=method, cv=3, ensemble=False).fit(x, y)
    right, found = model.predict_proba(rows)[:, 1], probabilities(model)
    errors[method] = np.abs(found - right)
    print(
        f"{method}: largest difference {errors[method].max():.2g},",
        f"above 0.01 in {np.mean(errors[method] > 0.01):.1%} of the rows,",
        f"other decisions {np.sum((found > 0.5) != (right > 0.5))} of {len(rows)}",
    )
assert errors["isotonic"].max() > 0.05, "it is interpolated now"
assert errors["sigmoid"].max() < 1e-5
PYTHON

#!/usr/bin/env bash
# skl2onnx 1.20.0: the first columns that a multilabel MLPClassifier has in ONNX are the
# probabilities that the labels do not hold
#
# Guess: the output "probabilities" of an MLPClassifier fitted to two labels a row is what
#   predict_proba gives: one column a label, P(label).
# Seen: it has twice as many columns, all of 1 - P first and then all of P, so that column
#   0, which is P(first label) in scikit-learn, is 1 - P. A threshold on it flags exactly
#   the wrong rows. The output "label" is right, and so is multiclass. With the default
#   options, which wrap probabilities in maps, the converted model cannot be run at all.
# So: take the last columns: probabilities[:, n:] of n labels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import onnxruntime
import skl2onnx
from sklearn.neural_network import MLPClassifier

print("skl2onnx", skl2onnx.__version__, "onnxruntime", onnxruntime.__version__)
warnings.simplefilter("ignore")
onnxruntime.set_default_logger_severity(3)
x = np.random.default_rng(0).standard_normal((300, 4)).astype("float32")


def outputs(model):
    """Labels and probabilities of the model in ONNX."""
    options = {id(model): {"zipmap": False}}
    converted = skl2onnx.to_onnx(model, x[:1], options=options).SerializeToString()
    session = onnxruntime.InferenceSession(converted, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def fitted(y):
    return MLPClassifier(hidden_layer_sizes=(16,), max_iter=100, random_state=0).fit(x, y)


both = np.c_[x[:, 0] > 0, x[:, 1] > 1].astype(int)
multilabel, multiclass = fitted(both), fitted(both.sum(axis=1))
labels, probabilities = outputs(multilabel)
right = multilabel.predict_proba(x)
print("columns:", right.shape[1], "in scikit-learn,", probabilities.shape[1], "in ONNX")
print("first row:", right[0].round(3), "and", probabilities[0].round(3))
agree = np.mean((probabilities[:, 0] > 0.5) == (right[:, 0] > 0.5))
print(f"a threshold of 0.5 on column 0 agrees in {agree:.1%} of the rows")
assert probabilities.shape[1] == 4, "there is one column a label now"
assert np.allclose(probabilities[:, :2], 1 - right, atol=1e-5)
assert np.allclose(probabilities[:, 2:], right, atol=1e-5)
assert np.array_equal(labels, multilabel.predict(x))
assert np.allclose(outputs(multiclass)[1], multiclass.predict_proba(x), atol=1e-5)
PYTHON

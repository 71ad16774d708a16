#!/usr/bin/env bash
# onnxruntime 1.32.0 on a CPU: Sigmoid is exactly 0 from about -18 on, in float32
#
# Guess: the probability for logits of -20 is 2.06e-9, as NumPy, JAX and PyTorch have it
#   in float32, which knows numbers down to 1e-38.
# Seen: -17 has twice its probability, and -20 has 0.0, so that its logarithm is -inf,
#   and what lies below is no longer ranked. Softmax of the same logits is right.
# So: where small probabilities are compared or go into a logarithm, give out logits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

print("onnxruntime", onnxruntime.__version__)


def run(operator, x):
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 2]) for n in "xy"]
    node = helper.make_node(operator, ["x"], ["y"])
    graph = helper.make_graph([node], operator, ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0]


logits = np.array([[-10.0, 0.0], [-17.0, 0.0], [-20.0, 0.0], [-50.0, 0.0]], np.float32)
found, expected = run("Sigmoid", logits)[:, 0], 1 / (1 + np.exp(-logits[:, 0]))
for logit, own, there in zip(logits[:, 0], found, expected, strict=True):
    print(f"{logit:6}: ONNX Runtime {own:.3e}, NumPy {there:.3e}")
assert np.allclose(found[0], expected[0], rtol=1e-3)
assert expected[2] > 2e-9
assert found[2] == found[3] == 0.0, "small probabilities are no longer lost"
print("by Softmax of the same:", run("Softmax", logits)[:, 0])
assert np.allclose(run("Softmax", logits)[:, 0], expected, rtol=1e-3)
PYTHON

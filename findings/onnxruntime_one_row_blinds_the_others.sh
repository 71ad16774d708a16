#!/usr/bin/env bash
# onnxruntime 1.32.0, quantize_dynamic: what a row is predicted depends on which rows are
# in its batch
#
# Guess: dynamic quantization takes the scale of inputs when they come, for each row: a
#   model of matrices and activations treats rows apart, and a test of one row tells what
#   a service with batches will say.
# Seen: one scale is taken for the whole tensor. A row that is 1,000 times as large as its
#   neighbours makes all of theirs 0 in eight bits: a batch in which each row was right
#   by itself, to a few thousandths, gets one and the same answer for all but the large
#   row. In smaller, any batch gives other numbers than its rows one by one, so that
#   results change with the load of a service that collects requests. Float models do not.
# So: standardize and clip inputs within the model, take batches of one where it matters,
#   or static quantization, whose scales are fixed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

print("onnxruntime", onnxruntime.__version__)
draw = np.random.default_rng(0)
weights = {
    "w": draw.standard_normal((4, 16)).astype(np.float32),
    "b": np.zeros(16, np.float32),
    "v": draw.standard_normal((16, 3)).astype(np.float32),
}
nodes = [
    helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
    helper.make_node("Relu", ["h"], ["r"]),
    helper.make_node("MatMul", ["r", "v"], ["z"]),
    helper.make_node("Softmax", ["z"], ["y"]),
]
ends = [
    helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size])
    for name, size in (("x", 4), ("y", 3))
]
initial = [numpy_helper.from_array(value, name) for name, value in weights.items()]
graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], initial)
opsets = [helper.make_opsetid("", 17)]
onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), "float.onnx")
quantize_dynamic("float.onnx", "quantized.onnx")
sessions = [onnxruntime.InferenceSession(f"{n}.onnx") for n in ("float", "quantized")]
exact, quantized = (lambda x, s=s: s.run(None, {"x": x})[0] for s in sessions)

rows = draw.standard_normal((6, 4)).astype(np.float32)
alone = np.concatenate([quantized(rows[i : i + 1]) for i in range(6)])
print("one by one, off by", np.abs(alone - exact(rows)).max())
assert np.abs(alone - exact(rows)).max() < 0.05
assert (quantized(rows) != alone).any()

batch = np.concatenate([rows, rows[:1] * np.float32(1000)])
true, found = exact(batch)[:6], quantized(batch)[:6]
wrong = int((found.argmax(1) != true.argmax(1)).sum())
print(f"beside a row that is 1,000 times as large: {wrong} of 6 classes wrong,", end=" ")
print("each row", found[0], "where the first is", true[0])
assert np.abs(true - exact(rows)).max() < 1e-5
assert len(np.unique(found.round(3), axis=0)) == 1, "rows are told apart now"
PYTHON

#!/usr/bin/env bash
# jax2onnx 0.17.1: a category of -1, which is a row of zeros to jax.nn.one_hot, is the last
# category in ONNX
#
# Guess: the exported model does what the function does. In jax.nn.one_hot each index that is
#   none of the classes is a row of zeros, below 0 as well as above; -1 for "unknown" is
#   what OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1) gives.
# Seen: the operator OneHot of ONNX counts negative indices from the end, and nothing is put
#   before it. Indices that are too large are zeros in both. A test on known categories
#   finds both equal; an unknown one is silently taken for the last that is known.
# So: use a class of its own for what is unknown, or (index[:, None] == jnp.arange(n)).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax2onnx==0.17.1 jax==0.10.2 flax==0.12.8 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import logging
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
from jax2onnx import to_onnx

print("jax2onnx", version("jax2onnx"), "jax", jax.__version__)
logging.disable(logging.CRITICAL)
index = np.array([0, 1, 2, 3, -1], "int32")
effects = jnp.array([1.0, 10.0, 100.0])


def by_one_hot(index):
    return jax.nn.one_hot(index, 3) @ effects


def by_comparison(index):
    return (index[:, None] == jnp.arange(3)).astype(jnp.float32) @ effects


for function in (by_one_hot, by_comparison):
    model = to_onnx(function, inputs=[jax.ShapeDtypeStruct(index.shape, jnp.int32)])
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    there = session.run(None, {session.get_inputs()[0].name: index})[0]
    here = np.asarray(function(index))
    print(f"{function.__name__} of {index}: {here}, in ONNX {there}")
    assert here.tolist() == [1, 10, 100, 0, 0]
    wrong = function is by_one_hot
    assert there.tolist() == [1, 10, 100, 0, 100 if wrong else 0], "unknown is zeros now"
PYTHON

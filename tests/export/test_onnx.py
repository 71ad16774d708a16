"""Exported to ONNX, a net gives elsewhere what it gives here."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, UnknownNameError
from jaxnet_mini.export.__main__ import main


def model():
    layers = [jn.Flatten(input_shape=(2, 2)), jn.Dense(8, "relu"), jn.Dropout(0.5)]
    return jn.Sequential([*layers, jn.Dense(3, "softmax")], name="small", seed=1)


def test_a_file_is_an_onnx_model_that_says_what_it_is(tmp_path):
    small, path = model(), tmp_path / "small.onnx"
    small.export(path, classes=["a", "b", "c"])
    found = onnx.load(path)
    onnx.checker.check_model(found, full_check=True)
    assert [one.version for one in found.opset_import] == [20]
    metadata = {one.key: one.value for one in found.metadata_props}
    assert metadata["jaxnet_mini"] == jn.__version__ == found.producer_version
    assert json.loads(metadata["classes"]) == ["a", "b", "c"]
    session = onnxruntime.InferenceSession(path)
    assert [one.name for one in session.get_inputs()] == ["input_layer"]
    assert [one.name for one in session.get_outputs()] == ["dense_1"]
    x = np.random.default_rng(0).normal(size=(7, 2, 2)).astype(np.float32)
    (y,) = session.run(None, {"input_layer": x})
    np.testing.assert_allclose(y, small.predict(x), rtol=1e-6, atol=1e-7)


def test_the_command_line_writes_what_the_method_writes(tmp_path):
    small = model()
    small.save(tmp_path / "small.safetensors")
    small.export(tmp_path / "expected", format="onnx")
    main([str(tmp_path / "small.safetensors"), str(tmp_path / "small.onnx")])
    expected = (tmp_path / "expected").read_bytes()
    assert (tmp_path / "small.onnx").read_bytes() == expected
    with pytest.raises(SystemExit, match="there is no file"):
        main([str(tmp_path / "none.safetensors"), str(tmp_path / "small.onnx")])


def test_what_cannot_be_meant_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"must end in '\.onnx'.*give format="):
        model().export(tmp_path / "small.bin")
    with pytest.raises(UnknownNameError, match="did you mean 'onnx'"):
        model().export(tmp_path / "small.bin", format="onn")
    with pytest.raises(ArgumentError, match=r"no option 'clases'.*classes"):
        model().export(tmp_path / "small.onnx", clases=["a"])
    assert not list(tmp_path.iterdir())

"""Exported to ONNX, a net gives elsewhere what it gives here."""

import contextlib
import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from in_onnx import compare, in_onnxruntime, variables

import jaxnet_mini as jn
from jaxnet_mini import layers
from jaxnet_mini.core.networks.ensemble import Ensemble
from jaxnet_mini.errors import ArgumentError, LayerError, StateError, UnknownNameError
from jaxnet_mini.export import to_onnx
from jaxnet_mini.export.__main__ import main
from jaxnet_mini.layers import Dense

NotImplemented_ = onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented

pytestmark = pytest.mark.usefixtures("quick_compilation")


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
    with pytest.raises(ArgumentError, match=r"classes must be a list.*'ab'"):
        model().export(tmp_path / "small.onnx", classes="ab")
    with pytest.raises(StateError, match="the input shape is not known"):
        jn.Sequential([Dense(2)]).export(tmp_path / "small.onnx")
    assert not list(tmp_path.iterdir())


class Twice(layers.Layer):
    def call(self, x):
        return x + x


class Wider(Dense):
    """More than a Dense, it might be."""


class Whole(jn.Model):
    def __init__(self):
        super().__init__()
        self.last = Dense(2)

    def call(self, x):
        return self.last(x)


def of_own_class():
    own = Whole()
    own.build((None, 4))
    return own


def stacked(*own):
    return jn.Sequential([layers.Input((4,)), *own])


def in_training(layer):
    x = layers.Input((4,))
    return jn.Model(x, layer(x, training=True))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: stacked(Dense(2, lambda x: x)),
            r"'dense'.*function <function .*lambda",
        ),
        (lambda: stacked(layers.Activation(jnp.sin)), "'activation'.*function"),
        (lambda: stacked(Twice()), "'twice'.*no operator for Twice"),
        (lambda: stacked(Wider(2)), r"'wider'.*Wider\(2\)"),
        (lambda: stacked(jn.residual(Twice())), "'graph/body'.*Twice"),
        (of_own_class, r"'whole'.*Whole\(\)"),
        (lambda: in_training(layers.Dropout(0.5)), "'dropout'.*training=True"),
        (lambda: in_training(layers.BatchNormalization()), "training=True"),
    ],
)
def test_what_no_operator_does_is_refused_by_name(make, words, tmp_path):
    with pytest.raises(LayerError, match=words):
        make().export(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


UNARY = ("floor", "ceil", "abs", "square", "sum", "prod", "max", "argmax")
BINARY = ("add", "multiply", "maximum", "power", "greater")


def of_numbers(name, dtype):
    x = layers.Input((4,), dtype=dtype)
    function = getattr(jn.ops, name)
    how = {"axis": -1} if name in ("sum", "prod", "max", "argmax") else {}
    return jn.Model(x, function(x, x) if name in BINARY else function(x, **how))


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_steps_of_other_numbers_are_those_of_the_standard_or_refused(dtype, tmp_path):
    """Nothing is written that the standard has no operator for."""
    numbers = np.array([[0, 1, 1, 0], [1, 1, 0, 1]], dtype)
    refused = set()
    for name in (*UNARY, *BINARY):
        made, path = of_numbers(name, dtype), tmp_path / f"{name}.onnx"
        with contextlib.suppress(LayerError):
            made.export(path)
        if not path.exists():
            refused.add(name)
            continue
        onnx.checker.check_model(path, full_check=True)
        with contextlib.suppress(NotImplemented_):  # of whole numbers, here and there
            session = onnxruntime.InferenceSession(path)
            found = session.run(None, {session.get_inputs()[0].name: numbers})[0]
            np.testing.assert_array_equal(found, made.predict(numbers, verbose=0), name)
    none = {"int32": {"ceil"}, "uint8": {"power"}, "bool": {"add", "greater"}}
    assert {"floor", *none[dtype]} <= refused
    assert dtype == "bool" or not {"square", "greater"} & refused


def test_the_error_of_such_a_step_says_what_to_do(tmp_path):
    with pytest.raises(LayerError, match=r"Floor.*int32.*cast to float32"):
        of_numbers("floor", "int32").export(tmp_path / "floor.onnx")


def test_a_layer_is_one_operator_and_its_weights_go_by_their_paths():
    block = jn.serial(Dense(4, "gelu"), layers.BatchNormalization(), name="block")
    shared = Dense(4, "relu", trainable=False)
    x, z = layers.Input((4,), name="x"), layers.Input((4,), name="z")
    both = layers.Concatenate(name="both")([shared(x), shared(z)])
    deep = layers.LayerNormalization(name="deep")(both)
    last = jn.Dense(2, "softmax", name="last")(layers.Dropout(0.5)(deep))
    model = jn.Model([x, z], {"wide": both, "p": last})
    params, _ = variables(model.net, ((4,), (4,)), np.random.default_rng(0))
    found = to_onnx(model.net, params, ((4,), (4,)))
    assert [own.name for own in found.graph.input] == ["x", "z"]
    assert [own.name for own in found.graph.output] == ["p", "wide"]
    assert [own.op_type for own in found.graph.node] == [
        *("Gemm", "Relu", "Gemm", "Relu", "Concat"),
        *("LayerNormalization", "Gemm", "Softmax"),
    ]
    assert sorted(own.name for own in found.graph.initializer) == [
        *("deep/beta", "deep/gamma", "dense/bias", "dense/kernel"),
        *("last/bias", "last/kernel"),
    ]
    net = jn.serial(block, jn.repeat(block, 2))
    params, state = variables(net, (4,), np.random.default_rng(0))
    found = to_onnx(net, params, (4,), state)
    operators = [own.op_type for own in found.graph.node]
    assert operators == ["Gemm", "Gelu", "BatchNormalization"] * 3
    names = {own.name for own in found.graph.initializer}
    assert {"block/dense/kernel", "repeat/1/dense/kernel"} < names
    assert found.graph.output[0].name == "repeat"


def test_what_is_given_out_twice_or_passed_on_has_a_name_of_its_own():
    net = jn.graph({"same": (layers.Identity(), "x")}, outputs=("same", "same"))
    x = np.ones((1000, 2), np.float32)
    found = compare(net, (2,), x, np.random.default_rng(0))
    assert [own.name for own in found.graph.output] == ["same", "same_call_1"]
    hidden = {"h": (Dense(3), "x"), "left": (layers.Dropout(0.5), "h")}
    net = jn.graph(hidden | {"last": (Dense(1), "left")}, outputs=("left", "h", "last"))
    found = compare(net, (2,), x, np.random.default_rng(0))
    assert [own.name for own in found.graph.output] == ["left", "h", "last"]


def test_an_output_of_the_name_of_an_input_is_refused(tmp_path):
    """ONNX Runtime would load no such file."""
    x, path = jn.Input((3,), name="x"), tmp_path / "net.onnx"
    same = jn.Model(x, {"x": Dense(3)(x), "y": Dense(2)(x)})
    with pytest.raises(LayerError, match=r"both called 'x', .*give the Input another"):
        same.export(path)
    assert not path.exists()
    x = jn.Input((3,), name="other")
    jn.Model(x, {"x": Dense(3)(x), "y": Dense(2)(x)}).export(path)
    outputs = onnxruntime.InferenceSession(path).get_outputs()
    assert [own.name for own in outputs] == ["x", "y"]


def test_an_ensemble_answers_as_one():
    nets = jn.serial(Dense(2, "tanh")), jn.serial(Dense(3), Dense(2))
    x = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    compare(Ensemble(nets, (2, 1)), (4,), x, np.random.default_rng(0))


def test_inputs_are_of_the_dtype_that_is_declared_or_of_categories(tmp_path):
    pixels = layers.Input((4,), name="pixels", dtype="uint8")
    word = layers.Input((1,), name="word")
    code = layers.Flatten()(layers.Embedding(5, 2)(word))
    y = Dense(2)(layers.Concatenate()([layers.Rescaling(1 / 255)(pixels), code]))
    model, path = jn.Model([pixels, word], y), tmp_path / "model.onnx"
    model.export(path)
    session = onnxruntime.InferenceSession(path)
    types = {own.name: own.type for own in session.get_inputs()}
    assert types == {"pixels": "tensor(uint8)", "word": "tensor(int32)"}
    rng = np.random.default_rng(0)
    x = {
        "pixels": rng.integers(0, 256, (7, 4)).astype(np.uint8),
        "word": rng.integers(0, 5, (7, 1)).astype(np.int32),
    }
    (found,) = session.run(None, x)
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_layers_in_a_row_have_the_input_that_stands_before_them(pure, times, tmp_path):
    first, dense = layers.Input((4,), name="pixels", dtype="uint8"), Dense(4)
    x = np.random.default_rng(0).integers(0, 5, (7, 4)).astype(np.uint8)
    model, path = jn.Sequential([first, *[dense] * times]), tmp_path / "model.onnx"
    model.export(path)
    written = onnx.load(path)
    if pure:
        net = jn.serial(first, *[Dense(4)] * times)
        params, _ = variables(net, (4,), np.random.default_rng(0))
        params = jax.tree.map(jnp.asarray, params)
        written = to_onnx(net, params, (4,))
    (only,) = written.graph.input
    assert (only.name, only.type.tensor_type.elem_type) == ("pixels", 2)  # uint8
    (y,) = in_onnxruntime(written)({"pixels": x})
    expected = (
        net.apply(params, jnp.asarray(x)) if pure else model.predict({"pixels": x})
    )
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-5)
    model.save(tmp_path / "model.safetensors")
    jn.models.load_model(tmp_path / "model.safetensors").export(path, "stablehlo")
    loaded = jn.export.load_stablehlo(path)
    expected = {"pixels": {"shape": [None, 4], "dtype": "uint8"}}
    assert loaded.metadata["inputs"] == expected
    np.testing.assert_allclose(loaded(x), model.predict(x), rtol=1e-6, atol=1e-5)


def test_what_computes_in_bfloat16_here_computes_in_float32_there():
    net = jn.serial(Dense(8, "relu"), Dense(2), dtype="mixed_bfloat16")
    params, _ = variables(net, (4,), np.random.default_rng(0))
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    (found,) = in_onnxruntime(to_onnx(net, params, (4,)))({"input_layer": x})
    assert found.dtype == np.float32
    wide = jax.jit(dataclasses.replace(net, dtype=None).apply)(params, x)
    np.testing.assert_allclose(found, wide, rtol=1e-6, atol=1e-6)


@pytest.mark.long
def test_functions_of_a_users_own_are_traced_where_that_is_asked(tmp_path):
    """And a softmax is one operator or many by how it was imported."""
    pytest.importorskip("jax2onnx")
    model = stacked(Dense(3, "relu"), layers.Lambda(jnp.sin), Dense(2, "softmax"))
    model.export(tmp_path / "model.onnx", trace=True, classes=["no", "yes"])
    found = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(found, full_check=True)
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    (y,) = in_onnxruntime(found)({"input_layer": x})
    np.testing.assert_allclose(y, model.predict(x), rtol=1e-6, atol=1e-6)
    assert len(found.graph.node) > 8

"""Exported to StableHLO, a net runs where JAX is and this library is not."""

import hashlib
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from interpreter import run
from jax import export
from layers_cases import LAYERS, normal

import jaxnet_mini as jn
from jaxnet_mini import layers
from jaxnet_mini.core.activations import ACTIVATIONS
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.errors import (
    ArgumentError,
    DataError,
    FileError,
    LayerError,
    ShapeError,
)
from jaxnet_mini.export import Loaded, load_stablehlo, to_stablehlo
from jaxnet_mini.export.__main__ import main

pytestmark = pytest.mark.usefixtures("quick_compilation")

CLOSE = {"rtol": 5e-6, "atol": 1e-6}

OTHER_LAYERS = [
    (layers.BatchNormalization(), (3,)),
    (layers.Normalization(mean=0.5, variance=2.0), (3,)),
    (layers.RMSNormalization(), (3,)),
    (layers.UnitNormalization(), (3,)),
    (layers.PReLU(), (3,)),
    (layers.Softmax(), (3,)),
    (layers.Embedding(5, 2), (3,)),
    (layers.CategoryEncoding(5, "one_hot"), (1,)),
    (layers.CategoryEncoding(5, "count"), (3,)),
    (layers.Lambda(jnp.sin), (3,)),
    (jn.repeat(jn.Dense(3, "relu"), 3), (3,)),
    (jn.residual(jn.Dense(3)), (3,)),
]


def classifier():
    model = jn.Sequential(
        [
            layers.Flatten(input_shape=(2, 3)),
            layers.Dense(8, "gelu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, "softmax"),
        ]
    )
    shapes = [weight.shape for weight in model.get_weights()]
    model.set_weights([np.abs(normal(*shape)) for shape in shapes])
    return model


def wide_and_deep():
    wide, deep = layers.Input((4,), name="wide"), layers.Input((3,), name="deep")
    code = layers.Flatten()(layers.Embedding(5, 2)(deep))
    both = layers.Concatenate()([wide, code])
    outputs = [layers.Dense(2, name="two")(both), layers.Dense(1, name="one")(code)]
    return jn.Model([wide, deep], outputs)


WITHOUT_US = """
import sys
sys.modules["jaxnet_mini"] = None
import jax, numpy as np
from jax import export

def read(name):
    with open(name, "rb") as file:
        exported = export.deserialize(bytearray(file.read()))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    return exported

given, found = dict(np.load("given.npz")), {}
call = read("small.stablehlo").call
for rows in (1, 7, 1000):
    found[f"small{rows}"] = call(given["x"][:rows])
inputs = {name: given[name] for name in ("wide", "deep")}
found["two"], found["one"] = read("several.stablehlo").call(inputs)
np.savez("found.npz", **found)
"""


def test_a_file_runs_with_jax_alone(tmp_path):
    small, several = classifier(), wide_and_deep()
    small.export(tmp_path / "small.stablehlo")
    several.export(tmp_path / "several.stablehlo")
    given = {"x": normal(1000, 2, 3), "wide": normal(7, 4)}
    given["deep"] = np.arange(21, dtype=np.int32).reshape(7, 3) % 5
    np.savez(tmp_path / "given.npz", **given)
    run("-c", WITHOUT_US, folder=tmp_path)
    found = dict(np.load(tmp_path / "found.npz"))
    expected = small.predict(given["x"])
    for rows in (1, 7, 1000):
        np.testing.assert_allclose(found[f"small{rows}"], expected[:rows], **CLOSE)
    # And here, in the forms that predict takes.
    inputs = [given["wide"], given["deep"]]
    two, one = several.predict(inputs)
    loaded = load_stablehlo(tmp_path / "several.stablehlo")
    for x in (inputs, {"deep": inputs[1], "wide": inputs[0]}):
        for outputs in ([found["two"], found["one"]], loaded(x)):
            assert isinstance(outputs, list)
            np.testing.assert_allclose(outputs[0], two, **CLOSE)
            np.testing.assert_allclose(outputs[1], one, **CLOSE)
    loaded = load_stablehlo(tmp_path / "small.stablehlo")
    y = loaded(given["x"])
    np.testing.assert_allclose(y, expected, **CLOSE)
    y[:] = 0  # the caller's own


@pytest.mark.one_in(12)
@pytest.mark.parametrize(
    ("layer", "input_shape"),
    [*((jn.Dense(4, name), (3,)) for name in ACTIVATIONS), *OTHER_LAYERS, *LAYERS],
    ids=repr,
)
def test_every_layer_takes_any_number_of_rows(layer, input_shape):
    _, params = layer.init(jax.random.key(1), input_shape)
    state = protocol.init_state(layer, input_shape)
    loaded = Loaded(to_stablehlo(layer, params, input_shape, state))
    (one,) = loaded.metadata["inputs"].values()
    assert one["shape"] == [None, *input_shape]
    x = normal(7, *input_shape)
    if one["dtype"] == "int32":
        x = np.arange(x.size, dtype=np.int32).reshape(x.shape) % 5
    y, _ = protocol.run(layer, params, state, jnp.asarray(x))
    np.testing.assert_allclose(loaded(x), y, rtol=1e-5, atol=1e-6)


def dense(**options):
    layer = jn.Dense(3)
    _, params = layer.init(jax.random.key(0), (4,))
    return to_stablehlo(layer, params, (4,), **options)


@pytest.mark.parametrize(
    "key", [np.s_[:, 0], np.s_[:, -2:], np.s_[:, ::2], np.s_[:, None]], ids=str
)
def test_parts_of_arrays_are_those_of_any_number_of_rows(key, tmp_path):
    x, inputs = normal(5, 4), jn.Input((4,))
    model = jn.Model(inputs, inputs[key] * 2)
    model.export(tmp_path / "net.stablehlo")
    found = load_stablehlo(tmp_path / "net.stablehlo")(x)
    np.testing.assert_array_equal(found, 2 * x[key])


def test_the_last_line_says_what_the_file_is():
    data = dense(classes=["a", "b", "c"])
    metadata = json.loads(data.splitlines()[-1])
    assert metadata["jax"] == jax.__version__
    assert metadata["jaxnet_mini"] == jn.__version__
    assert metadata["classes"] == ["a", "b", "c"]
    assert metadata["inputs"] == {
        "input_layer": {"shape": [None, 4], "dtype": "float32"}
    }
    assert metadata["outputs"] == {"dense": {"shape": [None, 3], "dtype": "float32"}}
    assert Loaded(data).metadata == metadata
    with pytest.raises(
        ArgumentError, match="classes must be a list of names, not 'abc'"
    ):
        dense(classes="abc")


def test_a_file_holds_no_path_and_is_the_same_each_time():
    data = dense()
    assert data == dense()
    program = export.deserialize(bytearray(data)).mlir_module_serialized
    assert b"jaxnet_mini" not in program
    assert b".py" not in program


def test_arrays_of_other_kinds_are_refused():
    """JAX takes float64 for float32, and says nothing."""
    loaded, x = Loaded(dense()), normal(5, 4)
    with pytest.raises(DataError, match=r"float64.*write x.astype\('float32'\)"):
        loaded(x.astype(np.float64))
    with pytest.raises(DataError, match="int64, and the file takes float32"):
        loaded([[1, 2, 3, 4]])
    with pytest.raises(ShapeError, match=r"\(5, 3\), and the file takes \(None, 4\)"):
        loaded(x[:, :3])
    for one in (x[0], np.float32(3.0)):
        with pytest.raises(ShapeError, match=r"takes \(None, 4\)"):
            loaded(one)
    with pytest.raises(DataError, match="no rows"):
        loaded(x[:0])
    with pytest.raises(ArgumentError, match="seed is 3, and the network takes no seed"):
        loaded(x, seed=3)
    assert loaded({"input_layer": x}).shape == (5, 3)


def test_one_number_of_rows():
    loaded = Loaded(dense(batch_size=2))
    assert loaded(normal(2, 4)).shape == (2, 3)
    with pytest.raises(ShapeError, match=r"\(3, 4\), and the file takes \(2, 4\)"):
        loaded(normal(3, 4))
    with pytest.raises(ArgumentError, match=r"batch_size must be .* not 0"):
        dense(batch_size=0)


def test_the_command_line_takes_the_options_of_the_method(tmp_path):
    small, source = classifier(), str(tmp_path / "small.safetensors")
    small.save(source)
    names, target = ["a", "b", "c"], tmp_path / "small.stablehlo"
    given = ["--batch-size", "2", "--classes", *names]
    main([source, str(target), *given])
    small.export(tmp_path / "expected", "stablehlo", batch_size=2, classes=names)
    assert target.read_bytes() == (tmp_path / "expected").read_bytes()
    assert load_stablehlo(target).metadata["classes"] == names
    for wrong in ("0", "-1", "two", "1.5"):
        said = f"batch_size must be an integer of at least 1, not '?{wrong}"
        with pytest.raises(SystemExit, match=said):
            main([source, str(tmp_path / "wrong.stablehlo"), f"--batch-size={wrong}"])
    said = "no option 'batch_size' for this format: known are classes, trace"
    with pytest.raises(SystemExit, match=said):
        main([source, str(tmp_path / "wrong.onnx"), *given])
    with pytest.raises(SystemExit, match="no option 'trace'"):
        main([source, str(tmp_path / "wrong.stablehlo"), "--trace"])
    assert not list(tmp_path.glob("wrong*"))


def test_several_inputs_are_of_as_many_rows(tmp_path):
    wide_and_deep().export(tmp_path / "net.stablehlo")
    loaded = load_stablehlo(tmp_path / "net.stablehlo")
    deep = np.zeros((3, 3), np.int32)
    with pytest.raises(DataError, match=r"x\[1\] has 3 rows and x\[0\] has 2"):
        loaded([normal(2, 4), deep])
    with pytest.raises(DataError, match=r"x\['deep'\] has dtype int64"):
        loaded({"wide": normal(3, 4), "deep": deep.astype(np.int64)})
    with pytest.raises(ArgumentError, match="2 inputs, 'wide', 'deep'"):
        loaded([deep])


class AlwaysDropped(jn.Model):
    def __init__(self):
        super().__init__()
        self.dropout, self.dense = layers.Dropout(0.5), layers.Dense(2)

    def call(self, x):
        return self.dense(self.dropout(x, training=True))


def test_what_is_drawn_in_every_prediction_is_drawn_of_a_seed(tmp_path):
    model, x = AlwaysDropped(), normal(6, 4)
    model.build((None, 4))
    model.export(tmp_path / "drawn.stablehlo")
    loaded = load_stablehlo(tmp_path / "drawn.stablehlo")
    np.testing.assert_array_equal(loaded(x, seed=1), loaded(x, seed=1))
    assert not np.allclose(loaded(x, seed=1), loaded(x, seed=2))
    with pytest.raises(ArgumentError, match="the network needs a seed"):
        loaded(x)


class Counts(layers.Base):
    """A layer of a user's that asks how many rows there are."""

    def apply(self, params, x, *, key=None, training=False):
        return x * (1.0 / int(x.shape[0]))


class CallsBack(layers.Base):
    def apply(self, params, x, *, key=None, training=False):
        return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


def test_what_jax_cannot_write_is_refused():
    with pytest.raises(LayerError, match=r"cannot be written .* give batch_size"):
        to_stablehlo(Counts(), {}, (4,))
    x = normal(2, 4)
    loaded = Loaded(to_stablehlo(Counts(), {}, (4,), batch_size=2))
    np.testing.assert_allclose(loaded(x), x / 2)
    with pytest.raises(LayerError, match=r"cannot be written .* outside of the compil"):
        to_stablehlo(CallsBack(), {}, (4,), batch_size=2)


def test_a_program_in_words_of_years_to_come_is_refused(tmp_path, capfd):
    head, line = dense()[:-1].rsplit(b"\n", 1)
    assert b"dot_general_v2" in head
    head = head.replace(b"dot_general_v2", b"dot_general_v9")
    metadata = json.loads(line) | {"sha256": hashlib.sha256(head).hexdigest()}
    metadata["jax"] = "0.99.0"
    path = tmp_path / "later.stablehlo"
    path.write_bytes(head + b"\n" + json.dumps(metadata).encode())
    said = f"later.* was written by JAX 0.99.0, and JAX {jax.__version__} cannot run"
    with pytest.raises(FileError, match=f"{said}.* it anew with .* jax==0.99.0"):
        load_stablehlo(path)
    capfd.readouterr()  # the compiler says more


def test_damage_and_other_files_are_seen(tmp_path):
    data = dense()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    with pytest.raises(FileError, match="is damaged: write it anew"):
        Loaded(flipped)
    plain = export.export(jax.jit(jnp.sin))(jax.ShapeDtypeStruct((2,), jnp.float32))
    for other in (b"", data[:-9], plain.serialize(), b"{}\n"):
        with pytest.raises(FileError, match=r"'a\.stablehlo' is no file"):
            Loaded(bytes(other), "a.stablehlo")
    with pytest.raises(FileError, match="there is no file"):
        load_stablehlo(tmp_path / "none.stablehlo")


# With other packages, each in an environment of its own.


def python_with(folder, *packages):
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(install, check=True)
    return python


READS = """
import sys, numpy as np
from jax import export
with open(sys.argv[1], "rb") as file:
    exported = export.deserialize(bytearray(file.read()))
print(exported.call(np.load("x.npy")).tolist())
"""


@pytest.mark.long
@pytest.mark.parametrize("version", ["0.9.0", "0.10.2", "0.12.0"])
def test_older_versions_of_jax_read_what_newer_ones_write(version, tmp_path):
    if jax.__version_info__ < (0, 9):
        pytest.skip("JAX before 0.9 writes another format")
    small, x = classifier(), normal(7, 2, 3)
    small.export(tmp_path / "small.stablehlo")
    np.save(tmp_path / "x.npy", x)
    python = python_with(tmp_path / "other", f"jax[cpu]=={version}", "flatbuffers")
    command = [python, "-c", READS, "small.stablehlo"]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    y = np.array(json.loads(printed.stdout), np.float32)
    np.testing.assert_allclose(y, small.predict(x), rtol=1e-5, atol=1e-6)


IREE = """
import numpy as np, iree.compiler, iree.runtime
code = iree.compiler.compile_file(
    "small.mlirbc", input_type="stablehlo", target_backends=["llvm-cpu"],
    extra_args=["--iree-llvmcpu-target-cpu=generic"],
)
context = iree.runtime.SystemContext(config=iree.runtime.Config("local-task"))
context.add_vm_module(iree.runtime.VmModule.copy_buffer(context.instance, code))
main = context.modules.jit_predict["main"]
print(np.asarray(main(np.int32(0), np.load("x.npy"))).tolist())
"""


@pytest.mark.long
def test_iree_compiles_one_number_of_rows(tmp_path):
    small, x = classifier(), normal(2, 2, 3)
    small.export(tmp_path / "small.stablehlo", batch_size=2)
    data = (tmp_path / "small.stablehlo").read_bytes()
    program = export.deserialize(bytearray(data)).mlir_module_serialized
    (tmp_path / "small.mlirbc").write_bytes(program)
    np.save(tmp_path / "x.npy", x)
    packages = ["iree-base-compiler==3.13.0", "iree-base-runtime==3.13.0"]
    python = python_with(tmp_path / "iree", *packages)
    command = [python, "-c", IREE]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    y = np.array(json.loads(printed.stdout), np.float32)
    np.testing.assert_allclose(y, small.predict(x), rtol=1e-5, atol=1e-6)

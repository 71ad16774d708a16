"""Models and weights in safetensors files: what comes back, and what is refused."""

import copy
import dataclasses
import itertools
import json
import os
import pickle
import stat
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import safetensors.numpy
from oracles import assert_trees_identical, raises_text, unchecked_types, x64

import jaxnet_mini as jn
from jaxnet_mini.errors import (
    ArgumentError,
    DataError,
    FileError,
    LayerError,
    ShapeError,
    StateError,
    UnknownNameError,
)
from jaxnet_mini.files import safetensors as saving
from jaxnet_mini.models import held, load

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = RNG.integers(0, 2, 40)


def network(seed=7, **compiled):
    model = jn.Sequential(
        [
            jn.Dense(4, "relu", input_dim=3),
            jn.Dropout(0.3),
            jn.LayerNormalization(),
            jn.Dense(2, "softmax", name="out"),
        ],
        name="small",
        seed=seed,
    )
    settings = {
        "optimizer": "adam",
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    model.compile(**(settings | compiled))
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def weights_path(tmp_path):
    return tmp_path / "model.weights.safetensors"


def header_of(path):
    """The metadata and the entries of a file, read by the published format."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    return metadata, header


# Weights


def test_weights_stand_under_their_paths(weights_path):
    model = network()
    model.save_weights(weights_path)
    found = safetensors.numpy.load_file(weights_path)
    assert set(found) == {weight.path for weight in model.weights}
    for weight in model.weights:
        np.testing.assert_array_equal(found[weight.path], weight.numpy())
        assert found[weight.path].dtype == weight.dtype


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_weights_come_back(weights_path, as_path):
    model, other = network(seed=1), network(seed=2)
    model.fit(X, Y, verbose=0)
    model.save_weights(as_path(weights_path))
    other.load_weights(as_path(weights_path))
    assert_trees_identical(other.params, model.params)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_the_optimizer_keeps_its_state_when_weights_are_loaded(weights_path):
    model = network()
    model.save_weights(weights_path)
    model.fit(X, Y, verbose=0)
    before = model.state
    model.load_weights(weights_path)
    assert_trees_identical(model.state.optimizer_state, before.optimizer_state)
    assert int(model.state.step) == int(before.step)


def test_weights_of_a_whole_model_load(path):
    model, other = network(seed=1), network(seed=2)
    model.fit(X, Y, verbose=0)
    model.save(path)
    other.load_weights(path)
    assert_trees_identical(other.params, model.params)
    assert int(other.state.step) == 0


def test_weights_of_another_writer_load(weights_path):
    """Any file with the right names will do."""
    model = network()
    arrays = {w.path: RNG.normal(size=w.shape).astype("f") for w in model.weights}
    safetensors.numpy.save_file(arrays, weights_path)
    model.load_weights(weights_path)
    for weight in model.weights:
        np.testing.assert_array_equal(weight.numpy(), arrays[weight.path])


def test_loaded_weights_do_not_hold_the_file(weights_path):
    model = network()
    model.save_weights(weights_path)
    model.load_weights(weights_path)
    before = model.get_weights()
    weights_path.write_bytes(b"0" * weights_path.stat().st_size)
    for array, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, same)


def test_another_architecture_says_what_differs(weights_path):
    network().save_weights(weights_path)
    other = jn.Sequential([jn.Dense(5, input_dim=3), jn.Dense(2)])
    before = other.get_weights()
    with raises_text(
        ShapeError,
        f"{str(weights_path)!r} does not fit the model, and nothing was changed: ",
        "dense/kernel has shape (3, 4) there and (3, 5) in the model; "
        "dense/bias has shape (4,) there and (5,) in the model; "
        "dense_1/kernel is missing there; dense_1/bias is missing there; "
        "layer_normalization/beta is there and not in the model; and 3 more. ",
    ):
        other.load_weights(weights_path)
    for array, same in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_floats_of_another_width_are_cast_at_every_way_in(weights_path, dtype):
    kernel = RNG.normal(size=(3, 2)).astype(dtype)
    expected = kernel.astype(np.float32)
    safetensors.numpy.save_file({"dense/kernel": kernel}, weights_path)

    def assign(model):
        model.params = {"dense": {"kernel": kernel}}

    for put in (
        lambda model: model.load_weights(weights_path),
        lambda model: model.set_weights([kernel]),
        assign,
    ):
        model = jn.Sequential([jn.Dense(2, input_dim=3, use_bias=False)])
        put(model)
        np.testing.assert_array_equal(model.get_weights()[0], expected, strict=True)


def test_numbers_that_float32_cannot_hold_are_refused(weights_path):
    model = jn.Sequential([jn.Dense(2, input_dim=3, use_bias=False)])
    (before,) = model.get_weights()
    huge = {"dense/kernel": np.full((3, 2), 1e300)}
    safetensors.numpy.save_file(huge, weights_path)
    words = "the weight 'dense/kernel' is of float32 and was given 1e+300"
    with raises_text(DataError, repr(str(weights_path)), words, "in its range"):
        model.load_weights(weights_path)
    quantized = {"dense/kernel": np.ones((3, 2), np.int8)}
    safetensors.numpy.save_file(quantized, weights_path)
    with raises_text(ShapeError, "has dtype int8 there and float32 in the model. "):
        model.load_weights(weights_path)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_weights_of_integers_are_exact_or_refused():
    model = jn.Sequential([jn.Input((3,)), Scaled("int8")])
    arrays = model.get_weights()
    model.set_weights([np.asarray(array, np.float64) + 2 for array in arrays])
    np.testing.assert_array_equal(model.get_weights()[0], np.full(3, 3, np.int8))
    for number in (300, 0.5):
        with raises_text(DataError, f"is of int8 and was given {number}"):
            model.set_weights([np.full(np.shape(array), number) for array in arrays])


def test_unbuilt_models_have_no_weights(path, weights_path):
    model = jn.Sequential([jn.Dense(3)])
    for call in (
        lambda: model.save_weights(weights_path),
        lambda: model.load_weights(weights_path),
        lambda: model.save(path),
    ):
        with raises_text(StateError, "the input shape is not known yet"):
            call()


@dataclasses.dataclass(frozen=True)
class Scaled:
    """A layer of a user's, with weights of any dtype and depth."""

    dtype: str = "float32"
    name: str | None = None

    def init(self, key, input_shape):
        scale = jnp.ones(input_shape, self.dtype)
        return input_shape, {"scale": scale, "deep": {"pair": (scale, scale[0])}}

    def apply(self, params, x, *, key=None, training=False):
        return x * params["scale"].astype(x.dtype)[None]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int8", "bool"])
def test_every_dtype_and_scalars_come_back(path, dtype):
    model = jn.Sequential([jn.Input((3,)), Scaled(dtype)])
    model.save(path)
    again = load.load_model(path, {"Scaled": Scaled})
    assert_trees_identical(again.params, model.params)
    assert again.params["scaled"]["deep"]["pair"][1].shape == ()
    assert again.params["scaled"]["scale"].dtype == dtype


def test_float64_comes_back(path):
    with x64():
        model = network()
        model.fit(X, Y, verbose=0)
        model.save(path)
        again = load.load_model(path)
        assert_trees_identical(again.state, model.state)
        assert again.weights[0].dtype == np.float64
    with raises_text(ShapeError, "has dtype float64 there and float32 in the model"):
        load.load_model(path)


def test_arrays_that_are_not_contiguous_are_written_in_order(tmp_path):
    """safetensors itself writes the bytes in the order of the memory."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    for number, view in enumerate((array.T, array[:, ::2], array[::-1])):
        file = tmp_path / f"{number}.safetensors"
        saving.write(file, {"view": view}, {})
        np.testing.assert_array_equal(saving.read(file).arrays["view"], view)


def test_a_dtype_that_no_file_holds(tmp_path):
    with raises_text(FileError, "'key' has the dtype ", "cannot be saved: known are"):
        saving.write(tmp_path / "x", {"key": np.zeros(2, np.complex128)}, {})
    assert not list(tmp_path.iterdir())


# Whole models


OPTIMIZERS = [
    "adam",
    "adamw",
    "rmsprop",
    "adagrad",
    "lion",
    "nadam",
    "sgd",
    jn.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    jn.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    jn.optimizers.Adafactor(0.05),
    jn.optimizers.Muon(0.05, exclude_layers=("^last/", "bias"), rms_rate=None),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.one_in(6)
def test_training_goes_on_bit_for_bit(path, optimizer):
    """With the model's own seed, as if the model had never been away."""
    model = network(optimizer=optimizer)
    with jax.numpy_dtype_promotion("standard"):  # optax's own code needs it
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        model.save(path)
        again = load.load_model(path)
        assert_trees_identical(again.state, model.state)
        assert again.trainer == model.trainer
        histories = [
            each.fit(X, Y, batch_size=8, epochs=2, verbose=0).history
            for each in (model, again)
        ]
    assert histories[0] == histories[1]
    assert_trees_identical(again.state, model.state)


def test_two_epochs_and_two_are_four(path):
    """With a seed for the order, 2 + save + load + 2 epochs are 4 in one go."""
    whole, first = network(), network()
    whole.fit(X, Y, epochs=4, verbose=0, seed=5)
    first.fit(X, Y, epochs=2, verbose=0, seed=5)
    first.save(path)
    again = load.load_model(path)
    again.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, seed=5)
    assert_trees_identical(again.state, whole.state)


def test_no_program_is_compiled_anew(path):
    """What was loaded is of the same types, so that it runs the same programs."""
    from jaxnet_mini.devices import programs

    model = network()
    model.fit(X, Y, verbose=0)
    model.save(path)
    compiled = programs.loop.jitted._cache_size()
    load.load_model(path).fit(X, Y, verbose=0)
    assert programs.loop.jitted._cache_size() == compiled


def test_everything_of_a_model_comes_back(path):
    model = network(seed=11, optimizer=jn.optimizers.Adam(0.01, epsilon=1e-5))
    model.fit(X, Y, verbose=0)
    model.optimizer.learning_rate = 0.25
    model.save(path)
    again = load.load_model(path)
    assert type(again) is jn.Sequential
    assert again.layers == model.layers
    assert (again.name, again.seed) == ("small", 11)
    assert again.input_shape == (None, 3)
    assert again.optimizer.learning_rate == 0.25
    assert again.trainer == model.trainer
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_models_that_were_never_trained_or_compiled(path):
    model = network()
    model.save(path)
    assert "/optimizer/count" not in header_of(path)[1]
    again = load.load_model(path)
    for each in (model, again):
        each.fit(X, Y, verbose=0)
    assert_trees_identical(again.state, model.state)
    plain = jn.Sequential([jn.Dense(3, input_dim=2)])
    plain.save(path)
    again = load.load_model(path)
    assert_trees_identical(again.params, plain.params)
    with raises_text(StateError, "the model is not compiled"):
        again.fit(X, Y)


def test_compile_settings_can_be_left_out(path):
    model = network()
    model.fit(X, Y, verbose=0)
    model.save(path)
    again = load.load_model(path, compile=False)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    with raises_text(StateError, "the model is not compiled"):
        again.evaluate(X, Y)
    again.compile("sgd", "mse")
    assert int(again.state.step) == int(model.state.step)


def test_the_header_is_json_and_the_file_holds_no_code(path):
    model = network()
    model.fit(X, Y, verbose=0)
    model.save(path)
    metadata, entries = header_of(path)
    assert list(metadata) == ["jaxnet_mini"]
    header = json.loads(metadata["jaxnet_mini"])
    assert header["format"] == "model"
    assert header["version"] == 1
    assert header["model"] == model.get_config()
    assert header["compile"] == model.get_compile_config()
    assert header["state"] == {"key": "threefry2x32", "optimizer": True}
    names = {weight.path for weight in model.weights}
    assert names <= set(entries)
    assert all(name.startswith("/") for name in set(entries) - names)
    assert "/optimizer/hyperparams/learning_rate" in entries


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model = network()
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for file in files:
        model.save(file)
    assert len({file.read_bytes() for file in files}) == 1


def test_loading_imports_nothing(path):
    """Beyond what saving did."""
    model = network()
    model.save(path)
    load.load_model(path)
    before = set(sys.modules)
    load.load_model(path)
    assert set(sys.modules) == before


@pytest.mark.parametrize(("implementation", "units"), [("rbg", 5), ("unsafe_rbg", 6)])
def test_other_kinds_of_keys_come_back(path, implementation, units):
    """Each with a model of its own: compiled programs keep the kind of their first."""
    before = jax.config.jax_default_prng_impl
    jax.config.update("jax_default_prng_impl", implementation)
    try:
        model = jn.Sequential([jn.Dense(units, input_dim=3)], seed=3)
        model.save(path)
    finally:
        jax.config.update("jax_default_prng_impl", before)
    again = load.load_model(path)
    assert str(jax.random.key_impl(held.of(again).state.key)) == implementation
    assert_trees_identical(held.of(again).state, held.of(model).state)


# A user's own


@dataclasses.dataclass(frozen=True)
class Lamb(jn.optimizers.Optimizer):
    """An optimizer of optax, made ours in three lines."""

    factory = staticmethod(optax.lamb)


def halved(y_true, y_pred):
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1) / 2.0


def double(x):
    return x * 2.0


def own_model():
    model = jn.Sequential(
        [jn.Input((3,)), Scaled(name="s"), jn.Dense(2, double)], seed=3
    )
    model.compile(Lamb(0.1), halved, [halved])
    with jax.numpy_dtype_promotion("standard"):  # optax's own code needs it
        model.fit(X, X[:, :2], verbose=0)
    return model


OWN = {"Lamb": Lamb, "Scaled": Scaled, "double": double, "halved": halved}


def test_own_layers_losses_and_optimizers_come_back(path):
    model = own_model()
    model.save(path)
    again = load.load_model(path, OWN)
    # All but the mark of a compile: what is a user's own is traced by each anew.
    trainers = [dataclasses.replace(m.trainer, trace=None) for m in (again, model)]
    assert trainers[0] == trainers[1]
    with jax.numpy_dtype_promotion("standard"):  # optax's own code needs it
        for each in (model, again):
            each.fit(X, X[:, :2], verbose=0)
    assert_trees_identical(again.state, model.state)


def test_the_message_says_what_of_ones_own_is_missing(path):
    own_model().save(path)
    with raises_text(
        UnknownNameError,
        f"{path}: of what is named here, not of this library: Scaled, double. ",
        'Give custom_objects={"Scaled": Scaled, "double": double}.',
    ):
        load.load_model(path)
    layers = {"Scaled": Scaled, "double": double}
    with raises_text(
        UnknownNameError,
        f"{path}: the compile settings, which compile=False leaves out: ",
        'Give custom_objects={"Lamb": Lamb, "halved": halved}.',
    ):
        load.load_model(path, layers)
    assert load.load_model(path, layers, compile=False).predict(X).shape == (40, 2)


def test_a_class_of_other_weights_is_refused(path):
    @dataclasses.dataclass(frozen=True)
    class Other(Scaled):
        def init(self, key, input_shape):
            return input_shape, {"scale": jnp.ones(5)}

    own_model().save(path)
    with raises_text(
        ShapeError, f"{path}: the file does not fit the model", "s/scale has shape (3,)"
    ):
        load.load_model(path, OWN | {"Scaled": Other})


def test_optax_transformations_have_no_name(path, weights_path):
    model = network(optimizer=optax.adam(0.1))
    with raises_text(
        ArgumentError,
        "the optimizer cannot be saved: an optax transformation",
        "model.save_weights",
        "a subclass of jaxnet_mini.optimizers.Optimizer",
    ):
        model.save(path)
    assert not path.exists()
    model.save_weights(weights_path)
    model.load_weights(weights_path)


def test_a_schedule_with_a_name_comes_back(path):
    schedule = optax.cosine_decay_schedule(0.1, 20)
    model = network(optimizer=jn.optimizers.SGD(schedule, momentum=0.9))
    with jax.numpy_dtype_promotion("standard"):  # optax's own code needs it
        model.fit(X, Y, verbose=0)
        model.save(path)
        again = load.load_model(path, {schedule.__name__: schedule})
        for each in (model, again):
            each.fit(X, Y, verbose=0)
    assert_trees_identical(again.state, model.state)


def test_a_lambda_is_refused_before_anything_is_written(path):
    network().save(path)
    before = path.read_bytes()
    model = network(loss=lambda y_true, y_pred: y_pred[:, 0])
    with raises_text(ArgumentError, "the loss.function cannot be saved: <function "):
        model.save(path)
    model = jn.Sequential([jn.Dense(2, lambda x: x, input_dim=3)])
    with raises_text(ArgumentError, "the layer 'dense'.activation cannot be saved"):
        model.save(path)
    assert path.read_bytes() == before


# Names of files


def test_names_must_end_as_they_should(tmp_path):
    model = network()
    wanted = "must end in '.weights.safetensors' or '.weights.h5', and"
    for name in ("model.safetensors", "model.keras", "model.h5"):
        with raises_text(FileError, wanted, "does not"):
            model.save_weights(tmp_path / name)
    wanted = "must end in '.safetensors' or '.keras' or '.h5' or '.hdf5', and"
    with raises_text(FileError, wanted, "does not"):
        model.save(tmp_path / "model")
    wanted = "weights alone: drop '.weights'"
    for name in ("model.weights.h5", "model.weights.safetensors"):
        with raises_text(FileError, wanted, "model.save_weights"):
            model.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_files_are_replaced_unless_told_otherwise(path):
    network(seed=1).save(path)
    network(seed=2).save(path)
    assert load.load_model(path).seed == 2
    with raises_text(FileError, "exists already: give overwrite=True or another name"):
        network(seed=3).save(path, overwrite=False)
    assert load.load_model(path).seed == 2


def test_folders_that_are_not_there(tmp_path, path):
    with raises_text(FileError, "the folder ", "does not exist: create it first"):
        network().save(tmp_path / "nowhere" / "model.safetensors")
    path.mkdir()
    with raises_text(FileError, "is a folder: give the name of a file"):
        network().save(path)
    for there in (path, tmp_path / "absent.safetensors"):
        with raises_text(FileError, f"there is no file {str(there)!r}"):
            load.load_model(there)


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    network().save(path)
    before = path.read_bytes()

    def fails(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with raises_text(FileError, "cannot be written: ", "No space left on device"):
        network(seed=2).save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_others_may_read_the_file(path):
    """As any file that a program writes, by the user's umask."""
    mask = os.umask(0o022)
    try:
        network().save(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_link_stays_a_link(tmp_path, path):
    link = tmp_path / "latest.safetensors"
    network(seed=1).save(path)
    link.symlink_to(path)
    network(seed=2).save(link)
    assert link.is_symlink()
    assert load.load_model(path).seed == 2


# Files that are not what they should be


def with_header(path, change):
    """The file again, with another header of ours."""
    arrays = safetensors.numpy.load_file(path)
    header = json.loads(header_of(path)[0]["jaxnet_mini"])
    text = change(header)
    text = text if isinstance(text, str) else json.dumps(header)
    safetensors.numpy.save_file(arrays, path, {"jaxnet_mini": text})


def test_damaged_files_are_refused(path):
    network().save(path)
    data = path.read_bytes()
    pieces = [b"", data[:4], data[:60], data[:-1], data + b"0", b"\xff" * 100]
    pieces += [data[:8] + b"[" + data[9:], data.replace(b'"F32"', b'"F99"')]
    for piece in pieces:
        path.write_bytes(piece)
        with raises_text(FileError, "is no intact safetensors file: "):
            load.load_model(path)
        with raises_text(FileError, "is no intact safetensors file: "):
            network().load_weights(path)


def test_files_of_weights_are_no_models(path, weights_path):
    model = network()
    model.save_weights(weights_path)
    with raises_text(FileError, "holds weights only", "call model.load_weights"):
        load.load_model(weights_path)
    safetensors.numpy.save_file({"a": np.zeros(3)}, path)
    with raises_text(FileError, "holds no model that model.save wrote"):
        load.load_model(path)


def set_version(header):
    header["version"] = 2


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        (set_version, FileError, "reads up to 1: upgrade jaxnet_mini"),
        (lambda h: h.pop("version") * 0, FileError, "None for the version"),
        (lambda h: h.update(version=True), FileError, "True for the version"),
        (lambda h: h.update(extra=1), UnknownNameError, "unknown entry of the header"),
        (lambda h: h.pop("state") and None, ArgumentError, "needs the entry 'state'"),
        (lambda h: h["state"].update(key="x"), UnknownNameError, "kind of key 'x'"),
        (lambda h: h.update(model=[]), ArgumentError, "header: 'model' cannot be []"),
        (
            lambda h: h["model"].update(seed=-1),
            ArgumentError,
            "seed must be an integer",
        ),
        (lambda h: h["model"].update(seed="1"), ArgumentError, "'seed' cannot be '1'"),
        (lambda h: h["model"].update(input_shape=[4]), ShapeError, "(3,)"),
        (lambda h: h["compile"].update(loss=3), ArgumentError, "'loss' cannot be 3"),
        (lambda h: '{"format": "model", "format": "x"}', FileError, "stands twice"),
        (lambda h: "[1]", FileError, "its JSON must be an object"),
    ],
)
def test_headers_that_are_wrong_are_refused(path, change, error, why):
    network().save(path)
    with_header(path, change)
    with raises_text(error, str(path), why):
        load.load_model(path)


def test_what_is_no_layer_is_refused(path):
    network().save(path)
    with_header(path, lambda header: header["model"].update(layers=[1]))
    with unchecked_types(), raises_text(LayerError, str(path), "1 is no layer"):
        load.load_model(path)


def test_arrays_that_do_not_fit_are_refused(path):
    model = network()
    model.fit(X, Y, verbose=0)
    model.save(path)
    metadata, _ = header_of(path)
    arrays = safetensors.numpy.load_file(path)
    for name, value, why in [
        ("/step", np.zeros(2, np.int32), "/step has shape (2,) there"),
        ("/key", np.zeros(3, np.uint32), "/key has shape (3,) there"),
        ("/optimizer/count", np.zeros((), np.float32), "/optimizer/count has dtype"),
        ("/more", np.zeros(1, np.float32), "/more is there and not in the model"),
        ("out/bias", np.zeros(9, np.float32), "out/bias has shape (9,) there"),
    ]:
        safetensors.numpy.save_file(arrays | {name: value}, path, metadata)
        with raises_text(ShapeError, f"{path}: the file does not fit the model", why):
            load.load_model(path)


def test_sizes_are_checked_before_memory_is_taken(path):
    """A header may claim a layer that no machine could hold."""
    network().save(path)

    def huge(header):
        header["model"]["layers"][0]["config"]["units"] = 10**12

    with_header(path, huge)
    with raises_text(ShapeError, "dense/kernel has shape (3, 4) there and (3, 100000"):
        load.load_model(path)


# Architectures


def test_the_architecture_comes_back():
    model = network(seed=4)
    for again in (
        jn.Sequential.from_config(model.get_config()),
        load.model_from_json(model.to_json(indent=2)),
        load.clone_model(model),
    ):
        assert again.layers == model.layers
        assert (again.name, again.seed) == (model.name, model.seed)
        assert again.output_shape == model.output_shape
        # Fresh weights, of the same seed.
        assert_trees_identical(again.params, model.params)
    for again in (
        jn.Sequential.from_config(model.get_config()),
        load.clone_model(jn.Sequential(name="small")),
    ):
        with raises_text(StateError, "the model is not compiled"):
            again.fit(X, Y)


def test_a_clone_has_new_weights():
    model = network()
    model.fit(X, Y, verbose=0)
    clone = load.clone_model(model)
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    assert_trees_identical(clone.params, network().params)
    again = network()
    histories = [one.fit(X, Y, verbose=0).history for one in (clone, again)]
    assert histories[0] == histories[1]


def test_architectures_without_a_shape_come_back():
    model = jn.Sequential([jn.Flatten(), jn.Dense(3)])
    assert model.get_config()["input_shape"] is None
    again = load.model_from_json(model.to_json())
    assert again.layers == model.layers
    assert not again.built
    assert not load.clone_model(model).built


def test_compile_settings_come_back():
    model = network(
        optimizer=jn.optimizers.Adam(0.5),
        metrics=["mse", "accuracy"],
        weighted_metrics=["mse", jn.metrics.AUC(num_thresholds=5)],
    )
    other = jn.Sequential.from_config(model.get_config())
    assert other.get_compile_config() is None
    other.compile_from_config(model.get_compile_config())
    assert other.trainer == model.trainer


def test_texts_that_describe_no_model():
    with raises_text(ArgumentError, "its JSON cannot be read"):
        load.model_from_json("{")
    with raises_text(ArgumentError, "the architecture needs the entry 'name'"):
        load.model_from_json("{}")
    with raises_text(UnknownNameError, "unknown entry of the architecture 'layer'"):
        load.model_from_json('{"layer": []}')


# Copies by Python's own means


COPIED = copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("copied", COPIED)
def test_copies_are_models_of_their_own(copied):
    model = network()
    model.fit(X, Y, verbose=0)
    again = copied(model)
    assert_trees_identical(again.state, model.state)
    before = copy.deepcopy(again.get_weights())
    model.fit(X, Y, verbose=0)
    for array, same in zip(again.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, same)
    again.fit(X, Y, verbose=0)
    assert_trees_identical(again.state, model.state)


@jn.saving.register_keras_serializable("saving")
class Inside(jn.Model):
    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.hidden, self.out = jn.Dense(units, "tanh"), jn.Dense(3)

    def call(self, x):
        return self.out(self.hidden(x))

    def get_config(self):
        return {"units": self.units}


def in_a_row():
    within = jn.Sequential([jn.Input((3,)), Inside(2), jn.Dense(3)])
    return jn.Sequential([jn.Input((3,)), within, Inside(4), jn.Dense(1)])


def in_a_graph():
    x, inside = jn.Input((3,)), Inside(4)
    both = jn.layers.Add()([inside(inside(x)), Inside(2)(x)])
    return jn.Model(x, jn.Dense(1)(both))


def alone_in_a_row():
    return jn.Sequential([jn.Input((3,)), Inside(4)])


def alone_in_two_rows():
    return jn.Sequential([jn.Input((3,)), alone_in_a_row()])


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("make", "suffix"),
    [
        *itertools.product((in_a_row, in_a_graph), (".safetensors", ".keras", ".h5")),
        (alone_in_a_row, ".safetensors"),
        (alone_in_a_row, ".keras"),
        (alone_in_two_rows, ".safetensors"),
        (alone_in_two_rows, ".keras"),
    ],
)
def test_models_of_an_own_class_within_others_come_back(tmp_path, make, suffix):
    model, path = make(), tmp_path / f"model{suffix}"
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    model.save(path)
    again = load.load_model(path)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    text = jn.models.model_from_json(model.to_json())
    assert [w.path for w in text.weights] == [w.path for w in model.weights]


@jn.saving.register_keras_serializable("saving")
class Around(jn.Model):
    def __init__(self):
        super().__init__()
        self.first, self.out = Inside(2), jn.Dense(1)
        self.others = {"a": [Inside(3)]}

    def call(self, x):
        return self.out(self.others["a"][0](self.first(x)))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("make", [Around, in_a_row, in_a_graph])
@pytest.mark.parametrize("copied", COPIED)
def test_copies_of_models_that_hold_one_of_an_own_class(make, copied):
    model, y = make(), X.sum(1, keepdims=True)
    model.compile("adam", "mse")
    model.fit(X, y, verbose=0)
    before = model.get_weights()
    again, layers = copied([model, model.layers])
    assert layers == again.layers
    assert_trees_identical(again.state, model.state)
    again.fit(X, y, verbose=0)
    for array, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, same)
    model.fit(X, y, verbose=0)
    assert_trees_identical(again.state, model.state)


@pytest.mark.parametrize("copied", COPIED)
@pytest.mark.parametrize("last", [jn.Dense, Inside])
def test_models_that_are_copied_together_share_what_they_did(copied, last):
    """One with an own class waits for all to be there, and the other does not."""
    coder = jn.Sequential([jn.Input((3,)), jn.Dense(3)])
    whole = jn.Sequential([coder, last(3)])
    for model in (coder, whole):
        model.compile("sgd", "mse")
    coder.fit(X, X, verbose=0)
    first, second = copied([coder, whole])
    first.fit(X, X, verbose=0)
    np.testing.assert_array_equal(second.get_weights()[0], first.get_weights()[0])
    second.fit(X, X, verbose=0)
    np.testing.assert_array_equal(second.get_weights()[0], first.get_weights()[0])
    assert not np.array_equal(coder.get_weights()[0], first.get_weights()[0])


def test_names_of_layers_that_a_legacy_file_has_for_others(tmp_path):
    path, x = tmp_path / "model.h5", np.ones((5, 3), np.float32)
    model = jn.Sequential([jn.Dense(2, input_dim=3, name="top_level_model_weights")])
    model.compile("sgd", "mse")
    with raises_text(ArgumentError, "has the name 'top_level_model_weights'"):
        model.save(path)
    whole = jn.callbacks.ModelCheckpoint(tmp_path / "{epoch}.h5")
    with raises_text(ArgumentError, "has the name 'top_level_model_weights'"):
        model.fit(x, x[:, :2], callbacks=[whole], verbose=0)
    assert not any(tmp_path.iterdir())
    model = jn.Sequential([jn.Dense(2, input_dim=3, name="optimizer_weights")])
    model.compile("adam", "mse")
    model.fit(x, x[:, :2], verbose=0)
    model.save(path)
    np.testing.assert_array_equal(load.load_model(path)(x), model(x))


def test_a_model_of_an_own_class_is_no_legacy_file(tmp_path):
    model, x = Inside(4), np.ones((5, 3), np.float32)
    model.compile("sgd", "mse")
    model(x)
    with raises_text(ArgumentError, "a model of a class of your own"):
        model.save(tmp_path / "model.h5")
    whole = jn.callbacks.ModelCheckpoint(tmp_path / "{epoch}.h5")
    with raises_text(ArgumentError, "a model of a class of your own"):
        model.fit(x, x, callbacks=[whole], verbose=0)
    assert not [*tmp_path.iterdir()]
